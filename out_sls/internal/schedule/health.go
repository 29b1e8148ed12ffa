package schedule

import (
	"errors"
	"fmt"
	"time"

	"fluent-bit-sls/shared/sls"
)

// What is still tried while SLS does not answer: every probeEvery, flushes are let in for
// probePatience, and one request goes out for them. Between these windows, flushes are
// handed back at once: a shutdown waits for every flush that is queued.
const (
	probeEvery    = 2 * time.Second
	probePatience = time.Second
)

// health tells whether SLS answers: a logstore, or the instance in whatever it sends. A
// short outage is waited out, as a chunk has only so many tries; one that has lasted is
// not. Scheduler.mu guards it.
type health struct {
	waiting int       // requests without an answer
	since   time.Time // when the first of them was sent after the last answer; zero = none was
	failed  time.Time // when a request last ended without an answer
	window  time.Time // when flushes were last let in during an outage
	asked   bool      // and their request has begun
}

// hasAnswered tells whether there was an answer of SLS, be it a refusal or throttling. A
// server that fails, or a gateway that speaks in its place, is not there.
func hasAnswered(err error) bool {
	var e *sls.Error
	return err == nil || errors.As(err, &e) && e.Status > 0 && e.Status < 500
}

// sent takes note of a request. What was found out long ago, and not tried since, says
// nothing about now.
func (h *health) sent(now time.Time, forget time.Duration) {
	if h.since.IsZero() || h.stale(now, forget) {
		h.since = now
	}
	h.waiting++
}

// ended takes note of how a request ended. An answer makes everything normal at once.
func (h *health) ended(now time.Time, answered bool) {
	h.waiting--
	h.failed = now
	if answered {
		h.reset()
	}
}

func (h *health) reset() { *h = health{waiting: h.waiting} }

func (h *health) stale(now time.Time, forget time.Duration) bool {
	return h.waiting == 0 && now.Sub(h.failed) >= forget
}

// out tells whether there is an outage that has lasted for limit, and is not forgotten.
func (h *health) out(now time.Time, limit, forget time.Duration) bool {
	return !h.since.IsZero() && now.Sub(h.since) >= limit && !h.stale(now, forget)
}

// admit tells whether a flush may wait for an answer during an outage, and until when.
func (h *health) admit(now time.Time) (until time.Time, ok bool) {
	if now.Sub(h.window) >= probeEvery {
		h.window, h.asked = now, false
	}
	until = h.window.Add(probePatience)
	return until, now.Before(until)
}

// ask tells whether a request may begin during an outage: one for each window.
func (h *health) ask(now time.Time) bool {
	if h.asked || now.Sub(h.window) >= probePatience {
		return false
	}
	h.asked = true
	return true
}

// Outage is a time in which SLS answers nothing.
type Outage struct {
	For        time.Duration // since the first request without an answer
	HandedBack uint64        // flushes refused in it
}

func (o *Outage) Error() string { return fmt.Sprintf("SLS does not answer for %v", o.For) }
