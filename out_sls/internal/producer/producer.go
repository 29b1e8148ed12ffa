package producer

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// Result is what a flush tells the engine, with the engine's own numbers.
type Result int

// The three answers to a flush.
const (
	Error Result = 0 // some records can never be delivered; the others are
	OK    Result = 1 // SLS has accepted every record
	Retry Result = 2 // something may still succeed: hand the chunk back later
)

// Producer delivers chunks. It is safe for concurrent use.
type Producer struct {
	cfg     Config
	client  *sls.Client
	router  *route.Router
	encode  loggroup.EncodeOptions
	log     *errorLog
	metrics *metrics
	panics  *panics.Guard

	budget  *semaphore.Weighted
	used    atomic.Int64 // what is taken of it
	scratch scratch      // of segments
	buffers buffer.Pool  // of requests
	letters *deadLetters // nil: what SLS refuses is dropped
	// answered takes the answer to every request, where somebody listens.
	answered func(project, logstore string, err error)

	ctx    context.Context // ends requests in flight, when Stop's time is up
	cancel context.CancelFunc
	drain  chan struct{} // closed by Stop: no request is sent again
	wg     sync.WaitGroup

	// mu guards what follows, and every outcome and flight. It is taken per
	// segment and per request, never per record; nothing is sent, logged or
	// waited for while it is held.
	mu       sync.Mutex
	schedule schedule
	back     uint64 // flushes handed back since SLS was last there
	memory   *memory
	packs    packs
}

// New returns a producer that sends through client, which it does not close. The
// error is one of cfg.Validate.
func New(cfg Config, router *route.Router, client *sls.Client, log *slog.Logger) (*Producer, error) {
	encode, err := cfg.Content.EncodeOptions()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Producer{
		cfg: cfg, client: client, router: router, encode: encode, log: newErrorLog(log),
		budget: semaphore.NewWeighted(int64(cfg.MemoryLimit)),
		ctx:    ctx, cancel: cancel, drain: make(chan struct{}),
		memory:   newMemory(),
		answered: func(string, string, error) {},
	}
	if cfg.DeadLetterFile != "" {
		p.letters = &deadLetters{path: cfg.DeadLetterFile, limit: int64(cfg.DeadLetterSize)}
	}
	p.metrics = newMetrics(p)
	p.panics = panics.New(log, func() { p.metrics.panics.Add(1) })
	p.schedule = newSchedule(&p.cfg, p.chosen, func(d time.Duration, q *queue) *time.Timer {
		return p.panics.AfterFunc(d, "held back", func() { p.release(q) })
	})
	return p, nil
}

// OnAnswer makes fn take the answer to every request. fn does not wait. Call OnAnswer
// before the first Flush.
func (p *Producer) OnAnswer(fn func(project, logstore string, err error)) { p.answered = fn }

// Flush delivers one chunk: the events of one tag. It returns when SLS has
// answered for every segment, or after flush_timeout, or when ctx ends; what is
// in flight then goes on and is remembered. During an outage it does not wait that
// long. It does not keep chunk.
func (p *Producer) Flush(ctx context.Context, tag string, chunk []byte) Result {
	f, ok := p.admit()
	if !ok {
		return Retry
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.FlushTimeout)
	defer cancel()
	room, cancelRoom := f.patient(ctx)
	defer cancelRoom()
	known := p.recall(tag, chunk)
	c := cutter{producer: p, tag: tag, full: func(s *segment) bool { return p.submit(room, f, known, s) }}
	taken, whole := c.cut(chunk)
	if !taken {
		p.giveUp(f, known)
	}

	p.mu.Lock()
	f.closeLocked() // the chunk is cut
	p.mu.Unlock()
	p.await(ctx, f)
	result := p.end(f, whole, tag, chunk)
	if result != Retry {
		c.count()
	}
	if l := f.refused; l != nil {
		p.metrics.handedBack.Add(1)
		p.log.report(slog.LevelError, "outage of one", "a logstore does not answer, its chunks are handed back at once until it does",
			"project", l.id.project, "logstore", l.id.logstore)
	}
	return result
}

// admit begins a flush, unless the producer has stopped or SLS does not answer.
func (p *Producer) admit() (f *flight, ok bool) {
	p.mu.Lock()
	now := time.Now()
	f = newFlight()
	if p.schedule.stopped || !p.schedule.health.out(now, p.cfg.patience()) {
		defer p.mu.Unlock()
		return f, !p.schedule.stopped
	}
	if f.until, ok = p.schedule.health.admit(now); !ok {
		p.back++
	}
	back, since := p.back, p.schedule.health.since
	p.mu.Unlock()
	if !ok {
		p.metrics.handedBack.Add(1)
		p.log.report(slog.LevelError, "outage", "SLS does not answer, chunks are handed back at once until it does",
			"for", now.Sub(since).Round(time.Second), "handed_back", back)
	}
	return f, ok
}

// recall returns what is remembered of a chunk, which is hashed only while something
// is remembered: seldom.
func (p *Producer) recall(tag string, chunk []byte) []*outcome {
	p.mu.Lock()
	empty := p.memory.empty()
	p.mu.Unlock()
	if empty {
		return nil
	}
	id := p.memory.identify(tag, chunk)
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.memory.take(id)
}

// await waits until every segment of f is settled or its time is up. What it waits for
// in a logstore that does not answer has less time.
func (p *Producer) await(ctx context.Context, f *flight) {
	select {
	case <-f.done:
		return
	case <-f.impatience():
		p.abandon(f, func(o *outcome) bool { return p.schedule.outage(o.queue.lane) != nil })
	case <-ctx.Done():
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		p.abandon(f, func(*outcome) bool { return true })
	}
}

// end derives the answer. A chunk that is to come back leaves its outcomes.
func (p *Producer) end(f *flight, whole bool, tag string, chunk []byte) Result {
	p.mu.Lock()
	failed, lost, dropped := f.failed, f.lost, f.dropped
	p.mu.Unlock()
	switch {
	case failed:
		p.remember(f, tag, chunk)
		return Retry
	case !lost && whole:
		return OK
	case p.letters == nil:
		return Error
	}
	if err := p.bury(f, tag, chunk); err != nil {
		p.log.report(slog.LevelError, "dead letters", "cannot keep what SLS refuses, the chunk is handed back", "error", err)
		p.remember(f, tag, chunk)
		return Retry
	}
	if dropped {
		return Error
	}
	return OK
}

func (p *Producer) remember(f *flight, tag string, chunk []byte) {
	id := p.memory.identify(tag, chunk)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.memory.put(id, f.outcomes)
}

// bury writes what SLS will never take of a chunk to the dead-letter file. By now
// every outcome is settled. The originals are found by cutting the chunk again.
func (p *Producer) bury(f *flight, tag string, chunk []byte) error {
	var lines []byte
	var buried []letter
	now, number := time.Now(), 0
	add := func(l letter) {
		lines = l.append(lines, now)
		buried = append(buried, l)
	}
	c := cutter{producer: p, tag: tag}
	c.full = func(s *segment) bool {
		for _, lost := range f.outcomes[number].lost {
			if lost.dropped {
				continue
			}
			at := s.places[lost.index]
			add(letter{reason: lost.reason, tag: tag, dest: s.dest, offset: at.offset, bytes: chunk[at.offset : at.offset+at.size]})
		}
		number++
		p.scratch.put(s.buf)
		return true
	}
	c.unread = func(offset int, bytes []byte, reason string) {
		add(letter{reason: reason, tag: tag, offset: offset, bytes: bytes})
	}
	c.cut(chunk)
	if len(buried) == 0 {
		return nil
	}
	if err := p.letters.write(lines); err != nil {
		return err
	}
	for _, l := range buried {
		p.metrics.deadLetters.With(l.dest.Logstore, l.reason).Add(1)
	}
	return nil
}

// abandon takes f off what it still waits for and which is true for. Segments that
// nobody else waits for leave their queue; those in flight go on, and are remembered.
func (p *Producer) abandon(f *flight, which func(*outcome) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var left []*outcome // that nobody waits for
	for _, o := range f.outcomes {
		if o.state != statePending || !slices.Contains(o.waiters, f) || !which(o) {
			continue
		}
		f.failed = true
		f.closeLocked()
		o.waiters = slices.DeleteFunc(o.waiters, func(w *flight) bool { return w == f })
		if len(o.waiters) == 0 {
			left = append(left, o)
		}
	}
	for _, o := range left {
		switch {
		case o.state != statePending: // it has left its queue with the one before
		case o.wake == nil:
			p.dropLocked(o.queue, abandoned)
		default:
			select {
			case o.wake <- struct{}{}:
			default: // a wake-up is waiting already
			}
		}
	}
}

// dropLocked fails the segments that wait in q and which is true for.
func (p *Producer) dropLocked(q *queue, which func(*segment) bool) {
	for _, s := range p.schedule.abandon(q, which) {
		p.failLocked(s)
	}
}

// failLocked settles a segment of which nothing was sent.
func (p *Producer) failLocked(s *segment) {
	s.outcome.state, s.outcome.missing = stateFailed, s.runs
	p.settleLocked(s)
}

// settleLocked ends the delivery of a segment, once: it gives its bytes back and
// tells the flushes that wait for it. The outcome says how it went.
func (p *Producer) settleLocked(s *segment) {
	p.budget.Release(s.weight)
	p.used.Add(-s.weight)
	p.recycle(s)
	o := s.outcome
	for _, f := range o.waiters {
		f.settleLocked(o)
	}
	o.waiters, o.wake, o.queue = nil, nil, nil
}

// Stop ends the producer: no new flush is taken, no request is sent again, those
// in flight may finish until ctx ends and are then cut off, during an outage at once.
// When it returns no goroutine is left. It is safe to call more than once.
func (p *Producer) Stop(ctx context.Context) {
	p.mu.Lock()
	now := time.Now()
	health := &p.schedule.health
	out, back, since := health.out(now, p.cfg.patience()) && !p.schedule.stopped, p.back, health.since
	if !p.schedule.stopped {
		close(p.drain)
		p.schedule.stop()
		p.startLocked()
	}
	p.mu.Unlock()
	if out {
		p.cancel()
		p.log.log.Warn("stopped while SLS does not answer: Fluent Bit keeps what it was handed back in storage.type filesystem only",
			"for", now.Sub(since).Round(time.Second), "handed_back", back)
	}
	defer context.AfterFunc(ctx, p.cancel)()
	p.wg.Wait()
	p.cancel()
	if p.letters != nil {
		if err := p.letters.close(); err != nil {
			p.log.report(slog.LevelError, "dead letters", "cannot close the dead-letter file", "error", err)
		}
	}
}
