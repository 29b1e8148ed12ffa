package report

import (
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"fluent-bit-sls/shared/sls"
)

// maxKinds bounds what Log remembers. Error codes are kinds, and a server could make up
// any number of them.
const maxKinds = 64

// interval is the least time between two log lines about the same kind of error.
const interval = 30 * time.Second

// Log writes at most one line per interval about each kind of error, with the number of
// those that were left out. It is safe for concurrent use.
type Log struct {
	log *slog.Logger

	mu   sync.Mutex // guards seen
	seen map[string]*repeated
}

type repeated struct {
	last    time.Time
	leftOut int
}

// NewLog returns a Log that writes to log.
func NewLog(log *slog.Logger) *Log {
	return &Log{log: log, seen: map[string]*repeated{}}
}

// Always is the logger without the limit, for what happens seldom.
func (l *Log) Always() *slog.Logger { return l.log }

// Error logs an error of a kind, unless it is too soon after the last one.
func (l *Log) Error(kind, msg string, attrs ...any) {
	if leftOut, due := l.due(kind); due {
		l.log.Error(msg, withCount(attrs, leftOut)...)
	}
}

// Warn does the same for a warning.
func (l *Log) Warn(kind, msg string, attrs ...any) {
	if leftOut, due := l.due(kind); due {
		l.log.Warn(msg, withCount(attrs, leftOut)...)
	}
}

func withCount(attrs []any, leftOut int) []any {
	if leftOut == 0 {
		return attrs
	}
	return append(attrs, "times_before", leftOut)
}

func (l *Log) due(kind string) (leftOut int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.seen[kind]
	if r == nil {
		if len(l.seen) >= maxKinds {
			clear(l.seen)
		}
		l.seen[kind] = &repeated{last: time.Now()}
		return 0, true
	}
	if time.Since(r.last) < interval {
		r.leftOut++
		return 0, false
	}
	leftOut = r.leftOut
	r.last, r.leftOut = time.Now(), 0
	return leftOut, true
}

// Reason names an error in a line's kind and in the label reason of a lost record: SLS's
// code, "HTTP" and the status of an answer without one, as of a proxy, or "network".
func Reason(err error) string {
	var e *sls.Error
	switch {
	case !errors.As(err, &e) || e.Status == 0:
		return "network"
	case e.Code == "":
		return "HTTP" + strconv.Itoa(e.Status)
	default:
		return e.Code
	}
}
