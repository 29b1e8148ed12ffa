package schedule

import (
	"container/list"
	"time"
)

// Bounds of a group batch. SLS counts the raw bytes of all its groups together. It took
// 5 MB before it took 10.
const (
	maxBatchBytes  = 5 << 20
	maxBatchGroups = 512
)

// returnFor is how long a request waits for the flushes that the one before has set free.
// Fluent Bit's workers have their next chunks waiting, and bring them within two
// milliseconds. The first to come back would else go out alone, and the others a whole answer
// later.
const returnFor = 5 * time.Millisecond

// nextBatch is the queues of a logstore that have too little for a request of their own.
// What waits in them goes out together, as a group batch. Scheduler.mu guards it.
type nextBatch struct {
	logstore *logstore
	queues   list.List     // of *queue, each of which is in no other line
	bytes    int           // waiting in them
	segments int           // waiting in them
	since    time.Time     // when the oldest of it was queued, or earlier
	latest   *Request      // the last one to begin, while it is in flight
	freed    int           // segments of it that SLS has accepted, once it has ended
	ended    time.Time     // when it did
	alarm    alarm         // runs while what waits waits for more
	inReady  *list.Element // in logstore.ready; nil = no request may begin
}

// line has q in n if it belongs there.
func (n *nextBatch) line(q *queue, belongs bool) {
	n.bytes -= q.batchBytes
	n.segments -= q.batchSegments
	q.batchBytes, q.batchSegments = 0, 0
	keep(&n.queues, &q.inBatch, q, belongs)
	if belongs {
		q.batchBytes, q.batchSegments = q.bytes, len(q.waiting)
		n.bytes += q.batchBytes
		n.segments += q.batchSegments
		if first := q.waiting[0].Queued; n.since.IsZero() || first.Before(n.since) {
			n.since = first
		}
	}
	if n.queues.Len() == 0 {
		n.since = time.Time{}
	}
}

// shares tells whether what waits in q goes out with what waits for other destinations. Not
// while a request for q alone is in flight: it gathers behind that.
func (s *Scheduler) shares(q *queue) bool {
	return s.batches && !q.apart && q.latest == nil && q.to.HashKey == "" && len(q.waiting) > 0 &&
		q.bytes < min(worthARequest, s.cfg.BatchBytes) && q.logs < s.cfg.BatchCount &&
		(q.inFlight == 0 || !s.cfg.Ordered)
}

// batchLocked is the request of what waits in n, within the limits of a group batch.
func (s *Scheduler) batchLocked(n *nextBatch) *Request {
	keep(&n.logstore.ready, &n.inReady, n, false) // and at the end, if more waits
	r := newRequest(s, n.logstore)
	most, bytes := min(maxBatchBytes, s.cfg.BatchBytes/2*5), 0
	for n.queues.Len() > 0 && len(r.Groups) < maxBatchGroups {
		q, _ := n.queues.Front().Value.(*queue)
		if bytes += q.bytes + q.to.FieldsSize(); len(r.Groups) > 0 && bytes > most {
			break
		}
		s.takeLocked(q, r)
		s.placeQueue(q) // not in n any more, or at its end
	}
	n.latest = r
	n.logstore.place()
	return r
}

// end takes note that r has ended.
func (n *nextBatch) end(r *Request) {
	if n.latest != r {
		return
	}
	n.latest, n.freed = nil, 0
	if r.accepted {
		n.freed, n.ended = len(r.Segments()), time.Now()
	}
}

// placeNextBatch does for n what placeQueue does for a queue.
func (s *Scheduler) placeNextBatch(n *nextBatch) {
	delay := s.nextBatchDelay(n)
	keep(&n.logstore.ready, &n.inReady, n, n.queues.Len() > 0 && delay <= 0)
	n.alarm.set(s, delay, n.logstore)
}

// nextBatchDelay is how much longer what waits in n waits for more to come.
func (s *Scheduler) nextBatchDelay(n *nextBatch) (d time.Duration) {
	if n.queues.Len() == 0 || s.outage(n.logstore) != nil {
		return 0
	}
	if !s.stopped && n.queues.Len() < maxBatchGroups {
		d = s.cfg.Linger - time.Since(n.since)
	}
	if !s.stopped && n.segments < n.freed && n.bytes < worthARequest {
		d = max(d, returnFor-time.Since(n.ended))
	}
	return max(d, gathering(n.latest, n.bytes))
}

// trial finds out whether SLS knows group batches, when it refuses the first one. Its groups
// are sent one by one. If SLS takes each of them, it is the batch that it does not take.
type trial struct {
	open   int // groups that are not accepted
	failed bool
}

// answered takes note of the answer to a group. It is true when SLS has taken the last one.
func (t *trial) answered(err error) bool {
	t.failed = t.failed || Refused(err)
	if err == nil {
		t.open--
	}
	return err == nil && t.open == 0 && !t.failed
}

// TakeApart queues again what is not settled of r, which SLS has refused. Each destination
// has its next request for itself. r has no segments then.
func (r *Request) TakeApart() {
	s := r.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	groups := r.Groups
	r.Groups = nil
	t := &trial{}
	for _, g := range groups {
		left := g.Unsettled()
		if len(left) == 0 {
			continue
		}
		q := s.queueLocked(left[0].To, r.logstore)
		q.apart = true
		if !s.proven {
			q.trial = t
			t.open++
		}
		q.addFirst(left)
		s.place(q)
	}
	s.beginLocked()
}

// withoutBatchesLocked gives every destination requests of its own from now on.
func (s *Scheduler) withoutBatchesLocked() {
	s.batches = false
	for _, l := range s.logstores {
		for _, q := range l.queues {
			s.place(q)
		}
	}
}
