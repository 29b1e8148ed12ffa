package schedule

import (
	"container/list"
	"time"

	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/sls"
)

// LogstoreID names a logstore.
type LogstoreID struct{ Project, Logstore string }

// logstore bounds the requests in flight to one logstore, and knows how it is doing.
// Scheduler.mu guards it.
type logstore struct {
	id        LogstoreID
	queues    map[segment.Address]*queue
	ready     list.List     // of *queue: a request for them may begin
	inFlight  int           // requests, those included that pause before they are sent again
	used      time.Time     // last
	inReady   *list.Element // in Scheduler.ready; nil = no request may begin
	inWorking *list.Element // in Scheduler.working

	// allowed is how many requests may be under way at once: it grows by one for
	// as many successes, and halves when SLS throttles (additive increase,
	// multiplicative decrease), between 1 and the option concurrency.
	allowed float64
	halved  time.Time       // last
	sending int             // requests under way
	turns   []chan struct{} // closed in order, each lets a request be under way

	failures int       // in a row, throttling aside
	since    time.Time // of the first of them
	health   health
	chosen   bool      // by a template, so that its records have another way
	absent   time.Time // when SLS last said that it is not there; zero = it has not
}

// A logstore is down after this many failures in a row over this time, if others work.
const (
	downAfter    = 3
	downDuration = 2 * time.Second
)

// passTurn ends a request under way, and lets those go on that may.
func (l *logstore) passTurn() {
	l.sending--
	for len(l.turns) > 0 && l.sending < int(l.allowed) {
		l.sending++
		close(l.turns[0])
		l.turns = l.turns[1:]
	}
}

// learnLocked adjusts what l is allowed, and whether it is down, by the answer to what was
// sent at begin.
func (s *Scheduler) learnLocked(l *logstore, begin time.Time, err error) {
	class := sls.ClassOf(err)
	switch {
	case err == nil || class == sls.ClassSplit: // it is there and takes logs
		l.failures, l.absent = 0, time.Time{}
		l.allowed = min(l.allowed+1/l.allowed, float64(s.cfg.Concurrency))
	case class == sls.ClassThrottle:
		l.failures = 0
		// All requests that were in flight when it was last halved come back with the
		// same news.
		if begin.After(l.halved) {
			l.allowed = max(l.allowed/2, 1)
			l.halved = time.Now()
		}
	case l.chosen && saysAbsent(err): // its records have another way
		l.failures = 0
	default:
		if l.failures++; l.failures == 1 {
			l.since = time.Now()
		}
		if s.down(l) {
			for _, q := range l.queues {
				for _, seg := range q.drain() {
					seg.Settle()
				}
				s.place(q)
			}
		}
	}
}

// down tells whether l fails for good, as far as can be known, while other logstores work.
// Its flushes are then answered at once instead of at their deadline: the engine has few
// workers, and one dead destination must not hold up the others. The engine's own retries
// find out when it is back.
func (s *Scheduler) down(l *logstore) bool {
	return l.failures >= downAfter && time.Since(l.since) >= downDuration && s.othersWork(l)
}

// hopeless tells whether a segment for l should fail at once. One request at a time still
// goes out, to find out.
func (s *Scheduler) hopeless(l *logstore) bool { return l.inFlight > 0 && s.down(l) }

// othersWork tells whether a logstore in use, l aside, has not failed last. One that is
// idle does not count until it is used again.
func (s *Scheduler) othersWork(l *logstore) bool {
	for e := s.working.Front(); e != nil; {
		other, _ := e.Value.(*logstore)
		e = e.Next()
		switch {
		case other == l:
		case time.Since(other.used) < idleFor:
			return true
		default:
			keep(&s.working, &other.inWorking, other, false)
		}
	}
	return false
}
