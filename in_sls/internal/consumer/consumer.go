package consumer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/group"
	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/lease"
	"fluent-bit-sls/in_sls/internal/metrics"
	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/in_sls/internal/standalone"
	"fluent-bit-sls/in_sls/internal/tags"
	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// Consumer reads one logstore or several. Its methods may be called from any goroutine.
type Consumer struct {
	logstores *logstores
	queues    *handover.Queues
	barrier   *handover.Barrier // nil unless checkpoint is delivered
	budget    *handover.Budget
	slots     shard.Slots
	tags      *tags.Tags // nil without tag_template
	metrics   *metrics.Metrics
	panics    *panics.Guard
	log       *slog.Logger
	running   sync.WaitGroup

	reading     context.Context // ends when Stop begins
	stopReading context.CancelFunc
	hard        context.Context // ends when Stop cannot wait any longer
	abandon     context.CancelFunc
	done        chan struct{} // closed when the last goroutine has ended

	mu      sync.Mutex // guards the fields below; taken alone
	started bool
	stopped bool
}

// New checks the configuration and puts the engine together. Nothing reaches the network
// before Start. The client stays the caller's to close, after Stop.
//
// The flow of the data is that of the constructors, from the last to the first: a source of
// each logstore (a group, or none) makes leases, a lease has a reader and a queue, the reader
// pulls into the queue, Collect takes from the queues, and the lease commits what is safe.
func New(cfg Config, client *sls.Client, log *slog.Logger) (*Consumer, error) {
	p, err := cfg.parse(time.Now())
	if err != nil {
		return nil, err
	}
	c := &Consumer{log: log, slots: make(shard.Slots, cfg.MaxFetches), done: make(chan struct{})}
	c.budget = handover.NewBudget(int64(cfg.MemoryLimit), &buffer.Pool{})
	delivered := cfg.Checkpoint == checkpointDelivered
	c.queues = handover.NewQueues(cfg.bufferSize(), cfg.HandoffDelay, delivered, c.budget)
	c.metrics = metrics.New(c.queues.Views)
	if cfg.Direct() {
		c.queues.Direct(c.metrics.AppendsFailed)
	}
	if p.tags != nil {
		c.tags = tags.New(p.tags, c.metrics.CappedGroups, log)
	}
	c.panics = panics.New(log, func() { c.metrics.Panics.Add(1) })
	if delivered {
		c.barrier = handover.NewBarrier(c.queues, cfg.Monitor, cfg.CheckpointInterval, cfg.HandoffDelay, c.metrics.Barrier, log)
	}
	c.logstores = &logstores{
		client: client, project: cfg.Project, names: cfg.Logstores, pattern: p.pattern, interval: cfg.DiscoveryInterval,
		stop: p.stop, panics: c.panics, log: log, members: map[string]*member{},
		retry:     retry.Backoff{Least: time.Second, Most: max(cfg.DiscoveryInterval, time.Second)},
		newSource: func(logstore string) source { return c.newSource(&cfg, p, client.Logstore(cfg.Project, logstore)) },
	}
	c.hard, c.abandon = context.WithCancel(context.Background())
	c.reading, c.stopReading = context.WithCancel(c.hard)
	return c, nil
}

// newSource puts together what reads one logstore.
func (c *Consumer) newSource(cfg *Config, p parsed, logs sls.Logstore) source {
	log := c.log.With("logstore", logs.Name)
	guard := c.panics.Into(log)
	reading := cfg.shard(p)
	reading.Tags = c.tags
	leases := &lease.Maker{
		Config: lease.Config{CheckpointInterval: cfg.CheckpointInterval, HandoffDelay: cfg.HandoffDelay},
		Source: &shard.Source{
			Logs: logs, Shards: shard.NewCached(logs.ListShards), Config: reading,
			Budget: c.budget, Slots: c.slots, Panics: guard,
		},
		Queues: c.queues, Metrics: c.metrics, Barrier: c.barrier, Panics: guard, Log: log,
	}
	switch {
	case len(p.ranges) > 0:
		return standalone.NewReplay(p.ranges, leases)
	case cfg.ConsumerGroup == noGroup:
		return standalone.New(standalone.Config{
			Shards: p.shards, InOrder: cfg.InOrder, Start: p.start, Stop: p.stop, Interval: cfg.DiscoveryInterval,
		}, leases)
	default:
		return group.New(group.Config{
			Member:  sls.Member{Group: cfg.ConsumerGroup, Consumer: cfg.name()},
			Timeout: cfg.HeartbeatTimeout, Order: cfg.InOrder,
			CheckpointOff: cfg.Checkpoint == checkpointOff, Start: p.start, Stop: p.stop,
		}, leases)
	}
}

// Start begins to read, on goroutines of its own, and does not wait for anything. It does
// nothing the second time, or after Stop.
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
	if b := c.barrier; b != nil {
		ready := false
		c.panics.Keep(c.reading, "the barrier", func() { ready = b.Ready(c.reading) })
		if !ready {
			return
		}
		ctx, cancel := context.WithCancel(c.reading)
		var running sync.WaitGroup
		c.panics.Go(&running, "the barrier", func() { c.panics.Keep(ctx, "the barrier", func() { b.Run(ctx) }) })
		defer running.Wait()
		defer cancel()
	}
	c.logstores.run(c.hard, c.reading)
}

// Metrics are the families of the instance, for whoever publishes them.
func (c *Consumer) Metrics() *metric.Set { return c.metrics.Set }

// Collect appends whole msgpack events to dst, at most buffer_size bytes of them or one
// larger event, and returns it. It does not block and does not wait for data. While paused
// and after Stop it appends nothing. The events count as handed over when it returns.
func (c *Consumer) Collect(dst []byte) []byte { return c.queues.Collect(dst) }

// HandOver appends events to the engine for most of a second: what is there and what comes
// meanwhile, at most buffer_size bytes. It takes the place of Collect and Copied where
// Config.Direct says so. The engine's thread for the input calls it, once a second.
func (c *Consumer) HandOver(engine handover.Engine) { c.queues.HandOver(engine) }

// Copied says that the engine has copied what Collect returned into its ring buffer. Until
// then no time counts for handoff_delay.
func (c *Consumer) Copied() { c.queues.Copied() }

// Pause stops the hand-over until Resume. Reading goes on to memory_limit.
func (c *Consumer) Pause() { c.queues.Pause() }

// Resume lets the hand-over go on.
func (c *Consumer) Resume() { c.queues.Resume() }

// stopGrace is how long Stop waits, past its context, for goroutines that have been cut off
// to end.
const stopGrace = 100 * time.Millisecond

// Stop ends the reading and commits what is safe at the time of the call. What was handed
// over less than handoff_delay before is not safe, and is read again by the next owner. It
// returns when all is done, or an error when ctx ended first and the rest was cut off. A
// second call waits like the first.
//
// The group is not left: SLS has no call for that, so others get the shards after
// heartbeat_timeout.
func (c *Consumer) Stop(ctx context.Context) error {
	queued, unsafe := c.queues.Close()
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
