package schedule

import (
	"errors"
	"slices"
	"time"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
)

// Why a request is not sent, or not sent again.
var (
	// ErrStopped: the scheduler has been stopped.
	ErrStopped = errors.New("the output stops")
	// ErrAbandoned: no flush waits for what is to be sent, which is settled.
	ErrAbandoned = errors.New("no flush waits for it any more")
)

// Request is what one call to SLS carries: whole segments of one destination. Its methods
// are for the goroutine that sends it, which ends with Done.
type Request struct {
	To       segment.Address
	Segments []*segment.Segment
	PackID   string // the number of its log group; "" = none

	queue     *queue
	began     time.Time
	abandoned chan struct{} // something left that may have been the last flush to wait
}

func newRequest(q *queue, segments []*segment.Segment) *Request {
	r := &Request{To: q.to, Segments: segments, queue: q, began: time.Now(), abandoned: make(chan struct{}, 1)}
	for _, s := range segments {
		if !s.Outcome.Hold(r) {
			r.Abandoned()
		}
	}
	return r
}

// Abandoned lets a request that waits find out whether anybody waits for it.
func (r *Request) Abandoned() {
	select {
	case r.abandoned <- struct{}{}:
	default: // it is told already
	}
}

func (r *Request) store() *logstore { return r.queue.logstore }

// NextPackID numbers a log group of r, "" without pack_id. Those of a tag have to be
// numbered in the order of its records, which requests, once they are under way, do not
// keep.
func (r *Request) NextPackID() string {
	if r.To.Sequence == "" {
		return ""
	}
	return r.queue.scheduler.packs.next(r.To.Sequence)
}

// Begin waits until one more request may be under way to the logstore: when SLS throttles,
// more are in flight than it takes, each with a pause behind it. Answered has to follow,
// unless Begin fails with ErrStopped or ErrAbandoned. giveUp gives up what is to be sent,
// and is true, if no flush waits for it.
func (r *Request) Begin(giveUp func() bool) error {
	s, l := r.queue.scheduler, r.queue.logstore
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
		case <-r.queue.scheduler.stop:
			return ErrStopped
		case <-r.abandoned:
			if giveUp() {
				return ErrAbandoned
			}
		}
	}
}

// Answered takes note of the answer to what was sent at begin. It returns an outage of SLS
// that is over by that, nil if there is none.
func (r *Request) Answered(begin time.Time, err error) (over *Outage) {
	s := r.queue.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answeredLocked(r.queue.logstore, begin, err)
}

// Down tells whether the logstore of r fails for good, as far as can be known, while others
// work.
func (r *Request) Down() bool {
	s := r.queue.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down(r.queue.logstore)
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
		s.enqueueLocked(seg, home)
	}
	s.beginLocked()
}

// Done ends r. What may begin instead begins.
func (r *Request) Done() { r.queue.scheduler.done(r) }
