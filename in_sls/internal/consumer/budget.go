package consumer

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// budget bounds the bytes all readers together hold. A reader takes what it
// expects to need before it pulls, corrects that once it knows, and the rest
// is given back when the last event of the pull has been handed over.
//
// It covers the decompressed answer while it is decoded and the buffer of
// decoded events until it is handed over, each by its capacity. It does not
// cover the compressed body inside the client for the time of the request, as a rule
// a quarter of the answer or less, and never more than that.
//
// What goes beyond the limit is one event that is larger than the room left for it, or
// one answer that is larger than all of the limit.
type budget struct {
	sem   *semaphore.Weighted
	limit int64

	mu   sync.Mutex // guards debt; taken alone
	debt int64      // held beyond the limit
}

func newBudget(limit int64) *budget {
	return &budget{sem: semaphore.NewWeighted(limit), limit: limit}
}

// take waits for n bytes, first come first served, and returns what it took:
// at most the limit, so that no claim waits for ever.
func (b *budget) take(ctx context.Context, n int64) (int64, error) {
	n = min(n, b.limit)
	if err := b.sem.Acquire(ctx, n); err != nil {
		return 0, err
	}
	return n, nil
}

// settle turns a claim of had bytes into one of want. It never waits: whoever
// holds the bytes already cannot wait for others that wait for it. What goes
// over the limit is a debt that what is given back pays first.
func (b *budget) settle(had, want int64) {
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
func (b *budget) give(n int64) {
	b.mu.Lock()
	paid := min(n, b.debt)
	b.debt -= paid
	b.mu.Unlock()
	b.sem.Release(n - paid)
}

// claim is what one reader has of the budget for the pull under way.
type claim struct {
	of   *budget
	held int64
}

// take waits for n bytes, or for all there are.
func (c *claim) take(ctx context.Context, n int64) (err error) {
	c.held, err = c.of.take(ctx, n)
	return err
}

// raise makes the claim want bytes, if the budget has them now. A claim to all of it may
// go beyond: others hold nothing then, and waiting would not bring more.
func (c *claim) raise(want int64) bool {
	grow := want - c.held
	if grow > 0 && c.held < c.of.limit && !c.of.sem.TryAcquire(grow) {
		return false
	}
	if grow > 0 && c.held >= c.of.limit {
		c.of.settle(c.held, want)
	}
	c.held = max(c.held, want)
	return true
}

// force makes the claim at least want bytes: they are in use.
func (c *claim) force(want int64) {
	if want > c.held {
		c.of.settle(c.held, want)
		c.held = want
	}
}

// keep turns the claim into one of n bytes that are somebody else's to give back.
func (c *claim) keep(n int64) int64 {
	c.of.settle(c.held, n)
	c.held = 0
	return n
}

// end gives back what is left.
func (c *claim) end() {
	c.of.give(c.held)
	c.held = 0
}

// slots bounds how many pulls are under way at once. One is taken before the
// bytes of the pull: bytes that wait for a slot would keep others from reading,
// and what frees bytes, the hand-over, needs no slot.
type slots chan struct{}

func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slots) give() { <-s }
