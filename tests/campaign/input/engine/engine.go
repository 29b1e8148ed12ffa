// Package engine plays Fluent Bit behind an input with checkpoint delivered: ring buffer,
// chunks, a slow output and the reports of the monitoring server.
package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/input/judge"
)

// Second is a second of a fast engine. It counts by its own clock, and so does the
// plugin that reads its reports. How often the plugin reads them does not change, so some
// engines keep real time.
const Second = 200 * time.Millisecond

// emitter is the input through which some of the records go a second time, as
// with a rewrite_tag filter.
const emitter = "emitter_for_rewrite_tag.0"

// Engine plays Fluent Bit with a slow output and chunks in memory. Its main loop empties the
// inputs' ring buffers into chunks, counts them every 5 seconds, and reports each second. It
// holds a chunk until the output has delivered it. The output blocks the loop now and then.
type Engine struct {
	history *judge.History
	random  *rand.Rand
	begin   time.Time
	second  time.Duration
	busy    time.Duration // longest time for a chunk, as a rule

	mu                        sync.Mutex // guards what follows
	paused                    bool
	stopped                   bool
	blockedUntil              time.Time // until then the loop is held up
	inputs                    []*Input
	chunks                    []chunk   // oldest first: the order of an input's records is kept
	deliver                   time.Time // when the oldest is delivered
	reportAt, countAt, pourAt time.Time
	counts                    map[string]int // chunks at the last count, by input
	page                      string         // the last report
}

// Input is one of its inputs.
type Input struct {
	name    string
	ring    []*judge.Handover
	records int // taken out of the ring so far
}

type chunk struct {
	input string // the one it is counted with
	parts []*judge.Handover
}

// New returns one that tells the history what its output has delivered. A second of it
// takes as long as second says.
func New(l *judge.History, r *rand.Rand, second, busy time.Duration) *Engine {
	now := time.Now()
	return &Engine{
		history: l, random: r, begin: now, second: second, busy: busy,
		counts: map[string]int{}, reportAt: now.Add(2 * second),
	}
}

// Add adds an input.
func (e *Engine) Add(name string) *Input {
	e.mu.Lock()
	defer e.mu.Unlock()
	in := &Input{name: name}
	e.inputs = append(e.inputs, in)
	return in
}

// Take puts what was handed over into the ring buffer.
func (e *Engine) Take(in *Input, h *judge.Handover) {
	e.mu.Lock()
	defer e.mu.Unlock()
	in.ring = append(in.ring, h)
}

// Pause pauses or resumes the inputs: their rings are not emptied meanwhile.
func (e *Engine) Pause(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = on
}

// Stop ends all deliveries: what is not delivered is lost.
func (e *Engine) Stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
}

// Run is the engine's main loop.
func (e *Engine) Run(ctx context.Context) {
	tick := time.NewTicker(e.second / 8)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.step(now)
		}
	}
}

// step does what is due. After the loop was blocked that is several things. Their order makes
// the reports as stale as they can be: report, count, ring.
func (e *Engine) step(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || now.Before(e.blockedUntil) {
		return
	}
	if !now.Before(e.reportAt) {
		e.reportAt = now.Add(e.second)
		e.page = e.reportLocked(int(now.Sub(e.begin) / e.second))
	}
	if !now.Before(e.countAt) {
		e.countAt = now.Add(5 * e.second)
		e.counts = map[string]int{}
		for _, c := range e.chunks {
			e.counts[c.input]++
		}
	}
	if !now.Before(e.pourAt) {
		e.pourAt = now.Add(e.second / 4)
		e.pourLocked()
	}
	if len(e.chunks) > 0 {
		e.outputLocked(now)
	}
}

// pourLocked puts what lies in the ring buffers into chunks: into the newest of the
// same input unless the output may have it already.
func (e *Engine) pourLocked() {
	if e.paused {
		return
	}
	for _, in := range e.inputs {
		if len(in.ring) == 0 {
			continue
		}
		for _, h := range in.ring {
			in.records += h.Records
		}
		name := in.name
		if e.random.IntN(4) == 0 {
			name = emitter
		}
		if last := len(e.chunks) - 1; last > 0 && e.chunks[last].input == name {
			e.chunks[last].parts = append(e.chunks[last].parts, in.ring...)
		} else {
			e.chunks = append(e.chunks, chunk{input: name, parts: in.ring})
		}
		in.ring = nil
	}
}

// outputLocked lets the output work on the oldest chunk. It is busy for a while
// with each, and holds up the loop now and then.
func (e *Engine) outputLocked(now time.Time) {
	switch {
	case e.deliver.IsZero():
		longest := e.busy
		if e.random.IntN(20) == 0 {
			longest = 4 * time.Second
		}
		e.deliver = now.Add(time.Duration(e.random.Float64() * float64(longest)))
	case !now.Before(e.deliver):
		e.history.Takes(e.chunks[0].parts)
		e.chunks, e.deliver = e.chunks[1:], time.Time{}
		if e.random.IntN(20) == 0 {
			e.blockedUntil = now.Add(time.Duration(e.random.IntN(2000)) * time.Millisecond)
		}
	}
}

func (e *Engine) reportLocked(uptime int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# TYPE fluentbit_uptime counter\nfluentbit_uptime{hostname=\"campaign\"} %d\n", uptime)
	names := []string{emitter}
	for _, in := range e.inputs {
		fmt.Fprintf(&b, "fluentbit_input_records_total{name=%q} %d\n", in.name, in.records)
		names = append(names, in.name)
	}
	for _, name := range names {
		fmt.Fprintf(&b, "fluentbit_input_storage_chunks{name=%q} %d\n", name, e.counts[name])
	}
	return b.String()
}

func (e *Engine) report() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.page
}
