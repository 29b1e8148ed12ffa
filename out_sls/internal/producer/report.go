package producer

import (
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"fluent-bit-sls/shared/sls"
)

// maxErrorKeys bounds what errorLog remembers; the keys are error codes, and a
// server could make up any number of them.
const maxErrorKeys = 64

// logInterval is the least time between two log lines about the same error.
const logInterval = 30 * time.Second

// errorLog writes at most one line a logInterval about each kind of error, with
// the number of those that were not written.
type errorLog struct {
	log *slog.Logger

	mu   sync.Mutex // guards seen
	seen map[string]*repeated
}

type repeated struct {
	last       time.Time
	suppressed int
}

func newErrorLog(log *slog.Logger) *errorLog {
	return &errorLog{log: log, seen: map[string]*repeated{}}
}

// report logs msg, as a warning or an error, unless a line under the same key was written less than a
// logInterval ago.
func (l *errorLog) report(level slog.Level, key, msg string, attrs ...any) {
	suppressed, due := l.due(key)
	if !due {
		return
	}
	if suppressed > 0 {
		attrs = append(attrs, "times_before", suppressed)
	}
	if level < slog.LevelError {
		l.log.Warn(msg, attrs...)
		return
	}
	l.log.Error(msg, attrs...)
}

func (l *errorLog) due(key string) (suppressed int, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.seen[key]
	if r == nil {
		if len(l.seen) >= maxErrorKeys {
			clear(l.seen)
		}
		l.seen[key] = &repeated{last: time.Now()}
		return 0, true
	}
	if time.Since(r.last) < logInterval {
		r.suppressed++
		return 0, false
	}
	suppressed = r.suppressed
	r.last, r.suppressed = time.Now(), 0
	return suppressed, true
}

// errorKey groups errors for the log, and is the reason why a record is lost: SLS's
// code, the status of an answer without one, as of a proxy, or the network.
func errorKey(err error) string {
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
