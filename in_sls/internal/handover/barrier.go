package handover

import (
	"context"
	"log/slog"
	"time"

	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/shared/metric"
)

// Monitor reads what the engine still has of what was handed over.
type Monitor interface {
	// Report returns the engine's latest report. An error says what a user has to
	// set for there to be one.
	Report(ctx context.Context) (Report, error)
}

// Report is what the engine says of its state at one moment.
type Report struct {
	// Uptime is the age of the engine in seconds when it made the report. Its main loop
	// counts it, so an uptime that grows shows that the loop runs.
	Uptime int64
	// Records is how many records of this input the engine has put into chunks.
	Records int64
	// Chunks is how many chunks are not delivered: of this input, and of the emitters
	// that its records may have gone on to. The number may be older than the report by
	// up to reportAge.
	Chunks int
	// Empty: the engine held no chunk at all, of whatever input, when it made the report.
	Empty bool
}

const (
	// reportAge is how old the number of chunks in a report can be, in seconds: the
	// engine counts them every 5 s, and one is added.
	reportAge = 6
	// idleTicks is how many reports in a row show that the loop has emptied the ring
	// buffer, which it does every 250 ms. The first may have been made a moment ago and the
	// second late, so it takes a third.
	idleTicks = 3

	// pollReport is how often the engine is asked; it makes a report each second.
	pollReport = 200 * time.Millisecond
	// startGrace is how long after the start a missing report is not logged: the
	// engine's server has no answer for the first seconds.
	startGrace = 15 * time.Second
)

// deliveryProof decides from one report after the other whether everything has been
// delivered. Nothing is handed over while they are made.
//
// What was handed over lies in the ring buffer first, where no report sees it. It has left
// the ring once Records has come up to what was handed over. Processors may drop records
// before they are counted: then idleTicks reports in a row show it.
//
// That report is the base. A number of chunks is true if it was counted after the base. It
// was if it has changed since the base, or if it is in the second report made reportAge or
// more after the base. The first such report is not enough: a loop that was held up may
// make it before it counts again.
//
// Where the engine has no chunk at all the report itself is proof: that number is of the
// report's own moment. It includes the chunks of every emitter, and a chunk that waits for a
// retry or for one of several outputs. The report has to follow the one before by a second:
// a loop that was held up may report before it empties the ring, and where processors
// multiply records, Records may have come up too early.
type deliveryProof struct {
	handedOver int64 // records, since the engine began

	begun     bool
	last      int64 // uptime of the last report
	ticks     int   // reports with another uptime than the one before
	based     bool
	base      int64 // uptime of the base
	hadChunks bool  // a report since the base had chunks
	without   int   // reports without chunks, made reportAge or more after the base
}

// take looks at the next report.
func (p *deliveryProof) take(r Report) (delivered bool) {
	if !p.begun || r.Uptime < p.last { // a reload begins to count again
		*p = deliveryProof{handedOver: p.handedOver, begun: true, last: r.Uptime}
		return false
	}
	newer, next := r.Uptime > p.last, r.Uptime == p.last+1
	p.last = r.Uptime
	if newer {
		p.ticks++
	}
	if !p.based && newer && (r.Records >= p.handedOver || p.ticks >= idleTicks) {
		p.based, p.base = true, r.Uptime
	}
	if !p.based {
		return false
	}
	if next && r.Empty {
		return true
	}
	if r.Chunks > 0 {
		p.hadChunks = true
		return false
	}
	if newer && r.Uptime >= p.base+reportAge {
		p.without++
	}
	return p.hadChunks || p.without >= 2
}

// Barrier makes handed-over events safe with checkpoint delivered. Every
// checkpoint_interval it stops the hand-over, waits until the engine has delivered
// everything it has, makes that safe, and lets the hand-over go on. Reading goes on all
// the time.
type Barrier struct {
	queues   *Queues
	monitor  Monitor
	interval time.Duration // checkpoint_interval
	delay    time.Duration // handoff_delay: what filters may hold back
	took     metric.Histogram
	log      *slog.Logger
	due      chan struct{} // a shard waits to be released, or is read to its end
	failure  retry.Failure
}

// NewBarrier makes the barrier of queues that were made for it. took gets how long each
// barrier has stopped the hand-over, in seconds.
func NewBarrier(queues *Queues, monitor Monitor, interval, delay time.Duration, took metric.Histogram, log *slog.Logger) *Barrier {
	return &Barrier{
		queues: queues, monitor: monitor, interval: interval, delay: delay, took: took, log: log,
		due: make(chan struct{}, 1),
	}
}

// Hasten asks for a barrier before its time.
func (b *Barrier) Hasten() {
	select {
	case b.due <- struct{}{}:
	default:
	}
}

// Ready waits for the first report. It returns false when ctx ended first. Nothing is read
// before: without reports nothing could ever be checkpointed, and a member of a group would
// keep its shards from the others.
func (b *Barrier) Ready(ctx context.Context) bool {
	begin := time.Now()
	for {
		_, err := b.report(ctx)
		if err == nil {
			return true
		}
		if time.Since(begin) >= startGrace && ctx.Err() == nil {
			b.failure.Log(ctx, b.log, slog.LevelError,
				"not started: checkpoint delivered needs the engine's monitoring, which does not answer", "error", err)
		}
		if !retry.Wait(ctx, time.Second) {
			return false
		}
	}
}

// Run makes barriers until ctx ends. However many shards ask for one, one after the other,
// the hand-over has as much time as the barrier before took.
func (b *Barrier) Run(ctx context.Context) {
	var least time.Duration
	for retry.Wait(ctx, least) && retry.WaitOr(ctx, b.interval-least, b.due) {
		begin := time.Now()
		b.once(ctx)
		least = min(time.Since(begin), b.interval)
	}
}

// once makes one barrier. However it ends, the hand-over goes on.
func (b *Barrier) once(ctx context.Context) {
	begin, delivered := time.Now(), false
	defer func() {
		if delivered { // what was handed over before somebody asked is delivered
			select {
			case <-b.due:
			default:
			}
		}
		b.queues.proceed(delivered)
	}()
	if delivered = b.queues.suspend() && b.await(ctx); delivered {
		b.took.Observe(time.Since(begin).Seconds())
	}
}

// await waits until the engine has delivered everything, for as long as it takes. It
// returns false when ctx ended first.
func (b *Barrier) await(ctx context.Context) bool {
	proof := deliveryProof{handedOver: b.queues.recordsHandedOver()}
	begin := time.Now()
	var seen time.Time
	for retry.Wait(ctx, pollReport) {
		since, running := b.queues.quietSince()
		if !running || time.Since(since) < b.delay || since.After(seen) && !seen.IsZero() {
			// The ring buffer is not emptied during a pause: begin again after it.
			proof, seen = deliveryProof{handedOver: b.queues.recordsHandedOver()}, since
			b.logDelay(ctx, begin, "the engine has paused the input", nil)
			continue
		}
		seen = since
		r, err := b.report(ctx)
		if err != nil {
			b.logDelay(ctx, begin, "the engine's monitoring does not answer", err)
			continue
		}
		if proof.take(r) {
			return true
		}
		b.logDelay(ctx, begin, "the engine holds what is not delivered", nil, "chunks", r.Chunks,
			"records_taken", r.Records, "records_handed_over", proof.handedOver)
	}
	return false
}

func (b *Barrier) report(ctx context.Context) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return b.monitor.Report(ctx)
}

// logDelay says why a barrier takes longer than anybody expects.
func (b *Barrier) logDelay(ctx context.Context, begin time.Time, why string, err error, more ...any) {
	if time.Since(begin) < retry.LogInterval || ctx.Err() != nil {
		return
	}
	args := append([]any{"why", why, "for", time.Since(begin).Round(time.Second)}, more...)
	if err != nil {
		args = append(args, "error", err)
	}
	b.failure.Log(ctx, b.log, slog.LevelWarn, "checkpoint delivered waits, and nothing is handed over meanwhile", args...)
}
