// Package report is what an instance of the output tells of itself: its metrics and its
// log lines. Log writes at most one line per interval about the same kind of error. A
// request and a flush count; a record never does. The package never decides what
// becomes of a record.
package report
