package standalone

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/tests/slsfake"
)

// between is a range of a shard, from before one log group to before another.
func (r *rig) between(t *testing.T, id, from, to int) shard.Range {
	t.Helper()
	begin := r.srv.Shards(project, logstore)[id].Begin
	one, err := shard.ParseRange(fmt.Sprintf("%d:%s:%s", id, slsfake.EncodeCursor(begin+int64(from)), slsfake.EncodeCursor(begin+int64(to))))
	require.NoError(t, err)
	return one
}

// The ranges and nothing else. Those of one shard come one after the other, in the order of
// the option, each when the one before is safe. Shards do not wait for each other.
func TestReplayReadsRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(t, 0, "abcdefgh")
		r.put(t, 1, "z")
		r.run(t, NewReplay([]shard.Range{r.between(t, 0, 5, 7), r.between(t, 1, 0, 1), r.between(t, 0, 1, 3)}, r.Maker))
		advance(time.Second)
		require.Equal(t, []string{"0", "1"}, r.held())
		require.ElementsMatch(t, []byte("fgz"), []byte(r.collect()))
		advance(time.Second)
		require.Empty(t, r.collect(), "the second range waits for the first")
		advance(handoffDelay)
		require.Equal(t, "bc", r.collect())
		require.False(t, r.ended.Load())
		advance(time.Minute)
		require.True(t, r.ended.Load())
		require.Equal(t, 1, r.log.count("the ranges of the option replay have been read"))
		require.Empty(t, r.collect())
	})
}

// A range that cannot be read is left out, and the next one read.
func TestReplayOfExpiredData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(t, 0, "abcd")
		ranges := []shard.Range{r.between(t, 0, 0, 2), r.between(t, 0, 2, 4)}
		require.NoError(t, r.srv.TrimShard(project, logstore, 0, r.srv.Shards(project, logstore)[0].Begin+2))
		r.run(t, NewReplay(ranges, r.Maker))
		advance(time.Second)
		require.Equal(t, "cd", r.collect())
		require.Equal(t, 1, r.log.count("this range cannot be read"))
		advance(time.Minute)
		require.True(t, r.ended.Load())
	})
}

// After a stop no further range is begun, and the log does not say that all were read.
func TestReplayStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(t, 0, "abcd")
		r.run(t, NewReplay([]shard.Range{r.between(t, 0, 0, 2), r.between(t, 0, 2, 4)}, r.Maker))
		advance(time.Second)
		require.Equal(t, "ab", r.collect())
		r.stop()
		synctest.Wait()
		require.True(t, r.ended.Load())
		require.Equal(t, 1, r.log.count("reading shard"))
		require.Zero(t, r.log.count("have been read"))
	})
}
