// Package panics keeps a panic in a goroutine from ending the whole agent, in which a
// plugin is a guest. It owns how goroutines are started and what is said of a panic.
// It never decides what becomes of the work that panicked: its caller does.
package panics

import (
	"context"
	"fmt"
	"log/slog"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// quietFor is the least time between two lines about panics at one place.
	quietFor = time.Minute
	// maxPlaces bounds what is remembered: places are lines of code, so there are few.
	maxPlaces = 64
	// maxValue bounds what is shown of a value thrown.
	maxValue = 300

	// Pauses of Keep.
	leastPause = time.Second
	mostPause  = time.Minute
)

// Error is a panic that was caught.
type Error struct {
	Value any    // what was thrown
	Place string // the function that panicked, with file and line
}

func (e *Error) Error() string {
	text := fmt.Sprint(e.Value)
	if len(text) > maxValue {
		text = text[:maxValue] + "..."
	}
	return "panic in " + e.Place + ": " + text
}

// Guard starts the goroutines of one instance and reports their panics: each is
// counted, the first at a place is logged with its stack, others there once a minute
// without. It is safe for concurrent use.
type Guard struct {
	log     *slog.Logger
	counted func()
	seen    *places
}

// New returns a guard that logs to log, and calls counted for each panic. Both may be nil.
func New(log *slog.Logger, counted func()) *Guard {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Guard{log: log, counted: counted, seen: &places{last: map[string]reported{}}}
}

// Into returns the same guard with another logger.
func (g *Guard) Into(log *slog.Logger) *Guard {
	return &Guard{log: log, counted: g.counted, seen: g.seen}
}

// Catch runs f. A panic in it is reported and returned as an *Error. part says what
// f is, about what it was at, as name and value pairs for the log.
func (g *Guard) Catch(part string, f func(), about ...any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			e := &Error{Value: v, Place: place()}
			g.report(part, e, string(debug.Stack()), about)
			err = e
		}
	}()
	f()
	return nil
}

// Keep runs f until it returns without a panic, or ctx ends: after each panic there is
// a pause that grows to a minute.
func (g *Guard) Keep(ctx context.Context, part string, f func()) {
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		begin := time.Now()
		if g.Catch(part, f) == nil || ctx.Err() != nil {
			return
		}
		if time.Since(begin) > mostPause {
			pause = leastPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// Go runs f in a goroutine of wg, which a panic ends.
func (g *Guard) Go(wg *sync.WaitGroup, part string, f func()) {
	wg.Go(func() { _ = g.Catch(part, f) }) // reported, and nobody waits for a result
}

// AfterFunc runs f in a goroutine of its own after d, as time.AfterFunc does.
func (g *Guard) AfterFunc(d time.Duration, part string, f func()) *time.Timer {
	return time.AfterFunc(d, func() { _ = g.Catch(part, f) })
}

func (g *Guard) report(part string, e *Error, stack string, about []any) {
	if g.counted != nil {
		g.counted()
	}
	first, due, repeated := g.seen.due(e.Place, time.Now())
	if !due {
		return
	}
	args := append([]any{"error", e}, about...)
	if repeated > 0 {
		args = append(args, "repeated", repeated)
	}
	if first {
		args = append(args, "stack", stack)
	}
	g.log.Error("panic in "+part+", please report it", args...)
}

// places remembers where there were panics.
type places struct {
	mu   sync.Mutex // guards last; taken alone
	last map[string]reported
}

type reported struct {
	at      time.Time // last
	leftOut int       // not logged since
}

func (p *places) due(place string, now time.Time) (first, due bool, repeated int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, known := p.last[place]
	if known && now.Sub(t.at) < quietFor {
		t.leftOut++
		p.last[place] = t
		return false, false, 0
	}
	if !known && len(p.last) >= maxPlaces {
		clear(p.last)
	}
	p.last[place] = reported{at: now}
	return !known, true, t.leftOut
}

// place finds the function that panicked, from within the deferred call that recovers.
func place() string {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for panicked := false; ; {
		frame, more := frames.Next()
		ours := !strings.HasPrefix(frame.Function, "runtime.")
		if panicked && ours {
			return path.Base(frame.Function) + " (" + path.Base(frame.File) + ":" + strconv.Itoa(frame.Line) + ")"
		}
		panicked = panicked || frame.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}
