package schedule

import (
	"container/list"
	"sync"
	"time"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
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
	Batches     bool          // small groups of several destinations share a request
	Alone       bool          // a request carries one segment
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
	batches    bool // group batches are sent
	proven     bool // and SLS has taken one
	logstores  map[LogstoreID]*logstore
	pruneAt    int       // number of logstores at which those that are idle are forgotten
	ready      list.List // of *logstore: may begin a request, if the instance may have more
	working    list.List // of *logstore: have not failed last
	inFlight   int       // requests over all logstores
	health     health    // of SLS in all that is sent
	handedBack uint64    // flushes refused since SLS last answered
	thread     *Thread   // of the flushes, if other sections share it; nil = none does
	turn       time.Time // when its last turn on that ends
}

// New returns a scheduler. It calls start for each request that begins, under its lock:
// start starts a goroutine and returns.
func New(cfg Config, home Home, metrics *report.Metrics, guard *panics.Guard, start func(*Request)) *Scheduler {
	return &Scheduler{
		cfg: cfg, home: home, metrics: metrics, panics: guard, start: start,
		stop: make(chan struct{}), logstores: map[LogstoreID]*logstore{}, batches: cfg.Batches,
	}
}

// Sequence names what the log groups of a tag are numbered in, for pack_id.
func (s *Scheduler) Sequence(tag string) string { return s.packs.sequence(tag) }

// Admit tells whether a flush may begin. The error is ErrStopped, or an *Outage in which
// nothing is tried now.
func (s *Scheduler) Admit() (*Admission, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	a := &Admission{}
	switch {
	case s.stopped:
		return nil, ErrStopped
	case !s.out(&s.health, now):
		return a, nil
	}
	ok := s.thread == nil || s.thread.turn(&s.turn, now)
	if ok {
		a.until, ok = s.health.admit(now)
	}
	if !ok {
		s.handedBack++
		return nil, s.outageLocked(now)
	}
	return a, nil
}

// MayWait tells whether a flush may wait for what h has, of whose logstore an outage may be
// known.
func (s *Scheduler) MayWait(h memory.Holder, a *Admission) bool {
	at, ok := h.(located)
	if !ok {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admitLocked(at.store(), a)
}

// Silent returns which holders wait for a logstore that does not answer now.
func (s *Scheduler) Silent() func(memory.Holder) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	silent := map[*logstore]bool{}
	for _, l := range s.logstores {
		silent[l] = s.outage(l) != nil
	}
	return func(h memory.Holder) bool {
		at, ok := h.(located)
		return ok && silent[at.store()]
	}
}

// located is a holder of this package: it knows the logstore.
type located interface{ store() *logstore }

// admitLocked tells whether a flush may wait for l. An outage of the whole instance is
// Admit's to deal with.
func (s *Scheduler) admitLocked(l *logstore, a *Admission) bool {
	h := s.outage(l)
	if h != &l.health {
		return true
	}
	until, ok := h.admit(time.Now())
	if !ok {
		a.Refused = &l.id
		return false
	}
	a.until = until
	return true
}

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
	s.enqueueLocked(seg, l)
	s.beginLocked()
}

// enqueueLocked appends a segment to its queue in l.
func (s *Scheduler) enqueueLocked(seg *segment.Segment, l *logstore) {
	q := s.queueLocked(seg.To, l)
	seg.Queued = time.Now()
	q.add(seg)
	if !seg.Outcome.Hold(q) {
		q.giveUp()
	}
	s.place(q)
}

// queueLocked is the queue of a destination in l.
func (s *Scheduler) queueLocked(to segment.Address, l *logstore) *queue {
	q := l.queues[to]
	if q == nil {
		q = &queue{scheduler: s, to: to, logstore: l}
		l.queues[to] = q
	}
	return q
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

// redirect gives a segment the static defaults for its address.
func (s *Scheduler) redirect(seg *segment.Segment) {
	s.metrics.Redirected.With(seg.To.Logstore).Add(uint64(seg.Count))
	seg.To.Destination, _ = s.home(seg.To.Destination)
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
		l.inFlight++
		s.inFlight++
		if q, ok := l.ready.Front().Value.(*queue); ok {
			return s.aloneLocked(q)
		}
		return s.batchLocked(&l.batch)
	}
	return nil
}

// aloneLocked is the request of what waits in q.
func (s *Scheduler) aloneLocked(q *queue) *Request {
	keep(&q.logstore.ready, &q.inReady, q, false) // and at the end, if more waits
	r := newRequest(s, q.logstore)
	s.takeLocked(q, r)
	q.latest = r
	s.place(q)
	return r
}

// out tells whether h knows of an outage.
func (s *Scheduler) out(h *health, now time.Time) bool {
	return h.out(now, s.cfg.Patience, s.forget())
}

// sentLocked takes note that a request to l is on its way.
func (s *Scheduler) sentLocked(l *logstore) {
	now := time.Now()
	l.health.sent(now, s.forget())
	s.health.sent(now, s.forget())
}

// answeredLocked takes note of the answer to a request to l, sent at begin. When SLS is
// back after it has answered nobody, what waits for any logstore starts: what is known of
// each was of that.
func (s *Scheduler) answeredLocked(l *logstore, begin time.Time, err error) (over *Outage) {
	now, ok, all := time.Now(), hasAnswered(err), s.health
	out, before := s.out(&all, now), s.outageLocked(now)
	l.health.ended(now, ok)
	s.health.ended(now, ok)
	if ok && (out || l.failures > 0 && !s.othersWork(l)) {
		s.recovered()
		s.beginLocked()
	}
	if ok && out {
		s.handedBack, over = 0, before
		if s.thread != nil {
			s.thread.leave(s.turn)
		}
	}
	s.learnLocked(l, begin, err)
	l.passTurn()
	s.placeLogstore(l)
	return over
}

// recovered makes all logstores begin anew: SLS has answered nobody, and does again.
func (s *Scheduler) recovered() {
	for _, l := range s.logstores {
		l.failures = 0
		l.health.reset()
		s.placeLogstore(l)
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

// outage is the outage that l is part of: the whole instance's, its own, or nil.
func (s *Scheduler) outage(l *logstore) *health {
	now := time.Now()
	for _, h := range []*health{&s.health, &l.health} {
		if s.out(h, now) {
			return h
		}
	}
	return nil
}

func (s *Scheduler) outageLocked(now time.Time) *Outage {
	return &Outage{For: now.Sub(s.health.since), HandedBack: s.handedBack}
}

// done takes note that a request has ended, and starts what may begin instead.
func (s *Scheduler) done(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.logstore.inFlight--
	s.inFlight--
	r.logstore.batch.end(r)
	for _, q := range r.queues {
		if q.latest == r {
			q.latest = nil
		}
		q.inFlight--
		s.placeQueue(q)
	}
	r.logstore.place()
	s.beginLocked()
}

// release starts what a line has held back, if it was long enough.
func (s *Scheduler) release(line interface{ place() }) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line.place()
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
	if now := time.Now(); s.out(&s.health, now) {
		outage = s.outageLocked(now)
	}
	close(s.stop)
	s.stopped = true
	if s.thread != nil {
		s.thread.sections.Add(-1)
	}
	for _, l := range s.logstores {
		for _, q := range l.queues {
			s.place(q)
		}
	}
	s.beginLocked()
	return outage
}

// place makes q, its next batch and its logstore ready if a request for them may begin, and not
// ready if none may. Whatever changes a queue calls it. The time that passes does not: an
// alarm does.
func (s *Scheduler) place(q *queue) {
	s.placeQueue(q)
	s.placeNextBatch(&q.logstore.batch)
	s.placeLogstore(q.logstore)
}

// placeQueue does so for q alone.
func (s *Scheduler) placeQueue(q *queue) {
	l := q.logstore
	if len(q.waiting) == 0 {
		q.apart, q.trial = false, nil
	}
	l.batch.line(q, s.shares(q))
	var delay time.Duration
	if q.inBatch == nil {
		delay = s.delay(q)
	}
	keep(&l.ready, &q.inReady, q, q.inBatch == nil && len(q.waiting) > 0 && delay <= 0 && (q.inFlight == 0 || !s.cfg.Ordered))
	q.alarm.set(s, delay, q)
	if len(q.waiting) == 0 && q.inFlight == 0 && l.queues[q.to] == q {
		delete(l.queues, q.to)
	}
}

// delay is how much longer what waits in q waits for more to come.
func (s *Scheduler) delay(q *queue) (d time.Duration) {
	if len(q.waiting) == 0 || s.outage(q.logstore) != nil {
		return 0 // the one request during an outage is to find out, soon
	}
	if !s.stopped && q.bytes < s.cfg.BatchBytes && q.logs < s.cfg.BatchCount {
		d = s.cfg.Linger - time.Since(q.waiting[0].Queued)
	}
	if s.cfg.Alone {
		return d
	}
	return max(d, gathering(q.latest, q.bytes))
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
		l = &logstore{scheduler: s, id: id, queues: map[segment.Address]*queue{}, allowed: float64(s.cfg.Concurrency), chosen: chosen}
		l.batch.logstore = l
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
