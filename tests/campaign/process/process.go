// Package process holds what the host processes of both sides have in common: how they end,
// and what they may log.
package process

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"time"

	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/campaign/secrets"
	"fluent-bit-sls/tests/flbhost"
)

// ExitLimit is what a host may take for its end, generously for a busy machine: Fluent Bit
// waits for its flushes.
const ExitLimit = 75 * time.Second

// How incarnations end.
const (
	EndKill   = "kill"
	EndExit   = "exit"
	EndReload = "reload"
	EndCrash  = "crash" // by itself: a failure
)

// Killed tells whether a host ended by our SIGKILL: it may have crashed just
// before.
func Killed(err error) bool {
	var end *flbhost.ExitError
	if !errors.As(err, &end) || end.State == nil {
		return false
	}
	status, ok := end.State.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Log looks at each line that a host logs or prints.
type Log struct {
	Who      string
	Watch    *secrets.Watch
	Failures *report.Failures
	Expected func(line string) bool // of a host that is made to panic; nil = none is

	mu   sync.Mutex // guards tail
	tail []string
}

// Line looks at a line.
func (l *Log) Line(line string) {
	l.mu.Lock()
	l.tail = append(l.tail[max(0, len(l.tail)-20):], line)
	l.mu.Unlock()
	l.Watch.Line(l.Who, line)
	if l.Expected != nil && l.Expected(line) {
		return
	}
	for _, words := range []string{"DATA RACE", "panic", "fatal error", "caught signal"} {
		if strings.Contains(line, words) {
			l.Failures.Addf("%s logs: %s", l.Who, line)
		}
	}
}

// LastLines returns the last 20, for whoever reports a failure.
func (l *Log) LastLines() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.tail, "\n")
}
