package schedule

import (
	"container/list"
	"sync"
	"time"

	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/panics"
)

// maxRequests is how many requests an instance has in flight at once, to whatever
// destinations. Each takes a goroutine and a connection, which memory_limit does not know
// of: a chunk whose records name a logstore each would open thousands.
const maxRequests = 512

// Config is what the user sets about requests.
type Config struct {
	BatchBytes  int           // size at which a request is full
	BatchCount  int           // logs at which a request is full
	Linger      time.Duration // how long a small request waits for more
	Ordered     bool          // one request in flight per destination
	Concurrency int           // most requests in flight per logstore
	// Patience is how long SLS may go without an answer before that is an outage.
	Patience time.Duration
}

// Home is where records go whose template names what is not there: a destination with the
// static project and logstore. It is false for a destination that no template has chosen.
type Home func(route.Destination) (home route.Destination, chosen bool)

// Scheduler orders the requests of an instance. It is safe for concurrent use.
type Scheduler struct {
	cfg     Config
	home    Home
	metrics *report.Metrics
	panics  *panics.Guard
	start   func(*Request)
	packs   packs
	stop    chan struct{} // closed by Stop

	// mu guards what follows, with all logstores, queues and requests. It is taken per
	// segment and per request, never per record. memory's lock may be taken under it.
	mu         sync.Mutex
	stopped    bool // nothing waits for more to come
	logstores  map[LogstoreID]*logstore
	pruneAt    int       // number of logstores at which those that are idle are forgotten
	ready      list.List // of *logstore: may begin a request, if the instance may have more
	working    list.List // of *logstore: have not failed last
	inFlight   int       // requests over all logstores
	health     health    // of SLS in all that is sent
	handedBack uint64    // flushes refused since SLS last answered
}

// New returns a scheduler. It calls start for each request that begins, under its lock:
// start starts a goroutine and returns.
func New(cfg Config, home Home, metrics *report.Metrics, guard *panics.Guard, start func(*Request)) *Scheduler {
	return &Scheduler{
		cfg: cfg, home: home, metrics: metrics, panics: guard, start: start,
		stop: make(chan struct{}), logstores: map[LogstoreID]*logstore{},
	}
}

// Sequence names what the log groups of a tag are numbered in, for pack_id.
func (s *Scheduler) Sequence(tag string) string { return s.packs.sequence(tag) }

// Enqueue makes a segment wait for a request. It goes elsewhere if SLS is known not to
// have its logstore, and is settled at once, as failed, if it is known that it cannot be
// sent soon.
func (s *Scheduler) Enqueue(seg *segment.Segment, a *Admission) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.absentLocked(seg) {
		s.redirect(seg)
	}
	l := s.logstoreLocked(seg.To)
	if s.stopped || s.hopeless(l) || !s.admitLocked(l, a) {
		seg.Settle()
		return
	}
	s.enqueueLocked(seg)
	s.beginLocked()
}

func (s *Scheduler) enqueueLocked(seg *segment.Segment) {
	l := s.logstoreLocked(seg.To)
	q := l.queues[seg.To]
	if q == nil {
		q = &queue{scheduler: s, to: seg.To, logstore: l}
		l.queues[seg.To] = q
	}
	seg.Queued = time.Now()
	q.add(seg)
	if !seg.Outcome.Hold(q) {
		q.giveUp()
	}
	s.place(q)
}

// beginLocked starts the requests that may begin now.
func (s *Scheduler) beginLocked() {
	for r := s.nextLocked(); r != nil; r = s.nextLocked() {
		s.start(r)
	}
}

// nextLocked is the request that may begin now, nil if there is none. Its logstore and its
// destination have had their turn.
func (s *Scheduler) nextLocked() *Request {
	for s.inFlight < maxRequests && s.ready.Len() > 0 {
		l, _ := s.ready.Front().Value.(*logstore)
		keep(&s.ready, &l.inReady, l, false)
		if h := s.outage(l); h != nil && !h.ask(time.Now()) {
			continue // it is ready again with its next segment or answer
		}
		q, _ := l.ready.Front().Value.(*queue)
		keep(&l.ready, &q.inReady, q, false)
		r := newRequest(q, q.take(s.cfg.BatchBytes, s.cfg.BatchCount))
		r.PackID = r.NextPackID()
		q.latest = r
		q.inFlight++
		l.inFlight++
		s.inFlight++
		s.place(q)
		return r
	}
	return nil
}

// done takes note that a request has ended, and starts what may begin instead.
func (s *Scheduler) done(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.queue
	if q.latest == r {
		q.latest = nil
	}
	q.inFlight--
	q.logstore.inFlight--
	s.inFlight--
	s.place(q)
	s.beginLocked()
}

// release starts what q has held back, if it was long enough.
func (s *Scheduler) release(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place(q)
	s.beginLocked()
}

// Stop ends the scheduler: nothing is taken and no request is sent again from now on. What
// waits begins at once. During an outage it returns the outage, the first time.
func (s *Scheduler) Stop() *Outage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	var outage *Outage
	if now := time.Now(); s.health.out(now, s.cfg.Patience) {
		outage = s.outageLocked(now)
	}
	close(s.stop)
	s.stopped = true
	for _, l := range s.logstores {
		for _, q := range l.queues {
			s.place(q)
		}
	}
	s.beginLocked()
	return outage
}

// place makes q ready if a request for it may begin, and not ready if none may. Whatever
// changes a queue calls it. The time that passes does not: a timer does.
func (s *Scheduler) place(q *queue) {
	delay, l := s.delay(q), q.logstore
	keep(&l.ready, &q.inReady, q, len(q.waiting) > 0 && delay <= 0 && (q.inFlight == 0 || !s.cfg.Ordered))
	switch {
	case delay <= 0 && q.timer == nil:
	case delay <= 0:
		q.timer.Stop() // or it keeps the scheduler for as long as linger
	case q.timer == nil:
		q.timer = s.panics.AfterFunc(delay, "a queue's timer", func() { s.release(q) })
	default:
		q.timer.Reset(delay)
	}
	if len(q.waiting) == 0 && q.inFlight == 0 && l.queues[q.to] == q {
		delete(l.queues, q.to)
	}
	s.placeLogstore(l)
}

// delay is how much longer what waits in q waits for more to come.
func (s *Scheduler) delay(q *queue) (d time.Duration) {
	if len(q.waiting) == 0 || s.outage(q.logstore) != nil {
		return 0 // the one request during an outage is to find out, soon
	}
	if !s.stopped && q.bytes < s.cfg.BatchBytes && q.logs < s.cfg.BatchCount {
		d = s.cfg.Linger - time.Since(q.waiting[0].Queued)
	}
	if q.latest != nil && q.bytes < worthARequest {
		d = max(d, gatherFor-time.Since(q.latest.began))
	}
	return d
}

// placeLogstore does for l what place does for a queue. Whatever changes l calls it.
func (s *Scheduler) placeLogstore(l *logstore) {
	keep(&s.ready, &l.inReady, l, l.ready.Len() > 0 && l.inFlight < int(l.allowed))
	keep(&s.working, &l.inWorking, l, l.failures == 0 && l.absent.IsZero())
}

// keep has v at the end of the list if it is wanted there and not there yet, or not in the
// list at all. at is where it is.
func keep(in *list.List, at **list.Element, v any, wanted bool) {
	switch {
	case wanted && *at == nil:
		*at = in.PushBack(v)
	case !wanted && *at != nil:
		in.Remove(*at)
		*at = nil
	}
}

// Bounds of what is known of logstores that are not in use.
const (
	maxIdle = 1000
	idleFor = 10 * time.Minute
)

// logstoreLocked is the logstore of a destination, which is in use from now on.
func (s *Scheduler) logstoreLocked(to segment.Address) *logstore {
	id := LogstoreID{to.Project, to.Logstore}
	l := s.logstores[id]
	if l == nil {
		s.pruneLocked()
		_, chosen := s.home(to.Destination)
		l = &logstore{id: id, queues: map[segment.Address]*queue{}, allowed: float64(s.cfg.Concurrency), chosen: chosen}
		s.logstores[id] = l
	}
	l.used = time.Now()
	s.placeLogstore(l)
	return l
}

// pruneLocked forgets logstores that have been idle, so that those named by records cannot
// pile up: those idle for long or, if that is not enough, all.
func (s *Scheduler) pruneLocked() {
	if len(s.logstores) < max(s.pruneAt, maxIdle) {
		return
	}
	s.forgetLocked(idleFor)
	if len(s.logstores) > maxIdle/2 {
		s.forgetLocked(0)
	}
	s.pruneAt = 2 * len(s.logstores) // or each new one would go through all that are in use
}

func (s *Scheduler) forgetLocked(idle time.Duration) {
	for id, l := range s.logstores {
		if l.inFlight == 0 && len(l.queues) == 0 && time.Since(l.used) >= idle {
			keep(&s.working, &l.inWorking, l, false)
			delete(s.logstores, id)
		}
	}
}

// Snapshot is how a scheduler stands.
type Snapshot struct {
	InFlight  int            // requests, those included that pause before they are sent again
	Sending   int            // requests under way
	Ready     int            // logstores that may begin a request
	Queues    int            // destinations of which something waits or is in flight
	Logstores int            // known
	Allowed   map[string]int // requests that a logstore may have under way, by its name
}

// Snapshot is how the scheduler stands now.
func (s *Scheduler) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := Snapshot{InFlight: s.inFlight, Ready: s.ready.Len(), Logstores: len(s.logstores), Allowed: map[string]int{}}
	for id, l := range s.logstores {
		now.Sending += l.sending
		now.Queues += len(l.queues)
		now.Allowed[id.Logstore] = max(now.Allowed[id.Logstore], int(l.allowed))
	}
	return now
}
