package main

import (
	"context"
	"fmt"
	"time"
)

// Some hosts end during an outage: SLS takes their calls and answers none, flushes are
// queued on all their workers, and the engine waits for each of them. It cannot be told
// not to, and whoever stops it has little patience.
const (
	queuedFlushes = 8               // a worker, if there are so many chunks
	outageTimeout = 4 * time.Second // flush_timeout of such a host
	stopTimeout   = 5 * time.Second // what the plugin waits for requests in flight
	outageMargin  = 3 * time.Second // for a last look whether SLS is back, and a busy machine

	// exitBound is how long such an end may take: until it is known that this is an
	// outage, and for the requests in flight then, whatever is queued.
	exitBound = outageTimeout + stopTimeout + outageMargin
)

// exits are the ends of hosts during an outage.
type exits struct {
	count, queued int // queued: the most flushes that waited at one of them
	longest       time.Duration
}

// flushers is how many flushes of a section there are at once.
func (h *host) flushers() int {
	n := max(1, h.workers)
	if h.outage {
		n *= queuedFlushes
	}
	return n
}

// fallSilent begins an outage. When the host ends it is new, or has been known for a while.
func (h *host) fallSilent(limit context.Context) {
	h.faults.silence(h.key.id, true)
	wait(limit, time.Duration(h.random.Float64()*1.5*float64(outageTimeout)))
}

// endedSilently ends the outage and judges how long the end has taken.
func (h *host) endedSilently(how string, took time.Duration, queued int) {
	h.faults.silence(h.key.id, false)
	h.lane.mu.Lock()
	x := &h.exits
	x.count++
	x.queued, x.longest = max(x.queued, queued), max(x.longest, took)
	h.lane.mu.Unlock()
	if took > exitBound {
		h.failures.addf("lane %d: %s took %.1fs while SLS did not answer and %d flushes were queued (%d workers), %s at most",
			h.number, how, took.Seconds(), queued, h.workers, exitBound)
	}
}

// tellExits says how ends during outages went.
func tellExits(all []*lane) string {
	var sum exits
	for _, l := range all {
		sum.count += l.exits.count
		sum.queued, sum.longest = max(sum.queued, l.exits.queued), max(sum.longest, l.exits.longest)
	}
	return fmt.Sprintf("%d ends of hosts while SLS did not answer, with up to %d flushes queued; the longest took %.1fs of %s at most",
		sum.count, sum.queued, sum.longest.Seconds(), exitBound)
}
