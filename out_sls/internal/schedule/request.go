package schedule

import (
	"errors"
	"slices"
	"time"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/sls"
)

// Why a request is not sent, or not sent again.
var (
	// ErrStopped: the scheduler has been stopped.
	ErrStopped = errors.New("the output stops")
	// ErrAbandoned: no flush waits for what is to be sent, which is settled.
	ErrAbandoned = errors.New("no flush waits for it any more")
)

// Request is what one call to SLS carries. Its methods are for the goroutine that sends it,
// which ends with Done.
type Request struct {
	LogstoreID
	Groups []Group // several are a group batch

	scheduler *Scheduler
	logstore  *logstore
	began     time.Time
	accepted  bool          // by SLS
	abandoned chan struct{} // something left that may have been the last flush to wait
	trial     *trial        // that r is part of; nil = none
	queues    []*queue      // that it has segments of
}

// Group is a log group of a request: whole segments of one destination.
type Group struct {
	To       segment.Address
	Segments []*segment.Segment
	PackID   string // its number; "" = none
}

// Unsettled are the segments of g that are not settled.
func (g *Group) Unsettled() []*segment.Segment {
	return slices.DeleteFunc(slices.Clone(g.Segments), (*segment.Segment).Settled)
}

func newRequest(s *Scheduler, l *logstore) *Request {
	return &Request{LogstoreID: l.id, scheduler: s, logstore: l, began: time.Now(), abandoned: make(chan struct{}, 1)}
}

// takeLocked adds a group of what waits in q to r.
func (s *Scheduler) takeLocked(q *queue, r *Request) {
	g := Group{To: q.to, Segments: q.take(s.cfg.BatchBytes, s.cfg.BatchCount, s.cfg.Alone), PackID: s.nextPackID(&q.to)}
	r.Groups = append(r.Groups, g)
	r.queues = append(r.queues, q)
	r.trial, q.trial = q.trial, nil
	q.inFlight++
	for _, seg := range g.Segments {
		if !seg.Outcome.Hold(r) {
			r.Abandoned()
		}
	}
}

// Segments are those of all groups.
func (r *Request) Segments() (segments []*segment.Segment) {
	for _, g := range r.Groups {
		segments = append(segments, g.Segments...)
	}
	return segments
}

// Abandoned lets a request that waits find out whether anybody waits for it.
func (r *Request) Abandoned() {
	select {
	case r.abandoned <- struct{}{}:
	default: // it is told already
	}
}

func (r *Request) store() *logstore { return r.logstore }

// NextPackID numbers a log group of that address, "" without pack_id. Those of a tag have
// to be numbered in the order of its records, which requests, once they are under way, do
// not keep.
func (r *Request) NextPackID(to *segment.Address) string { return r.scheduler.nextPackID(to) }

func (s *Scheduler) nextPackID(to *segment.Address) string {
	if to.Sequence == "" {
		return ""
	}
	return s.packs.next(to.Sequence)
}

// Begin waits until one more request may be under way to the logstore: when SLS throttles,
// more are in flight than it takes, each with a pause behind it. Answered has to follow,
// unless Begin fails with ErrStopped or ErrAbandoned. giveUp gives up what is to be sent,
// and is true, if no flush waits for it.
func (r *Request) Begin(giveUp func() bool) error {
	s, l := r.scheduler, r.logstore
	s.mu.Lock()
	if l.sending < int(l.allowed) {
		defer s.mu.Unlock()
		l.sending++
		s.sentLocked(l)
		return nil
	}
	turn := make(chan struct{})
	l.turns = append(l.turns, turn)
	s.mu.Unlock()
	err := await(r, turn, giveUp)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.sentLocked(l)
	} else if i := slices.Index(l.turns, turn); i >= 0 {
		l.turns = slices.Delete(l.turns, i, i+1)
	} else {
		l.passTurn() // it has come meanwhile
	}
	return err
}

// Pause waits before r is sent again.
func (r *Request) Pause(d time.Duration, giveUp func() bool) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	if giveUp() {
		return ErrAbandoned
	}
	if err := await(r, timer.C, giveUp); err != nil {
		return err
	}
	if giveUp() {
		return ErrAbandoned
	}
	return nil
}

// await waits for an event that lets r go on.
func await[T any](r *Request, event <-chan T, giveUp func() bool) error {
	for {
		select {
		case <-event:
			return nil
		case <-r.scheduler.stop:
			return ErrStopped
		case <-r.abandoned:
			if giveUp() {
				return ErrAbandoned
			}
		}
	}
}

// News are what an answer shows of SLS.
type News struct {
	Over      *Outage // that has ended with it; nil = none
	NoBatches bool    // SLS does not take group batches, so none is sent from now on
}

// Refused tells whether SLS takes what was sent neither now nor later.
func Refused(err error) bool {
	class := sls.ClassOf(err)
	return class == sls.ClassSplit || class == sls.ClassPermanent
}

// Answered takes note of the answer to what was sent at begin, as a group batch or not.
func (r *Request) Answered(begin time.Time, batch bool, err error) (news News) {
	s := r.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	r.accepted = err == nil
	news.Over = s.answeredLocked(r.logstore, begin, err)
	switch {
	case batch:
		s.proven = s.proven || err == nil
	case r.trial != nil && r.trial.answered(err) && s.batches && !s.proven:
		s.withoutBatchesLocked()
		s.beginLocked()
		news.NoBatches = true
	}
	return news
}

// Down tells whether the logstore of r fails for good, as far as can be known, while others
// work.
func (r *Request) Down() bool {
	s := r.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down(r.logstore)
}

// Astray tells whether r has gone to a destination that a template has chosen and, as the
// answer says, SLS does not have.
func (r *Request) Astray(err error) bool { return r.logstore.chosen && saysAbsent(err) }

// Home is where the records of r go if SLS does not have their logstore.
func (r *Request) Home() route.Destination {
	home, _ := r.scheduler.home(r.Groups[0].To.Destination)
	return home
}

// Believed takes note that the logstore of r is not there, unless r is to ask again: attempt
// counts the answers that say so, from 0.
func (r *Request) Believed(attempt int) bool {
	s, l := r.scheduler, r.logstore
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
	r.scheduler.mu.Lock()
	defer r.scheduler.mu.Unlock()
	segments := r.Segments()
	for _, q := range r.logstore.queues {
		segments = append(segments, q.drain()...)
		r.scheduler.place(q)
	}
	r.moveLocked(segments)
}

// Return queues the segments of r for the static defaults, where they have been before.
func (r *Request) Return() {
	r.scheduler.mu.Lock()
	defer r.scheduler.mu.Unlock()
	r.moveLocked(r.Segments())
}

func (r *Request) moveLocked(segments []*segment.Segment) {
	s := r.scheduler
	r.Groups = nil
	for _, seg := range segments {
		s.redirect(seg)
		home := s.logstoreLocked(seg.To)
		if s.stopped || s.hopeless(home) || s.outage(home) != nil {
			seg.Settle()
			continue
		}
		s.enqueueLocked(seg, home)
	}
	s.beginLocked()
}

// Done ends r. What may begin instead begins.
func (r *Request) Done() { r.scheduler.done(r) }
