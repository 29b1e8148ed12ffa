package consumer

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A split shard is read to its end, safe and committed there before its
// children are given out, and the children start at their beginning whatever
// start_position says: also with what was written before anyone knew of them.
func TestChildrenStartAtTheirBeginning(t *testing.T) {
	for _, start := range []string{"begin", "end", "1h", "FUTURE"} {
		t.Run(start, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if start == "FUTURE" {
					start = strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)
				}
				r := newRig(t, 1)
				advance(2 * time.Hour)
				a := r.agent("a", "start_position", start)
				collectFor(2, a)
				require.Equal(t, 0, r.committed(0), "where a shard starts is committed at once")
				r.put(0, 3)
				r.split(0)
				r.put(1, 2)
				r.put(2, 2)
				collectFor(25, a)
				require.Zero(t, requireAll(t, 7, a))
				requireParentsFirst(t, r)
				require.Equal(t, []int{1, 2}, r.holds("a"))
				require.Equal(t, 1, r.committed(1))
				require.Equal(t, 1, a.log.count("shard finished"))
			})
		})
	}
}

// requireParentsFirst checks in the history that the last checkpoint of every
// parent is at its end and older than the first of its children. A shard in
// which nothing was ever written needs none.
func requireParentsFirst(t *testing.T, r *rig) {
	t.Helper()
	done := map[int]bool{}
	shards := r.srv.Shards(testProject, testLogstore)
	for _, sh := range shards {
		done[sh.ID] = sh.Begin == sh.End
	}
	for _, w := range r.srv.CheckpointHistory(testProject, testLogstore, testGroup) {
		for _, parent := range shards[w.Shard].Parents {
			require.True(t, done[parent], "shard %d before its parent %d", w.Shard, parent)
		}
		done[w.Shard] = shards[w.Shard].ReadOnly && w.Number == shards[w.Shard].End
	}
}

// Three generations of splits and merges under load, with two members: nothing
// is lost, parents come first, and the records of one key keep their order.
func TestSplitsAndMergesKeepTheOrderOfKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		agents := []*agent{r.agent("a"), r.agent("b")}
		var order []record
		write := func(seconds int) {
			for range seconds {
				for _, sh := range r.srv.Shards(testProject, testLogstore) {
					if !sh.ReadOnly {
						r.put(sh.ID, 2)
					}
				}
				collectFor(1, agents...)
				order = append(append(order, agents[0].last...), agents[1].last...)
			}
		}
		write(45)
		r.split(0) // 2, 3
		write(3)
		r.split(2) // 4, 5
		write(70)
		require.NoError(t, r.srv.MergeShards(testProject, testLogstore, 4)) // 6
		write(3)
		r.split(1) // 7, 8
		write(70)
		require.NoError(t, r.srv.MergeShards(testProject, testLogstore, 6)) // 9
		write(120)
		collectFor(30, agents...)
		order = append(append(order, agents[0].last...), agents[1].last...)
		requireAll(t, r.seq, agents...)
		requireParentsFirst(t, r)
		requireOwnersOnly(t, r)
		// Reading again is allowed, ahead of time is not: the first delivery of each record
		// of a key is in order, across shards and members.
		seen, last := map[int]bool{}, map[string]int{}
		for _, rec := range order {
			if !seen[rec.ID] {
				seen[rec.ID] = true
				require.Greater(t, rec.ID, last[rec.Key], "key %s", rec.Key)
				last[rec.Key] = rec.ID
			}
		}
		// Nobody reads finished shards any more.
		require.ElementsMatch(t, []int{7, 8, 9}, append(r.holds("a"), r.holds("b")...))
	})
}

// A read-only shard is finished only by an answer that was asked for after it
// was known to be read-only: what was written in between is read.
func TestNothingWrittenBeforeTheSplitIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		advance(30 * time.Second)
		// The list of shards is answered late: between the empty pull and its
		// answer come a last record and the split.
		var once bool
		r.srv.Hook(slsfake.OpListShards, func(*slsfake.Call) {
			if !once {
				once = true
				r.put(0, 1)
				r.split(0)
				r.put(1, 1)
			}
		})
		collectFor(60, a)
		require.True(t, once)
		require.Zero(t, requireAll(t, 2, a))
		requireParentsFirst(t, r)
	})
}

// A group that finds an old split when it is created applies start_position to
// the children, as of its own beginning.
func TestOldSplitsDoNotFloodANewGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		r.split(0)
		r.put(1, 1)
		r.put(2, 1)
		advance(time.Hour)
		a := r.agent("a", "start_position", "end")
		advance(10 * time.Millisecond)
		// The children are not handed out yet, but the group has begun.
		r.put(1, 1)
		r.put(2, 1)
		collectFor(10, a)
		require.ElementsMatch(t, []int{4, 5}, ids(a.got))
	})
}

// "start_position end" means the end as of the first start: what comes while
// nobody reads is not skipped by the next one.
func TestEndIsRememberedAcrossRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		a := r.agent("a", "start_position", "end")
		advance(time.Second)
		require.NoError(t, a.Stop(t.Context()))
		r.put(0, 1)
		b := r.agent("b", "start_position", "end")
		collectFor(90, b)
		require.Empty(t, a.got)
		require.Equal(t, []int{2}, ids(b.got))
	})
}
