package lease

import (
	"sync/atomic"
	"time"
)

// Clock says until when the shards of a member are its own. It runs on this side's
// monotonic clock and starts before a heartbeat is sent, so it runs out before the
// server's. The zero value has run out.
type Clock struct {
	until atomic.Pointer[time.Time]
}

// Renew starts the lease again, from the time at which a good heartbeat was sent.
func (c *Clock) Renew(sent time.Time, timeout time.Duration) {
	until := sent.Add(timeout)
	c.until.Store(&until)
}

// Deadline is when the lease runs out, zero before the first heartbeat.
func (c *Clock) Deadline() time.Time {
	if until := c.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

// Expired reports whether the server may have given the shards to another by now.
func (c *Clock) Expired(now time.Time) bool {
	return !now.Before(c.Deadline())
}
