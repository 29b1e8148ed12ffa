// Package retry says how long to wait before something is tried again, and how often
// to log that it still fails. It does not decide whether there is another try.
package retry

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"fluent-bit-sls/shared/sls"
)

// Backoff is an exponential delay with jitter, from Least to Most.
type Backoff struct {
	Least, Most time.Duration
	next        time.Duration
}

// Pause returns the next delay. It is between half and all of it, and never less than
// asked, the delay that the server wants.
func (b *Backoff) Pause(asked time.Duration) time.Duration {
	b.next = min(max(b.next, b.Least), b.Most)
	half := b.next / 2
	d := half + rand.N(half+1) //nolint:gosec // G404: jitter needs no secrecy
	b.next *= 2
	return max(d, asked)
}

// Reset starts again from Least.
func (b *Backoff) Reset() { b.next = 0 }

// Wait waits for d and returns true, or false when ctx ended first.
func Wait(ctx context.Context, d time.Duration) bool { return WaitOr(ctx, d, nil) }

// WaitOr is Wait, but what due receives ends it early.
func WaitOr(ctx context.Context, d time.Duration, due <-chan struct{}) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-due:
		return true
	}
}

// LogInterval is the least time between two lines about the same failure.
const LogInterval = time.Minute

// Failure logs something that fails again and again: the first time at once, then once
// a minute with the number of times. It belongs to one goroutine.
type Failure struct {
	logged  time.Time
	skipped int // times since then
}

// Log writes the line or counts it.
func (f *Failure) Log(ctx context.Context, log *slog.Logger, level slog.Level, msg string, args ...any) {
	now := time.Now()
	if !f.logged.IsZero() && now.Sub(f.logged) < LogInterval {
		f.skipped++
		return
	}
	if f.skipped > 0 {
		args = append(args, "repeated", f.skipped)
	}
	f.logged, f.skipped = now, 0
	log.Log(ctx, level, msg, args...)
}

// After is the delay that the server asked for with an error, 0 if it did not.
func After(err error) time.Duration {
	if e := (*sls.Error)(nil); errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// Level is how an error is logged: as an error if the user has to mend something, as a
// warning if it may pass.
func Level(err error) slog.Level {
	switch sls.ClassOf(err) {
	case sls.ClassCredentials, sls.ClassConfiguration, sls.ClassPermanent:
		return slog.LevelError
	default:
		return slog.LevelWarn
	}
}
