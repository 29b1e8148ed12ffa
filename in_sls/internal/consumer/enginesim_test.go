package consumer

import (
	"context"
	"errors"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/handover"
)

// engineSim behaves as Fluent Bit does: a ring buffer, chunks that wait for an output, a
// count of these every 5 s and a report each second. One loop does all of it, and can be
// held up. It has no goroutine: step is a tenth of a second.
type engineSim struct {
	mu      sync.Mutex
	off     bool // the monitoring does not answer
	paused  bool
	stuck   bool // the loop is held up
	ring    int  // records handed over and not taken
	taken   int  // records put into chunks
	chunks  []int
	uptime  int64
	counted int // chunks at the last count
	report  handover.Report
	steps   int
	countAt int // step of the next count, and of the next look at the ring
	ringAt  int
}

func (e *engineSim) Report(context.Context) (handover.Report, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.off || e.steps < 20 {
		return handover.Report{}, errors.New("no answer")
	}
	return e.report, nil
}

// step lets a tenth of a second pass; with deliver the oldest chunk is delivered.
func (e *engineSim) step(deliver bool) {
	e.mu.Lock()
	e.steps++
	if !e.stuck {
		// Reports come first: that is the order in which a loop that was held up is least
		// truthful.
		if now := int64(e.steps / 10); now > e.uptime {
			e.uptime = now
			e.report = handover.Report{Uptime: now, Records: int64(e.taken), Chunks: e.counted}
		}
		// Timers that ran out meanwhile are seen to at once.
		if e.steps >= e.countAt {
			e.counted, e.countAt = len(e.chunks), e.steps-e.steps%50+57
		}
		if e.steps >= e.ringAt {
			e.ringAt = e.steps - e.steps%3 + 3
			if e.ring > 0 && !e.paused {
				e.taken += e.ring
				e.chunks = append(e.chunks, e.ring)
				e.ring = 0
			}
		}
		if deliver && len(e.chunks) > 0 {
			e.chunks = e.chunks[1:]
		}
	}
	e.mu.Unlock()
	advance(100 * time.Millisecond)
}

func (e *engineSim) take(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ring += n
}

// holds is what is handed over and not delivered.
func (e *engineSim) holds() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.ring
	for _, c := range e.chunks {
		n += c
	}
	return n
}

// delivering is an agent whose checkpoints go by sim.
func (r *rig) delivering(sim *engineSim, props ...string) *agent {
	r.t.Helper()
	a := &agent{t: r.t, log: &logBuffer{}}
	cfg := testConfig(r.t, "a", append([]string{"checkpoint", "delivered"}, props...)...)
	cfg.Monitor = sim
	return r.start(a, cfg)
}
