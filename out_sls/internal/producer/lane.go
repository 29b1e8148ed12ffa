package producer

import (
	"container/list"
	"slices"
	"time"

	"fluent-bit-sls/shared/sls"
)

// lane is the way to one logstore: it bounds the requests in flight there and
// knows how the logstore is doing. Producer.mu guards it.
type lane struct {
	id       laneID
	queues   map[address]*queue
	line     list.List // of *queue: a request for them may begin
	inFlight int       // requests, those that pause before they are sent again included
	used     time.Time
	place    *list.Element // in schedule.line; nil = no request may begin
	works    *list.Element // in schedule.working

	// allowed is how many requests may be under way at once: it grows by one for
	// as many successes, and halves when SLS throttles (additive increase,
	// multiplicative decrease), between 1 and the option concurrency.
	allowed float64
	cut     time.Time       // when it was last halved
	sending int             // requests under way
	turns   []chan struct{} // closed in order, each passing a request under way on

	failures int       // in a row, throttling aside
	since    time.Time // of the first of them
	health   health
	chosen   bool      // by a template, which has another way
	absent   time.Time // when SLS last said that it is not there; zero = it has not
}

type laneID struct{ project, logstore string }

// A logstore is given up on for the moment after this many failures in a row
// over this time, if others need the flushes that it holds.
const (
	downAfter    = 3
	downDuration = 2 * time.Second
)

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
	p.schedule.placeLane(l)
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
		if p.schedule.down(l) {
			for _, q := range l.queues {
				p.dropLocked(q, everything)
			}
		}
	}
}

func (p *Producer) down(l *lane) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.schedule.down(l)
}
