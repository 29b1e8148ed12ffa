package consumer

import (
	"context"
	"log/slog"
	"time"
)

// Monitor tells what the engine still holds of what was handed over.
type Monitor interface {
	// Report returns the engine's latest report. An error says what a user has to
	// set for there to be one.
	Report(ctx context.Context) (Report, error)
}

// Report is the engine's word on its state at one moment.
type Report struct {
	// Uptime is the age of the engine in seconds when it made the report: its main
	// loop counts it, so one that grows shows that the loop runs.
	Uptime int64
	// Records is how many records of this input the engine has put into chunks.
	Records int64
	// Chunks is how many chunks of this input, and of the emitters that its
	// records may have gone on to, are not delivered. The engine counts them every
	// reportAge, so the number may be that much older than the report.
	Chunks int
}

const (
	// reportAge is how old the number of chunks in a report can be, with a second
	// on top: the engine counts them every 5 s.
	reportAge = 6
	// idleTicks is how many reports one after the other show that a loop that
	// empties the ring buffer every 250 ms has done so: the first may have been made
	// a moment ago, the second late, so it takes a third.
	idleTicks = 3

	// pollReport is how often the engine is asked; it makes a report each second.
	pollReport = 500 * time.Millisecond
	// startGrace is how long after the start a missing report is nothing to talk
	// about: the engine's server has no answer for the first seconds.
	startGrace = 15 * time.Second
)

// settling decides from one report after the other, all made when nothing was
// handed over any more, whether everything has been delivered.
//
// What was handed over lies in the ring buffer first, where no report sees it. It
// has left it once Records has come up to what was handed over (processors may
// drop records before they are counted: then idleTicks reports in a row do).
// From that report on, the base, a number of chunks that was counted later is
// the truth. A number is known to have been counted later when it has changed
// since the base, or when it is in the second report made reportAge or more
// after the base (the first may have been made before the count, by a loop that
// was held up and had both to do).
type settling struct {
	handed int64 // records handed over since the engine began

	begun  bool
	last   int64 // uptime of the last report
	ticks  int   // reports with another uptime than the one before
	based  bool
	base   int64
	held   bool // a report since the base had chunks
	proven int  // reports made reportAge after the base, while none had chunks
}

// take looks at the next report.
func (s *settling) take(r Report) (delivered bool) {
	if !s.begun || r.Uptime < s.last { // a reload begins to count again
		*s = settling{handed: s.handed, begun: true, last: r.Uptime}
		return false
	}
	fresh := r.Uptime > s.last
	s.last = r.Uptime
	if fresh {
		s.ticks++
	}
	if !s.based && fresh && (r.Records >= s.handed || s.ticks >= idleTicks) {
		s.based, s.base = true, r.Uptime
	}
	if !s.based {
		return false
	}
	if r.Chunks > 0 {
		s.held = true
		return false
	}
	if fresh && r.Uptime >= s.base+reportAge {
		s.proven++
	}
	return s.held || s.proven >= 2
}

// barrier is what checkpoint delivered is made of: every checkpoint_interval it
// stops the hand-over, waits until the engine has delivered everything it has,
// makes that safe and lets the hand-over go on. Reading goes on all the time.
type barrier struct {
	*shared
	monitor Monitor
	wake    chan struct{} // a shard waits to be released
	trouble complaint
}

func newBarrier(s *shared) *barrier {
	return &barrier{shared: s, monitor: s.cfg.Monitor, wake: make(chan struct{}, 1)}
}

// poke asks for a barrier before its time.
func (b *barrier) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run makes barriers until ctx ends.
func (b *barrier) run(ctx context.Context) {
	for {
		timer := time.NewTimer(b.cfg.CheckpointInterval)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-b.wake:
			timer.Stop()
		}
		b.settle(ctx)
	}
}

// settle makes one barrier. However it ends, the hand-over goes on.
func (b *barrier) settle(ctx context.Context) {
	begin, delivered := time.Now(), false
	defer func() { b.handoff.letGo(delivered) }()
	if delivered = b.handoff.hold() && b.await(ctx); delivered {
		b.metrics.settled(time.Since(begin))
	}
}

// ready waits for the first report. Nothing is read before: without one nothing could
// ever be checkpointed, and a member of a group would keep its shards from the others.
func (b *barrier) ready(ctx context.Context) bool {
	begin := time.Now()
	for {
		_, err := b.report(ctx)
		if err == nil {
			return true
		}
		if time.Since(begin) >= startGrace && ctx.Err() == nil {
			b.trouble.log(ctx, b.log, slog.LevelError,
				"not started: checkpoint delivered needs the engine's monitoring, which does not answer", "error", err)
		}
		if !wait(ctx, time.Second) {
			return false
		}
	}
}

func (b *barrier) report(ctx context.Context) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return b.monitor.Report(ctx)
}

// await waits until the engine has delivered everything, for as long as it
// takes.
func (b *barrier) await(ctx context.Context) bool {
	s := settling{handed: b.handoff.handedOver()}
	begin := time.Now()
	var seen time.Time
	for wait(ctx, pollReport) {
		since, running := b.handoff.quiet()
		if !running || time.Since(since) < b.cfg.HandoffDelay || since.After(seen) && !seen.IsZero() {
			// The ring buffer is not emptied during a pause: begin again after it.
			s, seen = settling{handed: b.handoff.handedOver()}, since
			b.slow(ctx, begin, "the engine has paused the input", nil)
			continue
		}
		seen = since
		r, err := b.report(ctx)
		if err != nil {
			b.slow(ctx, begin, "the engine's monitoring does not answer", err)
			continue
		}
		if s.take(r) {
			return true
		}
		b.slow(ctx, begin, "the engine holds what is not delivered", nil, "chunks", r.Chunks,
			"records_taken", r.Records, "records_handed_over", s.handed)
	}
	return false
}

// slow says why a checkpoint takes longer than anybody expects.
func (b *barrier) slow(ctx context.Context, begin time.Time, why string, err error, more ...any) {
	if time.Since(begin) < quietFor || ctx.Err() != nil {
		return
	}
	args := append([]any{"why", why, "for", time.Since(begin).Round(time.Second)}, more...)
	if err != nil {
		args = append(args, "error", err)
	}
	b.trouble.log(ctx, b.log, slog.LevelWarn, "checkpoint delivered waits, and nothing is handed over meanwhile", args...)
}
