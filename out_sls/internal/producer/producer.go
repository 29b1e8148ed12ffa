package producer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"fluent-bit-sls/out_sls/internal/deadletter"
	"fluent-bit-sls/out_sls/internal/delivery"
	"fluent-bit-sls/out_sls/internal/journal"
	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/out_sls/internal/sequence"
	"fluent-bit-sls/shared/buffer"
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
	cfg       Config
	log       *report.Log
	metrics   *report.Metrics
	memory    *memory.Memory
	budget    *segment.Budget
	cutter    *segment.Cutter
	scheduler *schedule.Scheduler
	delivery  *delivery.Delivery
	letters   *deadletter.Writer // nil: what SLS refuses is dropped
	journal   *journal.Journal   // nil: what is delivered is forgotten with the process
	numbers   *sequence.Table    // nil: writes have no sequence numbers
}

// New returns a producer that sends through client, which it does not close. The
// error is one of cfg.Validate.
func New(cfg Config, router *route.Router, client *sls.Client, logger *slog.Logger) (*Producer, error) {
	cutting, err := cfg.segment()
	if err != nil {
		return nil, err
	}
	log, metrics := report.NewLog(logger), report.NewMetrics()
	guard := panics.New(logger, func() { metrics.Panics.Add(1) })
	p := &Producer{cfg: cfg, log: log, metrics: metrics}
	if cfg.StatePath != "" {
		p.journal = journal.New(cfg.journal(router), logger)
	}
	p.memory = memory.New(p.journal)

	buffers := &buffer.Pool{}
	p.delivery = delivery.New(cfg.delivery(), client, buffers, log, metrics, guard)
	if cfg.ExactlyOnce {
		p.numbers = sequence.New(p.journal)
		p.delivery.NumberBy(p.numbers)
	}
	p.scheduler = schedule.New(cfg.schedule(), router.Home, metrics, guard, p.delivery.Start)
	if cfg.PackID {
		cutting.Sequence = p.scheduler.Sequence
	}
	p.budget = segment.NewBudget(int64(cfg.MemoryLimit), buffers)
	p.cutter = segment.NewCutter(cutting, router, buffers, log)
	if cfg.DeadLetterFile != "" {
		p.letters = deadletter.New(cfg.DeadLetterFile, int64(cfg.DeadLetterSize), p.cutter, metrics)
	}
	p.publish(router)
	return p, nil
}

// OnAnswer makes fn take the answer to every request. fn does not wait. Call OnAnswer
// before the first Flush.
func (p *Producer) OnAnswer(fn func(project, logstore string, err error)) { p.delivery.OnAnswer(fn) }

// ShareThread tells that flushes run on a thread that other sections share.
func (p *Producer) ShareThread(t *schedule.Thread) { p.scheduler.ShareThread(t) }

// Flush delivers one chunk: the events of one tag. It returns when SLS has answered for
// every segment, or after flush_timeout, or when ctx ends; what is in flight then goes on
// and is remembered. During an outage it does not wait that long. It does not keep chunk.
func (p *Producer) Flush(ctx context.Context, tag string, chunk []byte) Result {
	admission, err := p.scheduler.Admit()
	if err != nil {
		p.refused(err)
		return Retry
	}
	if p.numbers != nil {
		if err := p.numbers.Ready(); err != nil {
			p.log.Error("exactly_once", "sequence numbers cannot be put on file, so nothing is sent, and chunks are handed back", "error", err)
			return Retry
		}
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.FlushTimeout)
	defer cancel()
	flush := p.memory.Begin(tag, chunk)
	defer flush.Leave()
	summary, err := p.cut(ctx, flush, admission, tag, chunk)
	flush.Cut(err == nil)
	p.await(ctx, flush, admission)
	result := p.answer(flush, summary.Whole(), tag, chunk)
	if result != Retry { // or it is cut again, and counted then
		p.count(summary)
	}
	if l := admission.Refused; l != nil {
		p.metrics.HandedBack.Add(1)
		p.log.Error("outage of one", "a logstore does not answer, its chunks are handed back at once until it does",
			"project", l.Project, "logstore", l.Logstore)
	}
	return result
}

// cut cuts the chunk and queues its segments. The error is that of ctx, when it ends before
// there is room for all.
func (p *Producer) cut(ctx context.Context, f *memory.Flush, a *schedule.Admission, tag string, chunk []byte) (segment.Summary, error) {
	ctx, cancel := a.Context(ctx)
	defer cancel()
	return p.cutter.Cut(tag, chunk, func(s *segment.Segment) error { return p.submit(ctx, f, a, s) })
}

// submit queues a segment, unless an earlier flush of the chunk has seen to it.
func (p *Producer) submit(ctx context.Context, f *memory.Flush, a *schedule.Admission, s *segment.Segment) error {
	known := f.Known()
	if known != nil && p.adopt(f, a, known) || known == nil && p.recall(f, s) {
		p.metrics.Skipped.With(s.To.Logstore).Add(1)
		p.budget.Discard(s)
		return nil
	}
	if err := p.budget.Take(ctx, s); err != nil {
		return err
	}
	s.Outcome = f.Add(s.Count)
	p.scheduler.Enqueue(s, a)
	return nil
}

// recall takes note of what an earlier instance has delivered of a segment. It is false
// when something is left to be sent.
func (p *Producer) recall(f *memory.Flush, s *segment.Segment) bool {
	for _, r := range f.Earlier(s.Count) {
		p.metrics.Avoided.With(s.To.Logstore, report.AvoidedByMemory).Add(uint64(r.Count))
	}
	return f.Delivered(s.Count)
}

// adopt makes f wait for what an earlier flush of its chunk has on its way, or takes note
// of what that has delivered. It is false when the segment must be sent again.
func (p *Producer) adopt(f *memory.Flush, a *schedule.Admission, known *memory.Outcome) bool {
	if h := known.Holder(); h != nil && !p.scheduler.MayWait(h, a) {
		f.Pass(known)
		return true
	}
	return f.Adopt(known)
}

// await waits until every segment of f has its outcome or the time is up. What waits for a
// logstore that does not answer has less time.
func (p *Producer) await(ctx context.Context, f *memory.Flush, a *schedule.Admission) {
	select {
	case <-f.Done():
		return
	case <-a.Over():
		f.Abandon(p.scheduler.Silent())
	case <-ctx.Done():
	}
	select {
	case <-f.Done():
	case <-ctx.Done():
		f.Abandon(func(memory.Holder) bool { return true })
	}
}

// answer derives the answer. A chunk that is to come back leaves its outcomes.
func (p *Producer) answer(f *memory.Flush, whole bool, tag string, chunk []byte) Result {
	r := f.Result()
	switch {
	case r.Failed:
		p.memory.Keep(f, tag, chunk)
		return Retry
	case !r.Lost && whole:
		return OK
	case p.letters == nil:
		return Error
	}
	if err := p.letters.Write(f, tag, chunk); err != nil {
		p.log.Error("dead letters", "cannot keep what SLS refuses, the chunk is handed back", "error", err)
		p.memory.Keep(f, tag, chunk)
		return Retry
	}
	if r.Dropped {
		return Error
	}
	return OK
}

// refused counts and logs a flush that may not begin.
func (p *Producer) refused(err error) {
	var outage *schedule.Outage
	if !errors.As(err, &outage) {
		return // the plugin stops
	}
	p.metrics.HandedBack.Add(1)
	p.log.Error("outage", "SLS does not answer, chunks are handed back at once until it does",
		"for", outage.For.Round(time.Second), "handed_back", outage.HandedBack)
}

// count counts what was found out about the records of a chunk that does not come back.
func (p *Producer) count(s segment.Summary) {
	p.metrics.NoLogKey.Add(uint64(s.NoLogKey))
	if s.Corrupt {
		p.metrics.Corrupt.Add(1)
	}
	if s.Skipped > 0 && p.letters == nil {
		p.metrics.Dropped.With("", report.ReasonNotAnEvent).Add(uint64(s.Skipped))
	}
}

// Stop ends the producer: no new flush is taken, no request is sent again, those
// in flight may finish until ctx ends and are then cut off, during an outage at once.
// When it returns no goroutine is left. It is safe to call more than once.
func (p *Producer) Stop(ctx context.Context) {
	if outage := p.scheduler.Stop(); outage != nil {
		p.delivery.Cancel()
		p.log.Always().Warn("stopped while SLS does not answer: Fluent Bit keeps what it was handed back in storage.type filesystem only",
			"for", outage.For.Round(time.Second), "handed_back", outage.HandedBack)
	}
	defer context.AfterFunc(ctx, p.delivery.Cancel)()
	p.delivery.Wait()
	p.delivery.Cancel()
	if p.letters != nil {
		if err := p.letters.Close(); err != nil {
			p.log.Error("dead letters", "cannot close the dead-letter file", "error", err)
		}
	}
	if p.journal != nil {
		if err := p.journal.Close(); err != nil {
			p.log.Error("state_path", "cannot close the file in state_path", "error", err)
		}
	}
}
