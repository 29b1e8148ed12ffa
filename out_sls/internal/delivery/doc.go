// Package delivery sends a request until each of its logs has an answer: it builds and
// compresses the log group, sends it, sends it again after a pause, isolates the records
// that SLS refuses, and mends times that SLS does not take. It has a goroutine per
// request, of which a panic fails the request and nothing else.
//
// What becomes of each log is noted in the segment's memory.Outcome. The package does not
// decide when a request may be sent: schedule.Request does.
package delivery
