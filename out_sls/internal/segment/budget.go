package segment

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"fluent-bit-sls/shared/buffer"
)

// minPooled is the least room for which a buffer comes from the pool: it has none smaller,
// and a chunk can have a segment for each of its records.
const minPooled = 4 << 10

// overhead is about what a segment takes beside its bytes. A chunk can have one for each
// of its records.
const overhead = 1 << 10

// Budget is memory_limit: the bytes that segments may take, queued and in flight, over
// all flushes of an instance. It is safe for concurrent use.
type Budget struct {
	limit   int64
	buffers *buffer.Pool
	free    *semaphore.Weighted
	used    atomic.Int64
}

// NewBudget returns a budget of that many bytes for segments whose buffers are of buffers.
func NewBudget(limit int64, buffers *buffer.Pool) *Budget {
	return &Budget{limit: limit, buffers: buffers, free: semaphore.NewWeighted(limit)}
}

// Take charges the buffer of s, and waits until there is room for it. It fails when ctx
// ends before: s is over then.
func (b *Budget) Take(ctx context.Context, s *Segment) error {
	if cap(s.Logs) > 2*len(s.Logs) {
		// A small segment in a large buffer would hold more than it is charged. Its log
		// group is completed behind the logs.
		large, room := s.Logs, len(s.Logs)+s.To.FieldsSize()
		if room < minPooled {
			s.Logs = make([]byte, 0, room)
		} else {
			s.Logs = b.buffers.Get(room)
		}
		s.Logs = append(s.Logs, large...)
		b.buffers.Put(large)
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
	b.buffers.Put(s.Logs)
	s.Logs = nil
}

// Used is how many bytes are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) release(s *Segment) {
	b.free.Release(s.weight)
	b.used.Add(-s.weight)
	b.Discard(s)
}
