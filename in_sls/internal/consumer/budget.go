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
// cover the compressed body inside the client, a quarter of the answer or
// less, for the time of the request.
type budget struct {
	sem   *semaphore.Weighted
	limit int64

	mu   sync.Mutex // guards debt; taken alone
	debt int64      // held beyond the limit, because an answer was larger than expected
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
