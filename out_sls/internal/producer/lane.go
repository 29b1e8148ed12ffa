package producer

import (
	"slices"
	"time"

	"fluent-bit-sls/shared/sls"
)

// lane is the way to one logstore: it bounds the requests in flight there and
// knows how the logstore is doing. Producer.mu guards it.
type lane struct {
	id       laneID
	queues   map[address]*queue
	turn     []*queue // the queues, the one whose turn it is first
	inFlight int      // requests, those that pause before they are sent again included
	used     time.Time

	// allowed is how many requests may be under way at once: it grows by one for
	// as many successes, and halves when SLS throttles (additive increase,
	// multiplicative decrease), between 1 and the option concurrency.
	allowed float64
	cut     time.Time       // when it was last halved
	sending int             // requests under way
	starved bool            // it is in Producer.starved
	turns   []chan struct{} // closed in order, each passing a request under way on

	failures int       // in a row, throttling aside
	since    time.Time // of the first of them
	health   health
	chosen   bool      // by a template, which has another way
	absent   time.Time // when SLS last said that it is not there; zero = it has not
}

type laneID struct{ project, logstore string }

// maxRequests is how many requests an instance has in flight at once, to whatever
// destinations. Each takes a goroutine and a connection, which memory_limit does not
// know of: a chunk whose records name a logstore each would open thousands.
const maxRequests = 512

// Bounds of what is known of logstores that are not in use.
const (
	maxIdleLanes = 1000
	laneIdle     = 10 * time.Minute
)

// A logstore is given up on for the moment after this many failures in a row
// over this time, if others need the flushes that it holds.
const (
	downAfter    = 3
	downDuration = 2 * time.Second
)

func (p *Producer) laneLocked(d address) *lane {
	id := laneID{d.Project, d.Logstore}
	l := p.lanes[id]
	if l == nil {
		p.pruneLocked()
		_, chosen := p.router.Home(d.Destination)
		l = &lane{id: id, queues: map[address]*queue{}, allowed: float64(p.cfg.Concurrency), chosen: chosen}
		p.lanes[id] = l
	}
	l.used = time.Now()
	return l
}

// pruneLocked forgets lanes that have been idle, so that logstores named by
// records cannot pile up: those idle for long or, if that is not enough, all.
func (p *Producer) pruneLocked() {
	if len(p.lanes) < max(p.pruneAt, maxIdleLanes) {
		return
	}
	p.forgetLanesLocked(laneIdle)
	if len(p.lanes) > maxIdleLanes/2 {
		p.forgetLanesLocked(0)
	}
	p.pruneAt = 2 * len(p.lanes) // or each new lane would go through all that are in use
}

func (p *Producer) forgetLanesLocked(idle time.Duration) {
	for id, l := range p.lanes {
		if l.inFlight == 0 && len(l.queues) == 0 && time.Since(l.used) >= idle {
			delete(p.lanes, id)
		}
	}
}

// startLocked starts the requests that l is entitled to, its destinations in
// turn, as far as the instance may have more in flight.
func (p *Producer) startLocked(l *lane) {
	for l.inFlight < int(l.allowed) {
		i := slices.IndexFunc(l.turn, p.readyLocked)
		if i < 0 {
			break
		}
		if p.inFlight == maxRequests {
			if !l.starved {
				l.starved = true
				p.starved = append(p.starved, l)
			}
			break
		}
		if h := p.outageLocked(l); h != nil && !h.ask(time.Now()) {
			break
		}
		q := l.turn[i]
		l.turn = append(slices.Delete(l.turn, i, i+1), q)
		q.inFlight++
		l.inFlight++
		p.inFlight++
		r := p.newRequestLocked(q, q.takeLocked(int(p.cfg.BatchBytes), p.cfg.BatchCount))
		q.latest = r
		p.panics.Go(&p.wg, "a request", func() { p.run(r) })
	}
	l.tidyLocked()
}

// tidyLocked forgets the destinations that have nothing left to do.
func (l *lane) tidyLocked() {
	l.turn = slices.DeleteFunc(l.turn, func(q *queue) bool {
		idle := len(q.waiting) == 0 && q.inFlight == 0
		if idle {
			delete(l.queues, q.dest)
			if q.timer != nil {
				q.timer.Stop() // or it keeps the producer for as long as linger
			}
		}
		return idle
	})
}

// run is one request's goroutine.
func (p *Producer) run(r *request) {
	p.deliverContained(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	r.queue.inFlight--
	if r.queue.latest == r {
		r.queue.latest = nil
	}
	r.queue.lane.inFlight--
	p.inFlight--
	for len(p.starved) > 0 && p.inFlight < maxRequests {
		l := p.starved[0]
		p.starved = p.starved[1:]
		l.starved = false
		p.startLocked(l)
	}
	p.startLocked(r.queue.lane)
}

// takeTurn waits until one more request may be under way to the lane of r: when
// SLS throttles there are more in flight than it takes, each with a pause behind
// it. When it is false, r has failed.
func (p *Producer) takeTurn(r *request) bool {
	l := r.queue.lane
	p.mu.Lock()
	if l.sending < int(l.allowed) {
		l.sending++
		p.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	l.turns = append(l.turns, turn)
	p.mu.Unlock()
	for {
		select {
		case <-turn:
			return true
		case <-p.drain:
			p.leaveTurn(l, turn)
			p.fail(r)
			return false
		case <-r.wake:
			if p.failAbandoned(r) {
				p.leaveTurn(l, turn)
				return false
			}
		}
	}
}

// leaveTurn gives a turn up that may have come meanwhile.
func (p *Producer) leaveTurn(l *lane, turn chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(l.turns, turn); i >= 0 {
		l.turns = slices.Delete(l.turns, i, i+1)
		return
	}
	l.passTurnLocked()
}

// passTurnLocked ends a request under way and lets those go on that may.
func (l *lane) passTurnLocked() {
	l.sending--
	for len(l.turns) > 0 && l.sending < int(l.allowed) {
		l.sending++
		close(l.turns[0])
		l.turns = l.turns[1:]
	}
}

// learn takes note of the answer to a request sent at begin.
func (p *Producer) learn(l *lane, begin time.Time, err error) {
	p.mu.Lock()
	outage, back := p.heardLocked(l, err)
	p.learnLocked(l, begin, err)
	p.mu.Unlock()
	if outage > 0 {
		p.log.log.Warn("SLS answers again", "after", outage.Round(time.Second), "handed_back", back)
	}
}

func (p *Producer) learnLocked(l *lane, begin time.Time, err error) {
	defer l.passTurnLocked()
	class := sls.ClassOf(err)
	switch {
	case err == nil || class == sls.ClassSplit: // it is there and takes logs
		l.failures, l.absent = 0, time.Time{}
		l.allowed = min(l.allowed+1/l.allowed, float64(p.cfg.Concurrency))
	case class == sls.ClassThrottle:
		l.failures = 0
		// The requests in flight at the last cut all come back with the same news.
		if begin.After(l.cut) {
			l.allowed = max(l.allowed/2, 1)
			l.cut = time.Now()
		}
	case l.chosen && isAbsent(err): // its records have another way
		l.failures = 0
	default:
		if l.failures++; l.failures == 1 {
			l.since = time.Now()
		}
		if p.downLocked(l) {
			for _, q := range l.queues {
				p.dropLocked(q, everything)
			}
		}
	}
}

// downLocked tells whether l fails for good, as far as can be known, while other
// logstores work. Its flushes are then answered at once instead of at
// their deadline: the engine has few workers, and one dead destination must not
// hold up the others. The engine's own retries find out when it is back.
func (p *Producer) downLocked(l *lane) bool {
	return l.failures >= downAfter && time.Since(l.since) >= downDuration && p.othersWorkLocked(l)
}

// hopelessLocked tells whether a segment for l should fail at once. One request
// at a time still goes out, to find out.
func (p *Producer) hopelessLocked(l *lane) bool {
	return l.inFlight > 0 && p.downLocked(l)
}

func (p *Producer) down(l *lane) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.downLocked(l)
}
