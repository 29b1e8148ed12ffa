package consumer

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// backoff is an exponential delay with jitter, from least to most.
type backoff struct {
	least, most time.Duration
	next        time.Duration
}

// pause returns the next delay: between half and all of it, never shorter
// than the server asked for.
func (b *backoff) pause(asked time.Duration) time.Duration {
	b.next = min(max(b.next, b.least), b.most)
	half := b.next / 2
	d := half + rand.N(half+1) //nolint:gosec // G404: jitter needs no secrecy
	b.next *= 2
	return max(d, asked)
}

// reset starts again from the least delay.
func (b *backoff) reset() { b.next = 0 }

// wait returns false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
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
	}
}

// quietFor is the least time between two lines about the same trouble.
const quietFor = time.Minute

// complaint logs a trouble that repeats: at once, then once a minute with the
// number of times. It belongs to one goroutine.
type complaint struct {
	last time.Time
	held int
}

// log writes the line or counts it.
func (c *complaint) log(ctx context.Context, log *slog.Logger, level slog.Level, msg string, args ...any) {
	now := time.Now()
	if !c.last.IsZero() && now.Sub(c.last) < quietFor {
		c.held++
		return
	}
	if c.held > 0 {
		args = append(args, "repeated", c.held)
	}
	c.last, c.held = now, 0
	log.Log(ctx, level, msg, args...)
}
