package schedule

import (
	"time"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/sls"
)

// A template can name a logstore or project that SLS does not have. Nobody may ever make
// it, and a chunk that is tried for ever keeps one of the engine's tasks, of which there
// are 2048. So after absentTries answers that say so, the records go to the static
// defaults, and so do those that come later. (Records that name what allow_destinations
// does not have go there, too.) Every absentFor one request asks again. What the operator
// has typed is waited for.
const (
	absentTries = 3
	absentFor   = time.Minute
)

// saysAbsent tells whether SLS says that a logstore or project is not there.
func saysAbsent(err error) bool {
	return sls.IsCode(err, "LogStoreNotExist") || sls.IsCode(err, "ProjectNotExist")
}

// Astray tells whether r has gone to a destination that a template has chosen and, as the
// answer says, SLS does not have.
func (r *Request) Astray(err error) bool { return r.queue.logstore.chosen && saysAbsent(err) }

// Home is where the records of r go if SLS does not have their logstore.
func (r *Request) Home() route.Destination {
	home, _ := r.queue.scheduler.home(r.To.Destination)
	return home
}

// Believed takes note that the logstore of r is not there, unless r is to ask again: attempt
// counts the answers that say so, from 0.
func (r *Request) Believed(attempt int) bool {
	s, l := r.queue.scheduler, r.queue.logstore
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.absent.IsZero() && attempt+1 < absentTries {
		return false
	}
	l.absent = time.Now()
	s.placeLogstore(l)
	return true
}

// Redirect queues the segments of r, and what waits behind it, for the static defaults.
// Their numbers stay, and so does what is remembered of them. r has no segments then.
func (r *Request) Redirect() {
	s, l := r.queue.scheduler, r.queue.logstore
	s.mu.Lock()
	defer s.mu.Unlock()
	segments := r.Segments
	r.Segments = nil
	for _, q := range l.queues {
		segments = append(segments, q.drain()...)
		s.place(q)
	}
	for _, seg := range segments {
		s.redirect(seg)
		home := s.logstoreLocked(seg.To)
		if s.stopped || s.hopeless(home) || s.outage(home) != nil {
			seg.Settle()
			continue
		}
		s.enqueueLocked(seg)
	}
	s.beginLocked()
}

// redirect gives a segment the static defaults for its address.
func (s *Scheduler) redirect(seg *segment.Segment) {
	s.metrics.Redirected.With(seg.To.Logstore).Add(uint64(seg.Count))
	seg.To.Destination, _ = s.home(seg.To.Destination)
}

// absentLocked tells whether a segment should not even be sent where a template has it go.
// It lets one through when it is time to ask again.
func (s *Scheduler) absentLocked(seg *segment.Segment) bool {
	l := s.logstores[LogstoreID{seg.To.Project, seg.To.Logstore}]
	if l == nil || l.absent.IsZero() {
		return false
	}
	if time.Since(l.absent) < absentFor {
		return true
	}
	l.absent = time.Now()
	return false
}
