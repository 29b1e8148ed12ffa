package producer

import (
	"container/list"
	"time"

	"fluent-bit-sls/out_sls/internal/route"
)

// schedule decides which request begins next, by four verbs: enqueue a segment, the next
// request, done with it, abandon what waits. It sends nothing and knows no flush.
//
// Logstores take turns, and so do the destinations of each. A line holds those that may
// begin a request and no others: a chunk can have a destination for each of its records,
// and nothing may go through all of them for each one. Producer.mu guards it.
type schedule struct {
	cfg *Config
	// chosen tells whether a template has chosen a destination, so that its records
	// have another way.
	chosen func(route.Destination) bool
	// after calls release for a queue after that time, and starts what is next.
	after func(time.Duration, *queue) *time.Timer

	stopped  bool // nothing waits for more to come
	lanes    map[laneID]*lane
	pruneAt  int       // lanes at which those that are idle are forgotten
	line     list.List // of *lane: may begin a request, if the instance may have more
	working  list.List // of *lane: have not failed last
	inFlight int       // requests over all lanes
	health   health    // of SLS in all that is sent
}

func newSchedule(cfg *Config, chosen func(route.Destination) bool, after func(time.Duration, *queue) *time.Timer) schedule {
	return schedule{cfg: cfg, chosen: chosen, after: after, lanes: map[laneID]*lane{}}
}

// maxRequests is how many requests an instance has in flight at once, to whatever
// destinations. Each takes a goroutine and a connection, which memory_limit does not
// know of: a chunk whose records name a logstore each would open thousands.
const maxRequests = 512

// enqueue makes a segment wait in the queue of its destination.
func (s *schedule) enqueue(seg *segment) {
	l := s.lane(seg.dest)
	q := l.queues[seg.dest]
	if q == nil {
		q = &queue{dest: seg.dest, lane: l}
		l.queues[seg.dest] = q
	}
	seg.since = time.Now()
	seg.outcome.queue = q
	q.add(seg)
	s.place(q)
}

// next is the request that may begin now, nil if there is none. Its logstore and its
// destination have had their turn.
func (s *schedule) next() *request {
	for s.inFlight < maxRequests && s.line.Len() > 0 {
		l, _ := s.line.Front().Value.(*lane)
		keep(&s.line, &l.place, l, false)
		if h := s.outage(l); h != nil && !h.ask(time.Now()) {
			continue // it is in line again with its next segment or answer
		}
		q, _ := l.line.Front().Value.(*queue)
		keep(&l.line, &q.place, q, false)
		r := &request{queue: q, segments: q.take(int(s.cfg.BatchBytes), s.cfg.BatchCount), began: time.Now(), wake: make(chan struct{}, 1)}
		q.latest = r
		q.inFlight++
		l.inFlight++
		s.inFlight++
		s.place(q)
		return r
	}
	return nil
}

// done takes note that a request has ended.
func (s *schedule) done(r *request) {
	q := r.queue
	if q.latest == r {
		q.latest = nil
	}
	q.inFlight--
	q.lane.inFlight--
	s.inFlight--
	s.place(q)
}

// abandon takes out of q what waits there and which is true for.
func (s *schedule) abandon(q *queue, which func(*segment) bool) []*segment {
	out := q.drop(which)
	s.place(q)
	return out
}

// release lets q begin if it has waited long enough.
func (s *schedule) release(q *queue) { s.place(q) }

// stop makes nothing wait for more to come, from now on.
func (s *schedule) stop() {
	s.stopped = true
	for _, l := range s.lanes {
		for _, q := range l.queues {
			s.place(q)
		}
	}
}

// recovered makes all logstores begin anew: SLS has answered nobody, and does again.
func (s *schedule) recovered() {
	for _, l := range s.lanes {
		l.failures = 0
		l.health.reset()
		s.placeLane(l)
	}
}

// place puts q in line if a request for it may begin, and takes it out if not. Whatever
// changes q calls it. The time that passes does not: a timer does.
func (s *schedule) place(q *queue) {
	wait, l := s.held(q), q.lane
	keep(&l.line, &q.place, q, len(q.waiting) > 0 && wait <= 0 && (q.inFlight == 0 || !s.cfg.Ordered))
	switch {
	case wait <= 0 && q.timer == nil:
	case wait <= 0:
		q.timer.Stop() // or it keeps the producer for as long as linger
	case q.timer == nil:
		q.timer = s.after(wait, q)
	default:
		q.timer.Reset(wait)
	}
	if len(q.waiting) == 0 && q.inFlight == 0 && l.queues[q.dest] == q {
		delete(l.queues, q.dest)
	}
	s.placeLane(l)
}

// held is how long what waits in q is held back for more to come.
func (s *schedule) held(q *queue) (d time.Duration) {
	if len(q.waiting) == 0 || s.outage(q.lane) != nil {
		return 0 // the one request during an outage is to find out, soon
	}
	if !s.stopped && q.bytes < int(s.cfg.BatchBytes) && q.logs < s.cfg.BatchCount {
		d = s.cfg.Linger - time.Since(q.waiting[0].since)
	}
	if q.latest != nil && q.bytes < worthARequest {
		d = max(d, gatherFor-time.Since(q.latest.began))
	}
	return d
}

// placeLane does for l what place does for a queue. Whatever changes l calls it.
func (s *schedule) placeLane(l *lane) {
	keep(&s.line, &l.place, l, l.line.Len() > 0 && l.inFlight < int(l.allowed))
	keep(&s.working, &l.works, l, l.failures == 0 && l.absent.IsZero())
}

// keep has v at the end of the list, if it is not there yet, or not at all. Where it is
// is in at.
func keep(in *list.List, at **list.Element, v any, wanted bool) {
	switch {
	case wanted && *at == nil:
		*at = in.PushBack(v)
	case !wanted && *at != nil:
		in.Remove(*at)
		*at = nil
	}
}

// othersWork tells whether a logstore in use, l aside, has not failed last. One that is
// idle is none of them until it is used again.
func (s *schedule) othersWork(l *lane) bool {
	for e := s.working.Front(); e != nil; {
		other, _ := e.Value.(*lane)
		e = e.Next()
		switch {
		case other == l:
		case time.Since(other.used) < laneIdle:
			return true
		default:
			keep(&s.working, &other.works, other, false)
		}
	}
	return false
}

// down tells whether l fails for good, as far as can be known, while other logstores
// work. Its flushes are then answered at once instead of at their deadline: the engine
// has few workers, and one dead destination must not hold up the others. The engine's
// own retries find out when it is back.
func (s *schedule) down(l *lane) bool {
	return l.failures >= downAfter && time.Since(l.since) >= downDuration && s.othersWork(l)
}

// hopeless tells whether a segment for l should fail at once. One request at a time
// still goes out, to find out.
func (s *schedule) hopeless(l *lane) bool { return l.inFlight > 0 && s.down(l) }

// outage is the outage that l is part of: the whole instance's, its own, or nil.
func (s *schedule) outage(l *lane) *health {
	now := time.Now()
	for _, h := range []*health{&s.health, &l.health} {
		if h.out(now, s.cfg.patience()) {
			return h
		}
	}
	return nil
}

// lane is the one to the logstore of d.
func (s *schedule) lane(d address) *lane {
	id := laneID{d.Project, d.Logstore}
	l := s.lanes[id]
	if l == nil {
		s.prune()
		l = &lane{id: id, queues: map[address]*queue{}, allowed: float64(s.cfg.Concurrency), chosen: s.chosen(d.Destination)}
		s.lanes[id] = l
	}
	l.used = time.Now()
	s.placeLane(l)
	return l
}

// Bounds of what is known of logstores that are not in use.
const (
	maxIdleLanes = 1000
	laneIdle     = 10 * time.Minute
)

// prune forgets lanes that have been idle, so that logstores named by records cannot
// pile up: those idle for long or, if that is not enough, all.
func (s *schedule) prune() {
	if len(s.lanes) < max(s.pruneAt, maxIdleLanes) {
		return
	}
	s.forget(laneIdle)
	if len(s.lanes) > maxIdleLanes/2 {
		s.forget(0)
	}
	s.pruneAt = 2 * len(s.lanes) // or each new lane would go through all that are in use
}

func (s *schedule) forget(idle time.Duration) {
	for id, l := range s.lanes {
		if l.inFlight == 0 && len(l.queues) == 0 && time.Since(l.used) >= idle {
			keep(&s.working, &l.works, l, false)
			delete(s.lanes, id)
		}
	}
}
