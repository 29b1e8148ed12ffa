package handover

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"fluent-bit-sls/shared/buffer"
)

// Budget bounds the bytes that all shard readers together have in memory (memory_limit).
// A reader claims what it expects to need before it pulls, and corrects that once it
// knows. The rest is given back when the last event of the pull has been handed over.
//
// It covers the decompressed answer while it is decoded, and the buffer of decoded events
// until it is handed over, each by its capacity. It does not cover the compressed body
// that the client has during the request, as a rule a quarter of the answer or less.
//
// Two things may go beyond the limit: one event that is larger than the room left for it,
// and one answer that is larger than all of the limit.
type Budget struct {
	sem     *semaphore.Weighted
	limit   int64
	buffers *buffer.Pool
	runs    sync.Pool // of *runs

	mu   sync.Mutex // guards debt; taken alone
	debt int64      // in use beyond the limit
}

// NewBudget returns a budget of limit bytes. Buffers come from a pool and go back to it.
func NewBudget(limit int64, buffers *buffer.Pool) *Budget {
	b := &Budget{sem: semaphore.NewWeighted(limit), limit: limit, buffers: buffers}
	b.runs.New = func() any { return new(runs) }
	return b
}

// Limit is memory_limit in bytes.
func (b *Budget) Limit() int64 { return b.limit }

// Idle reports whether nothing is claimed.
func (b *Budget) Idle() bool {
	b.mu.Lock()
	debt := b.debt
	b.mu.Unlock()
	if debt > 0 || !b.sem.TryAcquire(b.limit) {
		return false
	}
	b.sem.Release(b.limit)
	return true
}

// take waits for n bytes, first come first served, and returns what it took: at most the
// limit, so that no claim waits for ever.
func (b *Budget) take(ctx context.Context, n int64) (int64, error) {
	n = min(n, b.limit)
	if err := b.sem.Acquire(ctx, n); err != nil {
		return 0, err
	}
	return n, nil
}

// resize turns a claim of had bytes into one of want. It does not wait: a reader with bytes
// cannot wait for readers that wait for those bytes. What goes over the limit is a debt,
// which the next bytes that are given back pay first.
func (b *Budget) resize(had, want int64) {
	switch grow := want - had; {
	case grow > 0:
		if !b.sem.TryAcquire(grow) {
			b.mu.Lock()
			b.debt += grow
			b.mu.Unlock()
		}
	case grow < 0:
		b.give(-grow)
	}
}

// give returns n bytes.
func (b *Budget) give(n int64) {
	b.mu.Lock()
	paid := min(n, b.debt)
	b.debt -= paid
	b.mu.Unlock()
	b.sem.Release(n - paid)
}

// Claim is what one reader has for the pull under way: bytes of the budget, and the
// buffers that they stand for. Take begins a pull, and Release ends it on every path.
// It belongs to one goroutine.
type Claim struct {
	of    *Budget
	bytes int64

	// Raw is the decompressed answer, Events what it decodes to. Decoding appends to
	// Events in place.
	Raw, Events []byte
	tagged      *runs // of Events, where Tag was called
}

// Claim returns a claim of nothing, for one reader.
func (b *Budget) Claim() Claim { return Claim{of: b} }

// Take waits for n bytes, or for all there are.
func (c *Claim) Take(ctx context.Context, n int64) (err error) {
	c.bytes, err = c.of.take(ctx, n)
	return err
}

// Raise makes the claim want bytes, if the budget has them now. A claim to all of the
// budget may go beyond: nobody else has any then, and waiting would bring no more.
func (c *Claim) Raise(want int64) bool {
	grow := want - c.bytes
	if grow > 0 && c.bytes < c.of.limit && !c.of.sem.TryAcquire(grow) {
		return false
	}
	if grow > 0 && c.bytes >= c.of.limit {
		c.of.resize(c.bytes, want)
	}
	c.bytes = max(c.bytes, want)
	return true
}

// LendRaw makes Raw a buffer for n bytes.
func (c *Claim) LendRaw(n int) []byte {
	c.FreeRaw()
	c.Raw = c.of.buffers.Get(n)
	return c.Raw
}

// FreeRaw gives the decompressed answer back. Its bytes of the budget stay claimed until
// Release.
func (c *Claim) FreeRaw() {
	c.of.buffers.Put(c.Raw)
	c.Raw = nil
}

// LendEvents makes Events an empty buffer for n bytes.
func (c *Claim) LendEvents(n int) {
	c.of.buffers.Put(c.Events)
	c.Events = c.of.buffers.Get(n)
}

// GrowEvents doubles the room in Events, if the budget has that much at the moment.
func (c *Claim) GrowEvents() bool {
	n := cap(c.Events)
	if !c.Raise(c.bytes + int64(n)) {
		return false
	}
	larger := append(c.of.buffers.Get(2*n), c.Events...)
	c.of.buffers.Put(c.Events)
	c.Events = larger
	return true
}

// passPart takes Events out of a claim that goes on: their bytes stay claimed, for the
// next part of the same answer.
func (c *Claim) passPart() ([]byte, *runs) {
	if used := int64(cap(c.Raw) + cap(c.Events)); used > c.bytes {
		c.of.resize(c.bytes, used)
		c.bytes = used
	}
	events, tagged := c.Events, c.tagged
	c.Events, c.tagged = nil, nil
	return events, tagged
}

// pass takes Events out of the claim, with the bytes that they take. The rest of the claim
// is given back. Whoever frees the events gives back theirs.
func (c *Claim) pass() (events []byte, tagged *runs, cost int64) {
	if events = c.of.buffers.Fit(c.Events); len(events) == 0 {
		c.of.buffers.Put(events)
		events = nil
	}
	cost = int64(cap(events))
	c.of.resize(c.bytes, cost)
	tagged = c.tagged
	c.Events, c.tagged, c.bytes = nil, nil, 0
	return events, tagged, cost
}

// Release gives back what has not been passed on.
func (c *Claim) Release() {
	c.FreeRaw()
	c.of.buffers.Put(c.Events)
	c.Events = nil
	c.of.freeRuns(c.tagged)
	c.tagged = nil
	c.of.give(c.bytes)
	c.bytes = 0
}
