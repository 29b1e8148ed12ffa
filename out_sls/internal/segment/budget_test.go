package segment

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/shared/buffer"
)

// taken is a segment of used bytes in a buffer of size bytes, which a budget has taken.
func taken(t *testing.T, b *Budget, used, size int) *Segment {
	t.Helper()
	s := &Segment{Logs: make([]byte, used, size), Count: 1, Outcome: memory.New(nil).Begin("", nil).Add(1)}
	require.NoError(t, b.Take(t.Context(), s))
	return s
}

// A small segment does not keep a large buffer, as the first one of a chunk for many
// destinations has.
func TestSmallSegmentsDoNotKeepLargeBuffers(t *testing.T) {
	b := NewBudget(8<<20, &buffer.Pool{})
	s := taken(t, b, 3000, 2<<20)
	require.Less(t, cap(s.Logs), 2*len(s.Logs))
	require.EqualValues(t, cap(s.Logs), b.Used())
	s.Settle()
	require.Zero(t, b.Used())
}

// The buffer is charged, not what is in it, and a segment has a least weight.
func TestBudgetChargesCapacity(t *testing.T) {
	b := NewBudget(8<<20, &buffer.Pool{})
	s := taken(t, b, 100_000, 150_000)
	require.EqualValues(t, cap(s.Logs), b.Used())
	s.Settle()
	s = taken(t, b, 10, 10)
	require.EqualValues(t, overhead, b.Used())
	require.False(t, GiveUp(nil, s), "a flush waits for it")
	s.Settle()
	require.Zero(t, b.Used())
}

// A segment larger than the whole budget takes all of it, and gives all of it back.
func TestSegmentLargerThanTheBudget(t *testing.T) {
	b := NewBudget(1<<20, &buffer.Pool{})
	s := taken(t, b, 2<<20, 2<<20)
	require.EqualValues(t, 1<<20, b.Used())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Take(ctx, &Segment{Logs: make([]byte, 10)}), context.Canceled)
	s.Settle()
	require.Zero(t, b.Used())
}
