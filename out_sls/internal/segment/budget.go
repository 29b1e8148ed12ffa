package segment

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// Bounds of the buffers that are kept for segments. A full segment with the record that
// overshot it fits. Larger buffers, and those that are cheap to make, are left to the
// collector.
const (
	minPooled = 64 << 10
	maxPooled = 8 << 20
)

// Buffers recycles what segments are encoded into. How large a segment becomes shows only
// at its end, so all buffers are as large as the largest segment so far. (What a request
// needs is known, and comes from a buffer.Pool.) The zero value is ready; it is safe for
// concurrent use.
type Buffers struct{ pool sync.Pool }

func (b *Buffers) get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return nil
}

func (b *Buffers) put(buf []byte) {
	if cap(buf) < minPooled || cap(buf) > maxPooled {
		return
	}
	b.pool.Put(&buf)
}

// overhead is about what a segment takes beside its bytes. A chunk can have one for each
// of its records.
const overhead = 1 << 10

// Budget is memory_limit: the bytes that segments may take, queued and in flight, over
// all flushes of an instance. It is safe for concurrent use.
type Budget struct {
	limit   int64
	buffers *Buffers
	free    *semaphore.Weighted
	used    atomic.Int64
}

// NewBudget returns a budget of that many bytes for segments whose buffers are of buffers.
func NewBudget(limit int64, buffers *Buffers) *Budget {
	return &Budget{limit: limit, buffers: buffers, free: semaphore.NewWeighted(limit)}
}

// Take charges the buffer of s, and waits until there is room for it. It fails when ctx
// ends before: s is over then.
func (b *Budget) Take(ctx context.Context, s *Segment) error {
	if cap(s.Logs) > 2*len(s.Logs) {
		// A small segment in a large buffer would hold more than it is charged.
		// Its log group is completed behind the logs.
		large := s.Logs
		s.Logs, s.fitted = append(make([]byte, 0, len(large)+s.To.FieldsSize()), large...), true
		b.buffers.put(large)
	}
	// A record larger than the whole budget goes alone rather than never.
	s.weight = min(max(int64(cap(s.Logs)), overhead), b.limit)
	if err := b.free.Acquire(ctx, s.weight); err != nil {
		b.Discard(s)
		return err
	}
	s.budget = b
	b.used.Add(s.weight)
	return nil
}

// Discard recycles the buffer of a segment that is not needed, and was charged for nothing.
func (b *Budget) Discard(s *Segment) {
	if !s.fitted {
		b.buffers.put(s.Logs)
	}
	s.Logs = nil
}

// Used is how many bytes are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) release(s *Segment) {
	b.free.Release(s.weight)
	b.used.Add(-s.weight)
	b.Discard(s)
}
