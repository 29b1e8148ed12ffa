package output

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/output/store"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/campaign/secrets"
	"fluent-bit-sls/tests/flbhost"
)

// flushLimit is what a flush may take, generously for a busy machine: it may wait behind
// others of its worker, each as long as flush_timeout.
const flushLimit = 2 * time.Minute

// agent is one host process at a time, started again whenever it ends, with
// output sections that take what their feeds make.
type agent struct {
	*world
	number int
	random *rand.Rand
	// baseKey is the key of the agent. Each incarnation signs with a key of an id of its own,
	// which tells the history who wrote: any option would be part of what is encoded.
	baseKey, key secrets.Key
	feeds        []*store.Feed
	cycle        []int // numbers of workers still to be tried
	drain        bool  // hosts live until everything is delivered
	battered     bool  // what its hosts remember is destroyed
	caught       bool  // its last host was killed at a moment of a request
	double       int   // hosts killed so right after another

	mu      sync.Mutex // guards what follows
	ended   map[string]int
	workers map[int]int
	answers map[string]int
	exits   exits
}

func (a *agent) ends() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.ended)
}

// tally counts an answer to a flush.
func (a *agent) tally(answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[answer]++
}

// run runs hosts, one after the other, while there are faults, and a last one until
// everything is delivered. A host that crashes is a failure, and the next one
// takes over.
func (a *agent) run(ctx, faulty context.Context) {
	for faulty.Err() == nil {
		if err := a.live(ctx, faulty); err != nil {
			a.failures.Addf("agent %d: %v", a.number, err)
			plan.Wait(faulty, time.Second)
		}
	}
	if ctx.Err() != nil {
		return // interrupted
	}
	a.drain = true
	for _, f := range a.feeds {
		f.Close()
	}
	drain, cancel := context.WithTimeout(ctx, plan.DrainFor)
	defer cancel()
	for err := a.live(ctx, drain); err != nil && drain.Err() == nil; err = a.live(ctx, drain) {
		a.failures.Addf("agent %d, delivering what was left: %v", a.number, err)
		plan.Wait(drain, time.Second)
	}
	for _, f := range a.feeds {
		if n := f.Pending(); n > 0 {
			a.failures.Addf("feed %d: %d chunks could not be delivered in %s without faults", f.Number, n, plan.DrainFor)
		}
	}
}

// live is the life of one host: incarnations until one ends by kill or exit. It
// ends early when limit does.
func (a *agent) live(ctx, limit context.Context) error {
	h := &host{agent: a, workers: a.nextWorkers(), so: a.OutSo}
	h.Log = &process.Log{Who: fmt.Sprintf("output agent %d", a.number), Watch: a.Watch, Failures: a.failures}
	if a.PanicOutSo != "" && a.number == 0 && !a.drain {
		h.so, h.Expected = a.PanicOutSo, a.injector.Expected
	}
	o := flbhost.Options{Workers: h.workers, HotReload: true, OnLog: h.Line}
	if a.battered {
		a.wreck()
		o.Wrapper = a.fullDisk()
	}
	var err error
	h.Host, err = flbhost.Start(ctx, a.HostBin, o)
	if err != nil {
		return err
	}
	defer func() { _ = h.Kill() }() // does nothing when it has ended
	if a.started != nil {
		a.started(h)
	}
	if h.plugin, err = h.Load(h.so); err != nil {
		return err
	}
	for {
		how, err := h.incarnate(ctx, limit)
		if err != nil || how != process.EndReload {
			return err
		}
	}
}

// nextWorkers goes through 0 to 8 in ever new orders.
func (a *agent) nextWorkers() int {
	if len(a.cycle) == 0 {
		a.cycle = a.random.Perm(9)
	}
	n := a.cycle[0]
	a.cycle = a.cycle[1:]
	a.mu.Lock()
	defer a.mu.Unlock()
	a.workers[n]++
	return n
}
