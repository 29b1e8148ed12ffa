package main

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"fluent-bit-sls/tests/flbhost"
)

// Bounds of what an engine waits for, generous for a busy machine. A flush may
// wait behind others of its worker, each as long as flush_timeout.
const (
	flushLimit = 2 * time.Minute
	exitLimit  = 75 * time.Second
)

// lane is one host process at a time, started again whenever it ends, with
// output sections that take what their feeds make.
type lane struct {
	*world
	number int
	random *rand.Rand
	key    key
	feeds  []*feed
	cycle  []int // numbers of workers still to be tried
	drain  bool  // hosts live until everything is delivered

	mu      sync.Mutex // guards what follows
	ended   map[string]int
	workers map[int]int
	answers map[string]int
	exits   exits
}

func (l *lane) ends() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.ended)
}

// tally counts an answer to a flush.
func (l *lane) tally(answer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[answer]++
}

// run runs hosts, one after the other, while chaos lasts, and a last one until
// everything is delivered. A host that crashes is a failure, and the next one
// takes over.
func (l *lane) run(ctx, chaos context.Context) {
	for chaos.Err() == nil {
		if err := l.live(ctx, chaos); err != nil {
			l.failures.addf("lane %d: %v", l.number, err)
			wait(chaos, time.Second)
		}
	}
	if ctx.Err() != nil {
		return // interrupted
	}
	l.drain = true
	for _, f := range l.feeds {
		f.close()
	}
	drain, cancel := context.WithTimeout(ctx, drainFor)
	defer cancel()
	for err := l.live(ctx, drain); err != nil && drain.Err() == nil; err = l.live(ctx, drain) {
		l.failures.addf("lane %d, delivering what was left: %v", l.number, err)
		wait(drain, time.Second)
	}
	for _, f := range l.feeds {
		if n := f.pending(); n > 0 {
			l.failures.addf("feed %d: %d chunks could not be delivered in %s of fine weather", f.number, n, drainFor)
		}
	}
}

// live is the life of one host: incarnations until one ends by kill or exit. It
// ends early when limit does.
func (l *lane) live(ctx, limit context.Context) error {
	h := &host{lane: l, workers: l.nextWorkers(), so: l.so}
	if l.panicSo != "" && l.number == 0 && !l.drain {
		h.so = l.panicSo
	}
	var err error
	h.Host, err = flbhost.Start(ctx, l.hostBin, flbhost.Options{Workers: h.workers, HotReload: true, OnLog: h.log})
	if err != nil {
		return err
	}
	defer func() { _ = h.Kill() }() // does nothing when it has ended
	if l.started != nil {
		l.started(h)
	}
	if h.plugin, err = h.Load(h.so); err != nil {
		return err
	}
	for {
		how, err := h.incarnate(ctx, limit)
		if err != nil || how != endReload {
			return err
		}
	}
}

// nextWorkers goes through 0 to 8 in ever new orders.
func (l *lane) nextWorkers() int {
	if len(l.cycle) == 0 {
		l.cycle = l.random.Perm(9)
	}
	n := l.cycle[0]
	l.cycle = l.cycle[1:]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.workers[n]++
	return n
}
