package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// Consumer reads one logstore or several. Its methods may be called from any
// goroutine.
type Consumer struct {
	sources *logstores
	handoff *handoff
	log     *slog.Logger
	metrics *metrics
	panics  *panics.Guard
	running sync.WaitGroup

	reading     context.Context // ends when Stop begins
	stopReading context.CancelFunc
	hard        context.Context // ends when Stop cannot wait any longer
	abandon     context.CancelFunc
	done        chan struct{} // closed when the last goroutine has ended

	mu      sync.Mutex // guards the fields below; taken alone
	started bool
	stopped bool
}

// New checks the configuration and builds the engine. Nothing reaches the
// network before Start. The client stays the caller's to close, after Stop.
func New(cfg Config, client *sls.Client, log *slog.Logger) (*Consumer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	now := time.Now()
	start, err := parsePosition(cfg.StartPosition, now)
	if err != nil {
		return nil, fmt.Errorf("option start_position: %q: %w", cfg.StartPosition, err)
	}
	fallback, err := parsePosition(cfg.FallbackPosition, now)
	if err != nil {
		return nil, fmt.Errorf("option fallback_position: %q: %w", cfg.FallbackPosition, err)
	}
	stop, err := parseBound(cfg.StopPosition, now)
	if err != nil {
		return nil, fmt.Errorf("option stop_position: %q: %w", cfg.StopPosition, err)
	}
	s := &shared{
		cfg: cfg, start: start, fallback: fallback, stop: stop,
		log:    log,
		budget: newBudget(int64(cfg.MemoryLimit)), buffers: &buffer.Pool{}, fetches: make(slots, cfg.MaxFetches),
	}
	s.handoff = &handoff{
		limit: int(cfg.BufferSize), delay: cfg.HandoffDelay,
		budget: s.budget, buffers: s.buffers,
	}
	s.metrics = newMetrics(s.handoff)
	s.panics = panics.New(log, func() { s.metrics.panics.Add(1) })
	if cfg.Checkpoint == checkpointDelivered {
		if cfg.Monitor == nil {
			return nil, errors.New("option checkpoint: delivered has no monitor to go by")
		}
		s.handoff.delay = byWord
		s.barrier = newBarrier(s)
	}
	sources, err := newLogstores(s, client)
	if err != nil {
		return nil, err
	}
	c := &Consumer{sources: sources, handoff: s.handoff, log: log, metrics: s.metrics, panics: s.panics, done: make(chan struct{})}
	c.hard, c.abandon = context.WithCancel(context.Background())
	c.reading, c.stopReading = context.WithCancel(c.hard)
	return c, nil
}

// Start begins to read, on goroutines of its own, and does not wait for
// anything. It does nothing the second time, or after Stop.
func (c *Consumer) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.stopped {
		return
	}
	c.started = true
	c.panics.Go(&c.running, "the input", func() {
		defer close(c.done)
		c.run()
		if c.reading.Err() == nil {
			c.log.Info("all there was to read has been read: nothing more will come")
		}
	})
}

// run ends when the sources have.
func (c *Consumer) run() {
	if b := c.sources.barrier; b != nil {
		ready := false
		c.panics.Keep(c.reading, "the barrier", func() { ready = b.ready(c.reading) })
		if !ready {
			return
		}
		ctx, cancel := context.WithCancel(c.reading)
		var ending sync.WaitGroup
		c.panics.Go(&ending, "the barrier", func() { c.panics.Keep(ctx, "the barrier", func() { b.run(ctx) }) })
		defer ending.Wait()
		defer cancel()
	}
	c.sources.run(c.hard, c.reading)
}

// Collect appends whole msgpack events to dst, at most buffer_size bytes of
// them or one larger event, and returns it. It does not block and does not
// wait for data; while paused and after Stop it appends nothing. The events
// count as handed over when it returns.
func (c *Consumer) Collect(dst []byte) []byte {
	return c.handoff.collect(dst)
}

// Copied says that the engine has copied what Collect returned: it is in its ring
// buffer now. Until then no time counts for handoff_delay.
func (c *Consumer) Copied() { c.handoff.copied() }

// Pause stops the hand-over until Resume. Reading goes on to memory_limit.
func (c *Consumer) Pause() { c.handoff.pause() }

// Resume lets the hand-over go on.
func (c *Consumer) Resume() { c.handoff.resume() }

// stopGrace is how long Stop waits, past its context, for goroutines that have
// been cut off to end.
const stopGrace = 100 * time.Millisecond

// Stop ends the reading and commits what is safe at the time of the call;
// what was handed over less than handoff_delay before is not, and is read
// again by the next owner. It returns when all is done, or an error when ctx
// ended first and the rest was cut off. A second call waits like the first.
//
// The group is not left: SLS has no call for that, so others get the shards
// after heartbeat_timeout.
func (c *Consumer) Stop(ctx context.Context) error {
	queued, unsafe := c.handoff.close()
	c.stopReading()
	c.mu.Lock()
	started, first := c.started, !c.stopped
	c.stopped = true
	c.mu.Unlock()
	if started && first {
		c.log.Info("stopping; what is left is read again by the next owner",
			"queued_records", queued, "shards_with_records_not_yet_safe", unsafe)
	}
	defer c.abandon()
	if !started {
		return nil
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
	}
	c.abandon()
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case <-c.done:
	case <-grace.C:
		c.log.Error("stop: goroutines were left behind")
	}
	return errors.Join(errors.New("stop: some checkpoints may not be written"), ctx.Err())
}
