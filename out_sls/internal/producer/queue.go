package producer

import (
	"time"
)

// worthARequest is how much must wait, in bytes, for a request to start while
// another one to the same destination is in flight. Below it the waiting
// segments gather, as small packets do under Nagle's algorithm: a node with a
// hundred small chunks a second does not send a hundred requests.
const worthARequest = 256 << 10

// queue holds the segments of one destination that no request has taken yet.
// Producer.mu guards it. It exists only while it holds or sends something.
type queue struct {
	dest     address
	lane     *lane
	waiting  []*segment
	bytes    int
	logs     int
	inFlight int
	timer    *time.Timer // runs while what waits is held back by linger
}

// enqueue queues a segment whose bytes the budget has granted.
func (p *Producer) enqueue(f *flight, s *segment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.outcomes = append(f.outcomes, s.outcome)
	f.open++
	l := p.laneLocked(s.dest)
	if p.stopped || p.hopelessLocked(l) {
		p.failLocked(s)
		return
	}
	q := l.queues[s.dest]
	if q == nil {
		q = &queue{dest: s.dest, lane: l}
		l.queues[s.dest] = q
		l.turn = append(l.turn, q)
	}
	s.since = time.Now()
	q.waiting = append(q.waiting, s)
	q.bytes += len(s.buf)
	q.logs += s.logs
	p.startLocked(l)
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
	if o.state == statePending {
		o.waiters = append(o.waiters, f)
	} else {
		f.settleLocked(o)
	}
	return true
}

// readyLocked tells whether a request for q may start, limits of its lane aside.
func (p *Producer) readyLocked(q *queue) bool {
	switch {
	case len(q.waiting) == 0:
		return false
	case q.inFlight > 0 && (p.cfg.Ordered || q.bytes < worthARequest):
		return false
	case p.stopped || p.cfg.Linger == 0 || q.bytes >= int(p.cfg.BatchBytes) || q.logs >= p.cfg.BatchCount:
		return true
	}
	left := p.cfg.Linger - time.Since(q.waiting[0].since)
	if left <= 0 {
		return true
	}
	if q.timer == nil {
		q.timer = p.panics.AfterFunc(left, "linger", func() { p.lingered(q) })
	}
	return false
}

// lingered starts what has waited long enough.
func (p *Producer) lingered(q *queue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q.timer = nil
	p.startLocked(q.lane)
}

// takeLocked removes the segments of one request: in order, at least one, and
// together within the limits of a batch.
func (q *queue) takeLocked(maxBytes, maxLogs int) []*segment {
	n, bytes, logs := 0, 0, 0
	for _, s := range q.waiting {
		if n > 0 && (bytes+len(s.buf) > maxBytes || logs+s.logs > maxLogs) {
			break
		}
		n++
		bytes += len(s.buf)
		logs += s.logs
	}
	taken := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	q.bytes -= bytes
	q.logs -= logs
	return taken
}

// dropLocked fails the waiting segments for which which is true.
func (p *Producer) dropLocked(q *queue, which func(*segment) bool) {
	kept := q.waiting[:0:0]
	for _, s := range q.waiting {
		if !which(s) {
			kept = append(kept, s)
			continue
		}
		q.bytes -= len(s.buf)
		q.logs -= s.logs
		p.failLocked(s)
	}
	q.waiting = kept
}

func abandoned(s *segment) bool { return len(s.outcome.waiters) == 0 }
func everything(*segment) bool  { return true }

// failLocked settles a segment of which nothing was sent.
func (p *Producer) failLocked(s *segment) {
	s.outcome.state, s.outcome.missing = stateFailed, s.runs
	p.settleLocked(s)
}
