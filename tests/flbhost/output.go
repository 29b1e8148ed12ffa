package flbhost

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
)

const (
	keepOutput = 64 << 10
	// errorTail is how much of it an error text shows.
	errorTail = 4 << 10
	// maxLine cuts a line that never ends.
	maxLine    = 64 << 10
	raceBanner = "WARNING: DATA RACE"
)

// output takes the host's standard output and error (Go panics, race reports,
// sanitizers) line by line, keeps their end, and hands them and the log lines
// to OnLog, one at a time.
type output struct {
	onLog func(string)

	mu      sync.Mutex // guards the fields below, held during onLog
	partial []byte
	kept    []byte
	races   int
}

// Write implements io.Writer for the process's output.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept = append(o.kept, p...)
	if over := len(o.kept) - keepOutput; over > 0 {
		o.kept = o.kept[:copy(o.kept, o.kept[over:])]
	}
	o.partial = append(o.partial, p...)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte("\n"))
		if !found && len(o.partial) < maxLine {
			return len(p), nil
		}
		o.emit(string(line))
		o.partial = append(o.partial[:0], rest...)
	}
}

func (o *output) emit(line string) {
	if strings.Contains(line, raceBanner) {
		o.races++
	}
	if o.onLog != nil {
		o.onLog(line)
	}
}

func (o *output) line(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.onLog != nil {
		o.onLog(line)
	}
}

// flush emits a last line without an end.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.partial) > 0 {
		o.emit(string(o.partial))
		o.partial = nil
	}
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.kept)
}

func (o *output) raceCount() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.races
}

// ExitError says how a host process ended that did not end in good order.
type ExitError struct {
	State  *os.ProcessState // nil when the process could not be waited for
	Stderr string           // the last 64 KiB of standard output and error
	Err    error            // what else went wrong, may be nil
}

func (h *Host) newExitError(broken, waitErr error) *ExitError {
	e := &ExitError{State: h.proc.ProcessState, Stderr: h.output.tail(), Err: broken}
	var exit *exec.ExitError
	if e.Err == nil && !errors.As(waitErr, &exit) {
		e.Err = waitErr
	}
	return e
}

// Error names the exit status or signal and shows the end of standard error.
func (e *ExitError) Error() string {
	var b strings.Builder
	b.WriteString("flbhost ended")
	if e.State != nil {
		fmt.Fprintf(&b, ": %s", e.State)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %s", e.Err)
	}
	if tail := strings.TrimSpace(e.Stderr[max(0, len(e.Stderr)-errorTail):]); tail != "" {
		fmt.Fprintf(&b, "\n%s", tail)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }
