package handover

import (
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/metrics"
	"fluent-bit-sls/shared/metric"
)

// Queues are the queues of all shards of an input. Readers push what they have decoded,
// Collect or HandOver takes it, and leases ask how far they may commit. The methods may be
// called from any goroutine.
type Queues struct {
	limit  int           // buffer_size
	delay  time.Duration // handoff_delay, or untilDelivered
	budget *Budget

	// With direct hand-over.
	failed metric.Counter // appends
	pushed chan struct{}  // there is something to look at
	piece  piece          // of the thread that calls HandOver
	quota  quota          // of the same

	// mu guards the fields below and everything in the queues. It is held for copies in
	// memory only, and no other mutex is taken under it.
	mu        sync.Mutex
	paused    bool
	closed    bool          // paused for good
	copying   bool          // the engine copies what Collect returned, or has not taken the piece yet
	suspended bool          // by a barrier
	emptying  emptyingClock // dates the hand-overs
	changed   time.Time     // of the last hand-over or resume: the engine may be busy with it
	resumed   time.Time     // last; zero: never
	queues    []*Queue
	turn      int      // which queue is first; counts Collects
	records   int64    // handed over so far
	order     []*Queue // scratch of collectLocked
}

// NewQueues makes the queues of an input. Collect hands over limit bytes at most. What
// was handed over is safe after delay; with delivered, only a Barrier makes it safe.
func NewQueues(limit int, delay time.Duration, delivered bool, budget *Budget) *Queues {
	if delivered {
		delay = untilDelivered
	}
	return &Queues{limit: limit, delay: delay, budget: budget, pushed: make(chan struct{}, 1)}
}

// Direct prepares for HandOver in place of Collect, before anything is handed over. limit is
// then what a second may bring, a quarter of it in each quarter. failed counts the appends
// that the engine did not take.
func (h *Queues) Direct(failed metric.Counter) {
	h.failed, h.quota.each = failed, max(h.limit/4, 1)
	h.emptying.late = true
}

// Open adds the queue of a new lease. expired reports whether the lease has run out by
// a time.
func (h *Queues) Open(shard int, counters metrics.Shard, expired func(now time.Time) bool) *Queue {
	q := &Queue{
		Shard: shard, Counters: counters,
		of: h, expired: expired, safe: safePoint{delay: h.delay}, progress: unknownProgress(),
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = append(h.queues, q)
	return q
}

// Collect appends whole events to dst, at most limit bytes of them or one larger event.
// The engine copies them until Copied, or until it calls again. It appends nothing while
// the input is paused, during a barrier, and after Close.
func (h *Queues) Collect(dst []byte) []byte {
	var got taken
	dst = h.collect(dst, &got)
	h.free(got.done)
	return dst
}

func (h *Queues) collect(dst []byte, got *taken) []byte {
	h.mu.Lock()
	defer h.mu.Unlock() // also after a panic: the next Collect is to work
	start, now := len(dst), time.Now()
	if !h.paused && !h.suspended {
		dst = h.collectLocked(dst, h.limit, now, got)
	}
	if h.copying = len(dst) > start; h.copying {
		h.changed = now
	}
	h.runClockLocked(now)
	h.records += int64(got.records)
	return dst
}

// collectLocked takes events of one tag, limit bytes of them at most or one larger event. It
// shares the room equally among the queues that have something. What one leaves goes to the
// others, until the room or the queues are used up. Another queue is first each time, says
// the tag, and may take an event that is larger than its share: so none waits for ever.
func (h *Queues) collectLocked(dst []byte, limit int, now time.Time, got *taken) []byte {
	start, at := len(dst), h.emptying.at(now)
	h.turn++
	for {
		room := limit - (len(dst) - start)
		order := h.readyLocked(now)
		if room <= 0 || len(order) == 0 {
			return dst
		}
		share, before := max(room/len(order), 1), len(dst)
		for _, q := range order {
			room = limit - (len(dst) - start)
			dst = q.take(dst, min(share, room), room, len(dst) == start, at, got)
		}
		if len(dst) == before {
			return dst
		}
	}
}

// readyLocked lists the queues with something to hand over, in turn.
func (h *Queues) readyLocked(now time.Time) []*Queue {
	h.order = h.order[:0]
	for i := range h.queues {
		if q := h.queues[(h.turn+i)%len(h.queues)]; q.ready(now) {
			h.order = append(h.order, q)
		}
	}
	return h.order
}

// Copied says that what Collect returned is in the engine's ring buffer now.
func (h *Queues) Copied() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.copying {
		return
	}
	h.copying = false
	h.changed = time.Now()
	h.runClockLocked(h.changed)
}

// Pause stops the hand-over, and the time that makes it safe.
func (h *Queues) Pause() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.paused = true
	h.runClockLocked(time.Now())
}

// Resume lets both go on.
func (h *Queues) Resume() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.paused || h.closed {
		return
	}
	h.paused = false
	h.changed = time.Now()
	h.resumed = h.changed
	h.runClockLocked(h.changed)
}

// runClockLocked lets the clock go on or stand still, whatever has changed.
func (h *Queues) runClockLocked(now time.Time) {
	h.emptying.run(!h.paused && !h.copying, now)
}

// Close is a pause without a resume. Once the engine stops, it empties nothing any more, so
// nothing becomes safe. Close returns how many records are queued, and on how many shards
// something was handed over that is not safe. The next owner reads both again.
func (h *Queues) Close() (queued, unsafe int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.paused, h.closed = true, true
	h.wake()
	h.runClockLocked(time.Now())
	for _, q := range h.queues {
		q.safe.advance(h.emptying.sum)
		for _, b := range q.batches {
			queued += b.records
		}
		if !q.safe.complete() {
			unsafe++
		}
	}
	return queued, unsafe
}

// Views are the states of all shards that are read.
func (h *Queues) Views() []metrics.View {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	out := make([]metrics.View, 0, len(h.queues))
	for _, q := range h.queues {
		out = append(out, q.viewLocked(now))
	}
	return out
}

// suspend stops the hand-over until proceed. It returns whether something has been
// handed over that is not safe.
func (h *Queues) suspend() (pending bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.suspended = true
	return slices.ContainsFunc(h.queues, func(q *Queue) bool { return !q.safe.complete() })
}

// proceed ends suspend. With delivered, everything that had been handed over is safe.
func (h *Queues) proceed(delivered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.suspended = false
	defer h.wake()
	if !delivered || h.closed {
		return
	}
	for _, q := range h.queues {
		q.safe.delivered()
	}
}

// quietSince returns since when nothing has been handed over and the engine has been free
// to work on what was. ok is false while it is paused or copies.
func (h *Queues) quietSince() (since time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed, !h.paused && !h.copying
}

// recordsHandedOver is how many there were since New.
func (h *Queues) recordsHandedOver() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.records
}

// free gives buffers and their bytes of the budget back.
func (h *Queues) free(done []batch) {
	for _, b := range done {
		h.budget.buffers.Put(b.events)
		h.budget.freeRuns(b.tagged)
		h.budget.give(b.cost)
	}
}
