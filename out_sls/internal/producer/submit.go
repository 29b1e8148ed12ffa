package producer

import (
	"context"
	"slices"
)

// segmentOverhead is about what a segment takes beside its bytes: a chunk can
// have one for each of its records.
const segmentOverhead = 1 << 10

// submit numbers a full segment and queues what an earlier flush of the same
// chunk, whose outcomes are known, has not seen to. It is false when ctx ends
// before the memory budget has room.
func (p *Producer) submit(ctx context.Context, f *flight, known []*outcome, s *segment) bool {
	s.outcome = &outcome{waiters: []*flight{f}}
	if n := len(f.outcomes); n < len(known) {
		if p.adopt(f, known[n]) {
			p.metrics.skipped.With(s.dest.Logstore).Add(1)
			p.scratch.put(s.buf)
			return true
		}
		s.outcome.lost, s.runs = known[n].lost, known[n].missing
	}
	if cap(s.buf) > 2*len(s.buf) {
		// A small segment in a large buffer would hold more than it is charged.
		large := s.buf
		s.buf, s.fitted = slices.Clone(large), true
		p.scratch.put(large)
	}
	// A record larger than the whole budget goes alone rather than never.
	s.weight = min(max(int64(cap(s.buf)), segmentOverhead), int64(p.cfg.MemoryLimit))
	if p.budget.Acquire(ctx, s.weight) != nil {
		p.recycle(s)
		return false
	}
	p.used.Add(s.weight)
	p.enqueue(f, s)
	return true
}

// recycle takes the buffer of a segment that is over.
func (p *Producer) recycle(s *segment) {
	if !s.fitted {
		p.scratch.put(s.buf)
	}
	s.buf = nil
}

// giveUp fails a flight whose chunk is not cut to its end. What is known of the
// segments not reached stays known.
func (p *Producer) giveUp(f *flight, known []*outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.failed = true
	if n := len(f.outcomes); n < len(known) {
		f.outcomes = append(f.outcomes, known[n:]...)
	}
}

// enqueue queues a segment whose bytes the budget has granted.
func (p *Producer) enqueue(f *flight, s *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.outcomes = append(f.outcomes, s.outcome)
	f.open++
	if p.elsewhereLocked(s) {
		p.metrics.redirected.With(s.dest.Logstore).Add(uint64(s.logs))
		s.dest.Destination, _ = p.router.Home(s.dest.Destination)
	}
	l := p.schedule.lane(s.dest)
	if p.schedule.stopped || p.schedule.hopeless(l) || !p.waitLocked(f, l) {
		p.failLocked(s)
		return
	}
	p.schedule.enqueue(s)
	p.startLocked()
}

// adopt makes f wait for an outcome of an earlier flush of its chunk, or takes
// note of it. It is false when that segment must be sent again.
func (p *Producer) adopt(f *flight, o *outcome) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o.state == stateFailed {
		return false
	}
	f.outcomes = append(f.outcomes, o)
	f.open++
	switch {
	case o.state != statePending:
		f.settleLocked(o)
	case !p.waitLocked(f, o.queue.lane):
		f.failed = true
		f.closeLocked()
	default:
		o.waiters = append(o.waiters, f)
	}
	return true
}
