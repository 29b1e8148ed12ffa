package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fluent-bit-sls/out_sls/internal/memory"
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
func (h *health) sent(now time.Time, limit time.Duration) {
	if h.since.IsZero() || h.stale(now, limit) {
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

func (h *health) stale(now time.Time, limit time.Duration) bool {
	return h.waiting == 0 && now.Sub(h.failed) >= limit
}

// out tells whether there is an outage that has lasted for limit.
func (h *health) out(now time.Time, limit time.Duration) bool {
	return !h.since.IsZero() && now.Sub(h.since) >= limit && !h.stale(now, limit)
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

// Admit tells whether a flush may begin. The error is ErrStopped, or an *Outage in which
// nothing is tried now.
func (s *Scheduler) Admit() (*Admission, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	a := &Admission{}
	switch {
	case s.stopped:
		return nil, ErrStopped
	case !s.health.out(now, s.cfg.Patience):
		return a, nil
	}
	var ok bool
	if a.until, ok = s.health.admit(now); !ok {
		s.handedBack++
		return nil, s.outageLocked(now)
	}
	return a, nil
}

// MayWait tells whether a flush may wait for what h has, of whose logstore an outage may be
// known.
func (s *Scheduler) MayWait(h memory.Holder, a *Admission) bool {
	at, ok := h.(located)
	if !ok {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admitLocked(at.store(), a)
}

// Silent returns which holders wait for a logstore that does not answer now.
func (s *Scheduler) Silent() func(memory.Holder) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	silent := map[*logstore]bool{}
	for _, l := range s.logstores {
		silent[l] = s.outage(l) != nil
	}
	return func(h memory.Holder) bool {
		at, ok := h.(located)
		return ok && silent[at.store()]
	}
}

// located is a holder of this package: it knows the logstore.
type located interface{ store() *logstore }

// admitLocked tells whether a flush may wait for l. An outage of the whole instance is
// Admit's to deal with.
func (s *Scheduler) admitLocked(l *logstore, a *Admission) bool {
	h := s.outage(l)
	if h != &l.health {
		return true
	}
	until, ok := h.admit(time.Now())
	if !ok {
		a.Refused = &l.id
		return false
	}
	a.until = until
	return true
}

// outage is the outage that l is part of: the whole instance's, its own, or nil.
func (s *Scheduler) outage(l *logstore) *health {
	now := time.Now()
	for _, h := range []*health{&s.health, &l.health} {
		if h.out(now, s.cfg.Patience) {
			return h
		}
	}
	return nil
}

func (s *Scheduler) outageLocked(now time.Time) *Outage {
	return &Outage{For: now.Sub(s.health.since), HandedBack: s.handedBack}
}

// sentLocked takes note that a request to l is on its way.
func (s *Scheduler) sentLocked(l *logstore) {
	now := time.Now()
	l.health.sent(now, s.cfg.Patience)
	s.health.sent(now, s.cfg.Patience)
}

// answeredLocked takes note of the answer to a request to l, sent at begin. When SLS is
// back after it has answered nobody, what waits for any logstore starts: what is known of
// each was of that.
func (s *Scheduler) answeredLocked(l *logstore, begin time.Time, err error) (over *Outage) {
	now, ok, all := time.Now(), hasAnswered(err), s.health
	out, before := all.out(now, s.cfg.Patience), s.outageLocked(now)
	l.health.ended(now, ok)
	s.health.ended(now, ok)
	if ok && (out || l.failures > 0 && !s.othersWork(l)) {
		s.recovered()
		s.beginLocked()
	}
	if ok && out {
		s.handedBack, over = 0, before
	}
	s.learnLocked(l, begin, err)
	l.passTurn()
	s.placeLogstore(l)
	return over
}

// recovered makes all logstores begin anew: SLS has answered nobody, and does again.
func (s *Scheduler) recovered() {
	for _, l := range s.logstores {
		l.failures = 0
		l.health.reset()
		s.placeLogstore(l)
	}
}
