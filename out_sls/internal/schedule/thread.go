package schedule

import (
	"sync"
	"sync/atomic"
	"time"
)

// Thread is what sections share whose flushes run one after the other on one thread: Fluent
// Bit's own, where `workers` is not set. During outages these sections take turns to let flushes
// in. If each did so every probeEvery, two of them would fill all the time, and each
// flush that is queued would take probePatience.
type Thread struct {
	sections atomic.Int32

	mu    sync.Mutex // guards until
	until time.Time  // when the turn of the section ends that had the last one
}

// turn tells whether it is the turn of the section whose last turn ended, or ends, at mine.
// It takes a turn that is free.
func (t *Thread) turn(mine *time.Time, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !now.Before(t.until) {
		t.until = now.Add(probeEvery)
		*mine = t.until
	}
	return mine.Equal(t.until)
}

// leave ends the turn that ends at mine, as SLS answers: the others may find out, too.
func (t *Thread) leave(mine time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if mine.Equal(t.until) {
		t.until = time.Time{}
	}
}

// ShareThread tells, once, that flushes run on a thread that others share.
func (s *Scheduler) ShareThread(t *Thread) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopped {
		t.sections.Add(1)
		s.thread = t
	}
}

// forget is after which time without a try a failure says nothing about now. A section tries
// nothing while the flush of another has its thread, for a flush_timeout each.
func (s *Scheduler) forget() time.Duration {
	if s.thread == nil {
		return s.cfg.Patience
	}
	return s.cfg.Patience * time.Duration(1+s.thread.sections.Load())
}
