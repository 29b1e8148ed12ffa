package consumer

import (
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/shared/buffer"
)

// handoff stands between the readers and the engine: readers push what they
// decoded, Collect takes it, leases ask how far they may commit.
type handoff struct {
	limit   int           // buffer_size
	delay   time.Duration // handoff_delay; byWord: time makes nothing safe
	budget  *budget
	buffers *buffer.Pool

	// mu guards the fields below and everything in the queues. It is held for
	// copies in memory only, and no other mutex is taken under it.
	mu       sync.Mutex
	paused   bool
	closed   bool      // paused for good
	copying  bool      // the engine copies what Collect returned
	unpaused unpaused  // what marks are dated by
	held     bool      // by the barrier
	moved    time.Time // of the last hand-over or resume: the engine may be busy with it
	queues   []*queue
	turn     int      // whose turn it is to be first; counts Collects
	handed   int64    // records handed over
	order    []*queue // scratch of collectLocked
}

// open adds the queue of a new lease.
func (h *handoff) open(m meter, shard int, clock *leaseClock) *queue {
	q := &queue{shard: shard, clock: clock, meter: m, track: tracker{delay: h.delay}, progress: unread()}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queues = append(h.queues, q)
	return q
}

// begin says from which cursor the shard of q is read.
func (h *handoff) begin(q *queue, cursor string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	q.track.begin(cursor)
}

// push adds what a pull brought and never blocks: the budget is what bounds
// the queues. A pull without events only moves the cursor. It returns false,
// and keeps nothing, when the lease is over.
func (h *handoff) push(q *queue, b batch) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if q.closed {
		return false
	}
	b.since, b.from = q.progress.since, b.told.from
	q.progress.answered(b.told)
	switch n := len(q.batches); {
	case len(b.events) > 0:
		q.batches = append(q.batches, b)
	case n > 0:
		q.batches[n-1].cursor = b.cursor
	default:
		q.track.moved(b.cursor)
	}
	return true
}

// safe returns the cursor up to which q may be committed, "" before begin, and
// whether nothing is left that may still become safe.
func (h *handoff) safe(q *queue) (cursor string, settled bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	q.track.advance(h.unpaused.at(time.Now()))
	return q.track.safe, q.track.settled() && len(q.batches) == 0
}

// drop forgets what is queued and not handed over. What was handed over stays
// tracked.
func (h *handoff) drop(q *queue) {
	h.mu.Lock()
	dropped := q.batches
	q.batches = nil
	h.mu.Unlock()
	h.free(dropped)
}

// remove ends the queue of a lease and the tracking of what was handed over
// from it: the epoch is over.
func (h *handoff) remove(q *queue) {
	h.mu.Lock()
	q.closed = true
	q.track = tracker{}
	h.queues = slices.DeleteFunc(h.queues, func(other *queue) bool { return other == q })
	h.mu.Unlock()
	h.drop(q)
}

// pause stops the hand-over, and the time that makes it safe.
func (h *handoff) pause() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.paused = true
	h.countLocked(time.Now())
}

// resume lets both go on.
func (h *handoff) resume() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.paused || h.closed {
		return
	}
	h.paused = false
	h.moved = time.Now()
	h.countLocked(h.moved)
}

// copied says that what collect returned is in the engine's ring buffer.
func (h *handoff) copied() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.copying {
		return
	}
	h.copying = false
	h.moved = time.Now()
	h.countLocked(h.moved)
}

// countLocked lets unpaused go on or stand still, whatever has changed.
func (h *handoff) countLocked(now time.Time) {
	h.unpaused.run(!h.paused && !h.copying, now)
}

// close is a pause without a resume: after the call to stop, the engine
// empties nothing any more, so nothing becomes safe.
// It returns how many records are queued, and on how many shards something was
// handed over that is not safe: both are read again by the next owner.
func (h *handoff) close() (queued, unsafe int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.paused, h.closed = true, true
	h.countLocked(time.Now())
	for _, q := range h.queues {
		q.track.advance(h.unpaused.sum)
		for _, b := range q.batches {
			queued += b.records
		}
		if !q.track.settled() {
			unsafe++
		}
	}
	return queued, unsafe
}

// hold stops the hand-over until letGo. It returns whether something has been
// handed over that is not safe.
func (h *handoff) hold() (pending bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = true
	return slices.ContainsFunc(h.queues, func(q *queue) bool { return !q.track.settled() })
}

// letGo ends hold. With delivered, everything that had been handed over is safe.
func (h *handoff) letGo(delivered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = false
	if !delivered || h.closed {
		return
	}
	for _, q := range h.queues {
		q.track.settle()
	}
}

// quiet returns since when nothing has been handed over and the engine has been
// free to work on what was; false while it is paused.
func (h *handoff) quiet() (since time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.moved, !h.paused && !h.copying
}

// handedOver is the number of records handed over.
func (h *handoff) handedOver() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.handed
}

// collect appends at most limit bytes of whole events to dst. The engine copies them
// until copied, or until it calls again.
func (h *handoff) collect(dst []byte) []byte {
	var got taken
	dst = h.hand(dst, &got)
	h.free(got.done)
	return dst
}

func (h *handoff) hand(dst []byte, got *taken) []byte {
	h.mu.Lock()
	defer h.mu.Unlock() // also after a panic: the next collect is to work
	start, now := len(dst), time.Now()
	if !h.paused && !h.held {
		dst = h.collectLocked(dst, now, got)
	}
	if h.copying = len(dst) > start; h.copying {
		h.moved = now
	}
	h.countLocked(now)
	h.handed += int64(got.records)
	return dst
}

// collectLocked shares the room equally among the queues that have something,
// and what one leaves among the others, until the room or the queues are
// used up. The queue that begins changes with each Collect: it may always
// take an event larger than its share, so none waits for ever.
func (h *handoff) collectLocked(dst []byte, now time.Time, got *taken) []byte {
	start, at := len(dst), h.unpaused.at(now)
	h.turn++
	for {
		room := h.limit - (len(dst) - start)
		order := h.readyLocked(now)
		if room <= 0 || len(order) == 0 {
			return dst
		}
		share, before := max(room/len(order), 1), len(dst)
		for _, q := range order {
			room = h.limit - (len(dst) - start)
			dst = q.take(dst, min(share, room), room, len(dst) == start, at, got)
		}
		if len(dst) == before {
			return dst
		}
	}
}

// readyLocked lists the queues with something to hand over, in turn.
func (h *handoff) readyLocked(now time.Time) []*queue {
	h.order = h.order[:0]
	for i := range h.queues {
		if q := h.queues[(h.turn+i)%len(h.queues)]; q.ready(now) {
			h.order = append(h.order, q)
		}
	}
	return h.order
}

// free gives buffers and their bytes of the budget back.
func (h *handoff) free(done []batch) {
	for _, b := range done {
		h.buffers.Put(b.events)
		h.budget.give(b.cost)
	}
}
