package producer

import (
	"time"
)

// worthARequest is how much must wait, in bytes, for a request to start while
// another one to the same destination is in flight. Below it the waiting
// segments gather, as small packets do under Nagle's algorithm: a node with a
// hundred small chunks a second does not send a hundred requests.
const worthARequest = 256 << 10

// gatherFor is how long a request makes others wait at most: one that hangs must not hold
// up what comes after it.
const gatherFor = time.Second

// queue holds the segments of one destination that no request has taken yet.
// Producer.mu guards it. It exists only while it holds or sends something.
type queue struct {
	dest     address
	lane     *lane
	waiting  []*segment
	bytes    int
	logs     int
	inFlight int
	latest   *request    // the last one to begin, while it is in flight
	timer    *time.Timer // runs while what waits is held back
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
	l := p.laneLocked(s.dest)
	if p.stopped || p.hopelessLocked(l) || !p.waitLocked(f, l) {
		p.failLocked(s)
		return
	}
	p.queueLocked(l, s)
}

func (p *Producer) queueLocked(l *lane, s *segment) {
	s.outcome.lane = l
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
	switch {
	case o.state != statePending:
		f.settleLocked(o)
	case !p.waitLocked(f, o.lane):
		f.failed = true
		f.closeLocked()
	default:
		o.waiters = append(o.waiters, f)
	}
	return true
}

// readyLocked tells whether a request for q may start, limits of its lane aside.
func (p *Producer) readyLocked(q *queue) bool {
	if len(q.waiting) == 0 || q.inFlight > 0 && p.cfg.Ordered {
		return false
	}
	left := p.heldLocked(q)
	if left <= 0 {
		return true
	}
	if q.timer == nil {
		q.timer = p.panics.AfterFunc(left, "held back", func() { p.startHeld(q) })
	}
	return false
}

// heldLocked is how long what waits in q is held back for more to come.
func (p *Producer) heldLocked(q *queue) (d time.Duration) {
	if p.outageLocked(q.lane) != nil {
		return 0 // its one request is to find out, soon
	}
	if !p.stopped && q.bytes < int(p.cfg.BatchBytes) && q.logs < p.cfg.BatchCount {
		d = p.cfg.Linger - time.Since(q.waiting[0].since)
	}
	if q.latest != nil && q.bytes < worthARequest {
		d = max(d, gatherFor-time.Since(q.latest.began))
	}
	return d
}

// startHeld starts what has waited long enough.
func (p *Producer) startHeld(q *queue) {
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
