package schedule

import (
	"context"
	"time"
)

// Admission is what one flush may wait for. It belongs to the flush's goroutine.
type Admission struct {
	until time.Time // when to stop waiting for logstores that do not answer; zero = there are none
	// Refused is a logstore that does not answer, and is not even waited for.
	Refused *LogstoreID
}

// Context is ctx, or what of it the flush may wait for room in memory.
func (a *Admission) Context(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.until.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, a.until)
}

// Over is when the flush stops waiting for logstores that do not answer; nil = never.
func (a *Admission) Over() <-chan time.Time {
	if a.until.IsZero() {
		return nil
	}
	return time.After(time.Until(a.until))
}
