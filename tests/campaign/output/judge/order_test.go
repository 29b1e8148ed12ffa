package judge

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/output/store"
)

// hashed stores records of a chunk in one request, in this order and one bucket.
func (b *bench) hashed(incarnation int, c *store.Chunk, hash string, seqs ...uint32) {
	request := b.request(faults.Clear)
	for _, seq := range seqs {
		l := b.log(request, incarnation, record.ID{Feed: uint32(c.Feed.Number), Seq: c.From + seq})
		l.HashKey = hash
		b.take(c.Feed.Logstore, l)
	}
}

func TestOrderOfHashBuckets(t *testing.T) {
	for name, tc := range map[string]struct {
		story func(b *bench, c *store.Chunk, i int)
		wrong bool
	}{
		"in order, in two requests each": {func(b *bench, c *store.Chunk, i int) {
			b.hashed(i, c, "x", 0, 2, 4)
			b.hashed(i, c, "y", 1)
			b.hashed(i, c, "x", 6, 8)
			b.hashed(i, c, "y", 3, 5, 7)
		}, false},
		"a request overtaken": {func(b *bench, c *store.Chunk, i int) {
			b.hashed(i, c, "x", 3, 4, 5)
			b.hashed(i, c, "x", 0, 1, 2)
		}, true},
		"torn": {func(b *bench, c *store.Chunk, i int) { b.hashed(i, c, "x", 0, 2, 1) }, true},
		"a second copy": {func(b *bench, c *store.Chunk, i int) {
			b.hashed(i, c, "x", 0, 1, 2)
			b.hashed(i, c, "x", 3, 4)
			b.hashed(i, c, "x", 0, 1, 2)
			b.hashed(i, c, "x", 5, 6)
		}, false},
		"handed back once": {func(b *bench, c *store.Chunk, i int) {
			b.hashed(i, c, "x", 3, 4, 5)
			b.hashed(i, c, "x", 0, 1, 2)
			c.Flushes = 2
		}, false},
		"of a section that promises nothing": {func(b *bench, c *store.Chunk, _ int) {
			other := b.incarnation(0)
			b.hashed(other, c, "x", 3, 4, 5)
			b.hashed(other, c, "x", 0, 1, 2)
		}, false},
		"no hash key": {func(b *bench, c *store.Chunk, i int) {
			b.hashed(i, c, "", 3, 4, 5)
			b.hashed(i, c, "", 0, 1, 2)
		}, false},
	} {
		b := newBench(t)
		c, i := b.chunk(), b.incarnation(0)
		b.Promises(i, 0)
		tc.story(b, c, i)
		b.Acked(c)
		_, _, found := b.verdict()
		if tc.wrong {
			require.Contains(t, found, "order: chunk", name)
		} else {
			require.NotContains(t, found, "order: chunk", name)
		}
		require.Empty(t, b.Order.open, name)
	}
}

// Logs that are read late because their shard is must be sorted in.
func TestOrderIsThatOfTheRequests(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.Promises(i, 0)
	early := b.request(faults.Clear)
	b.hashed(i, c, "x", 3, 4)
	for seq := range uint32(3) {
		l := b.log(early, i, record.ID{Feed: 0, Seq: c.From + seq})
		l.HashKey = "x"
		b.take("a", l)
	}
	b.Acked(c)
	_, _, found := b.verdict()
	require.NotContains(t, found, "order: chunk")
	require.Equal(t, 1, b.Order.Checked)
}
