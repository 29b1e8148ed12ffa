package consumer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// Without a group nothing is asked of one and nothing is stored: each start
// begins at start_position again.
func TestStandaloneReadsWithoutAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		for shard := range 3 {
			r.put(shard, 2)
		}
		r.srv.Hook("", func(c *slsfake.Call) {
			switch c.Op {
			case slsfake.OpPullLogs, slsfake.OpGetCursor, slsfake.OpGetCursorTime, slsfake.OpListShards, slsfake.OpPutLogs:
			default:
				c.Fail(403, "Unauthorized", string(c.Op))
				t.Errorf("call of %s", c.Op)
			}
		})
		for range 2 {
			a := r.agent("a", "consumer_group", "none")
			collectFor(20, a)
			require.Zero(t, requireAll(t, 6, a))
			require.Zero(t, a.Stats().Commits)
			require.Equal(t, int64(3), a.Stats().ShardsHeld)
			begin := time.Now()
			require.NoError(t, a.Stop(t.Context()))
			require.Zero(t, time.Since(begin))
		}
	})
}

func TestStandaloneReadsTheShardsChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 6)
		var want []int
		for shard := range 6 {
			first := r.put(shard, 1)
			if shard == 0 || shard >= 3 {
				want = append(want, first)
			}
		}
		a := r.agent("a", "consumer_group", "none", "shards", "0, 3-5,9")
		collectFor(3, a)
		require.ElementsMatch(t, want, ids(a.got))
		require.Equal(t, 1, a.log.count("missing=[9]"))
	})
}

// Three generations: parents first, children from their beginning whatever
// start_position says, the records of a key in their order.
func TestStandaloneFollowsSplitsAndMerges(t *testing.T) {
	for _, start := range []string{"begin", "end"} {
		t.Run(start, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				a := r.agent("a", "consumer_group", "none", "start_position", start, "discovery_interval", "10s")
				collectFor(2, a)
				r.put(0, 2)
				r.split(0) // 1, 2
				r.put(1, 2)
				r.put(2, 2)
				r.split(1) // 3, 4
				r.put(3, 2)
				require.NoError(t, r.srv.MergeShards(testProject, testLogstore, 3)) // 5
				r.put(5, 2)
				collectFor(60, a)
				require.Zero(t, requireAll(t, 10, a))
				last := map[string]int{}
				for _, rec := range a.got {
					require.Greater(t, rec.ID, last[rec.Key])
					last[rec.Key] = rec.ID
				}
				require.Equal(t, 4, a.log.count("shard finished"))
				require.Equal(t, int64(2), a.Stats().ShardsHeld)
			})
		})
	}
}

// With in_order off nothing waits for anything, and still nothing is missed.
func TestStandaloneOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 2)
		r.split(0)
		r.put(1, 1)
		a := r.agent("a", "consumer_group", "none", "in_order", "off", "start_position", "begin")
		advance(time.Second)
		require.Equal(t, int64(3), a.Stats().ShardsHeld, "parent and children at once")
		collectFor(60, a)
		require.Zero(t, requireAll(t, 3, a))
	})
}

// Old splits are read from start_position too; "end" is that of the first look, also for a
// child that waits for its parent, whatever this machine's clock shows.
func TestStandaloneStartsOldChildrenAtStartPosition(t *testing.T) {
	for _, offset := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute} {
		t.Run(offset.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.srv.SetClockOffset(offset)
				r.put(0, 1)
				r.split(0)
				r.put(1, 1)
				advance(time.Minute)
				a := r.agent("a", "consumer_group", "none", "start_position", "end")
				advance(10 * time.Millisecond)
				r.put(1, 1)
				collectFor(30, a)
				require.Equal(t, []int{3}, ids(a.got))
			})
		})
	}
}

// Chosen shards that are read-only come to an end, and the engine says so.
func TestStandaloneEndsWithItsShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 3)
		r.split(0)
		a := r.agent("a", "consumer_group", "none", "shards", "0")
		collectFor(10, a)
		require.Zero(t, requireAll(t, 3, a))
		require.Equal(t, 1, a.log.count("the reading has ended"))
		<-a.done
	})
}

func TestParseShards(t *testing.T) {
	for raw, want := range map[string][]int{
		"all": nil, "ALL": nil, "0": {0}, "5-7, 2,0,6": {0, 2, 5, 6, 7},
	} {
		got, err := parseShards(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got, raw)
	}
	for _, raw := range []string{"-1", "1-", "a", "3-1", "0,,1", "0-10000", "0-9999,10000-19999,5", "99999999999"} {
		require.Error(t, checkShards(raw), raw)
	}
}

func FuzzParseShards(f *testing.F) {
	for _, seed := range []string{"all", "0,2,5-7", "3-1", "0-4294967295"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ids, err := parseShards(raw)
		require.True(t, err == nil || ids == nil)
		require.LessOrEqual(t, len(ids), 2*maxShards)
		for i := 1; i < len(ids); i++ {
			require.Less(t, ids[i-1], ids[i])
		}
	})
}
