package flb

import (
	"log/slog"
	"sync"
	"time"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/panics"
)

const (
	metricsInterval = time.Second // as often as the engine collects its own
	logInterval     = time.Minute // of the log line where there are no metrics
	stopWait        = time.Second // for the publishing goroutine to end
)

// sink is where a publisher writes. It is used by one goroutine at a time.
type sink interface {
	interval() time.Duration
	write(f *metric.Family, s *metric.Sample)
	flush() // after the last write of a snapshot
	free()  // after the last flush
}

// Publish shows set in the engine's own metrics, as fluentbit_output_sls_NAME or
// fluentbit_input_sls_NAME with the instance's name as the first label. A host without
// metrics gets a log line a minute of what has changed. Call it once per instance, from
// FLBPluginInit, when every family is declared and whatever a computed family reads is
// ready. Families declared later are not shown.
//
// stop publishes a last snapshot and waits for the goroutine a second at most. After its
// return the engine's metrics are not touched. It may be called again. Call it when the
// engine has stopped counting, so that the last values are seen, and before Close.
//
// On threads: one goroutine sets absolute values once a second. Whatever counts never
// calls C. The engine's main thread reads the values once a second, with the atomic
// operations that set them. Its walk over the lists of families and series takes no lock.
//
// A family enters its list before it is complete. So families are only created here: the
// engine collects for the first time after every instance's init has returned. A series
// enters its list complete and at the end, by a single store (cmt_map.c, cfl_list.h), and
// is never removed. A reader sees it or does not. Series known at init are created here
// as well.
//
// One risk is left: that store is no barrier. A CPU that reorders stores (arm64, not
// amd64) could in theory show a later series a few nanoseconds before its link to the
// next one. The reader would have to reach that link within them, once a second. The
// engine's own worker threads create series in the same way. Declare what is known at the
// start. What comes later, such as the shards of an input, should come seldom and be
// bounded in number.
func (i *Instance) Publish(set *metric.Set) (stop func()) {
	log := i.Logger()
	if to := newEngineMetrics(i, set); to != nil {
		return publish(set, to, log)
	}
	log.Info("this host has no metrics for plugins: what has changed is logged once a minute")
	return publish(set, newMetricLines(log), log)
}

// publisher writes snapshots of a set to a sink until it is stopped.
type publisher struct {
	set  *metric.Set
	to   sink
	log  *slog.Logger
	quit chan struct{}
	done chan struct{}

	panics  *panics.Guard
	running sync.WaitGroup

	// mu guards stopped. It is held while the sink is written to, which never blocks. So
	// nothing is written after stop has returned, even if stop did not wait for a
	// snapshot that was stuck in a computed family.
	mu      sync.Mutex
	stopped bool
}

func publish(set *metric.Set, to sink, log *slog.Logger) (stop func()) {
	p := &publisher{set: set, to: to, log: log, panics: panics.New(log, nil), quit: make(chan struct{}), done: make(chan struct{})}
	if to.interval() == metricsInterval {
		p.snapshot() // while the engine waits for the init to return
	}
	p.panics.Go(&p.running, "metrics", p.run)
	return sync.OnceFunc(p.stop)
}

func (p *publisher) run() {
	defer close(p.done)
	defer p.to.free()
	tick := time.NewTicker(p.to.interval())
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.snapshot()
		case <-p.quit:
			p.snapshot()
			return
		}
	}
}

// snapshot publishes the values of now. A computation that panics may succeed the next
// time.
func (p *publisher) snapshot() {
	_ = p.panics.Catch("metrics", func() { // reported, and the next one is due in a second
		p.set.Each(p.write)
		if p.live() {
			p.to.flush()
		}
	})
}

func (p *publisher) write(f *metric.Family, s *metric.Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.to.write(f, s)
	}
}

func (p *publisher) live() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.stopped
}

func (p *publisher) stop() {
	close(p.quit)
	late := time.NewTimer(stopWait)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
		p.log.Warn("metrics are still being computed, their last values are not published")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
}
