package output

import (
	"context"
	"fmt"
	"time"

	"fluent-bit-sls/tests/campaign/plan"
)

// Some hosts end during an outage: SLS takes their calls and answers none, whatever its clock
// and their keys are then, as an answer would end the outage. Flushes are queued
// on all their workers, and the engine waits for each of them; it cannot be told not to.
const (
	queuedFlushes = 8               // a worker, if there are so many chunks
	outageTimeout = 4 * time.Second // flush_timeout of such a host
	stopTimeout   = 5 * time.Second // what the plugin waits for requests in flight
	outageMargin  = 3 * time.Second // for a last look whether SLS is back, and a busy machine
)

// exitBound is how long such an end may take, whatever is queued: until the plugin
// knows of the outage, and for the requests in flight then. Without workers the sections
// share a thread, and each finds out on it for itself.
func (h *host) exitBound() time.Duration {
	known := outageTimeout
	if h.workers == 0 {
		known *= time.Duration(max(1, len(h.feeds)))
	}
	return known + stopTimeout + outageMargin
}

// exits are the ends of hosts during an outage.
type exits struct {
	count, queued int // queued: the most flushes that waited at one of them
	longest       time.Duration
	bound         time.Duration // of the longest
}

// flushers is how many flushes of a section there are at once.
func (h *host) flushers() int {
	n := max(1, h.workers)
	if h.outage {
		n *= queuedFlushes
	}
	return n
}

// beginOutage begins an outage, and lets some time pass before the host ends.
func (h *host) beginOutage(limit context.Context) {
	h.server.Silence(h.key.ID, true)
	plan.Wait(limit, time.Duration(h.random.Float64()*1.5*float64(outageTimeout)))
}

// endOutage ends the outage and judges how long the end has taken.
func (h *host) endOutage(how string, took time.Duration, queued int) {
	h.server.Silence(h.key.ID, false)
	h.mu.Lock()
	x := &h.exits
	x.count++
	x.queued = max(x.queued, queued)
	if took > x.longest {
		x.longest, x.bound = took, h.exitBound()
	}
	h.mu.Unlock()
	if took > h.exitBound() {
		h.failures.Addf("agent %d: %s took %.1fs while SLS did not answer and %d flushes were queued (%d workers), %s at most",
			h.number, how, took.Seconds(), queued, h.workers, h.exitBound())
	}
}

// describeExits says how ends during outages went.
func describeExits(all []*agent) string {
	var sum exits
	for _, a := range all {
		sum.count += a.exits.count
		sum.queued = max(sum.queued, a.exits.queued)
		if a.exits.longest > sum.longest {
			sum.longest, sum.bound = a.exits.longest, a.exits.bound
		}
	}
	return fmt.Sprintf("%d ends of hosts while SLS did not answer, with up to %d flushes queued; the longest took %.1fs of %s at most",
		sum.count, sum.queued, sum.longest.Seconds(), sum.bound)
}
