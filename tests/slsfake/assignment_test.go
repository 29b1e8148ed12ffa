package slsfake

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// However members come, go, stall and let go, no shard ever has two owners,
// and after a few quiet rounds the shares differ by one at most.
func TestBalance(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { testBalance(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func testBalance(t *testing.T, rnd *rand.Rand) {
	s, c := newServer(t, Config{})
	shards := 1 + rnd.IntN(12)
	s.CreateLogstore("proj", "store", shards)
	c.createGroup(10, false)
	// A well-behaved consumer holds what it was told and lets go one round late.
	type state struct{ held, released []int }
	consumers := map[string]*state{}
	round := func(name string) {
		st := consumers[name]
		res := c.tryBeat(name, append(slices.Clone(st.held), st.released...)...)
		if res.code == "NotExistConsumerWithBody" {
			*st = state{}
			return
		}
		var held []int
		require.NoError(t, decodeJSON(res.body, &held))
		lost := slices.DeleteFunc(slices.Clone(st.held), func(id int) bool { return slices.Contains(held, id) })
		*st = state{held: held, released: lost}
		owners := map[int]string{}
		for _, m := range s.ConsumerGroups("proj", "store")[0].Members {
			for _, id := range slices.Concat(m.Holds, m.Revoked) {
				require.Empty(t, owners[id], "shard %d has two owners", id)
				owners[id] = m.Name
			}
		}
	}
	names := []string{"a", "b", "c", "d", "e"}
	for range 60 {
		switch name := names[rnd.IntN(len(names))]; {
		case consumers[name] == nil:
			consumers[name] = &state{}
		case rnd.IntN(8) == 0:
			delete(consumers, name) // dies silently
		default:
			round(name)
		}
		<-time.After(time.Duration(rnd.IntN(2000)) * time.Millisecond)
	}
	consumers["a"] = &state{}
	for range 30 {
		for _, name := range slices.Sorted(maps.Keys(consumers)) {
			round(name)
		}
		<-time.After(time.Second)
	}
	least, most, total := shards, 0, 0
	for _, st := range consumers {
		least, most, total = min(least, len(st.held)), max(most, len(st.held)), total+len(st.held)
	}
	require.Equal(t, shards, total, "every shard is held")
	require.LessOrEqual(t, most-least, 1)
}

// With order, children stay hidden until the parent's checkpoint is at its
// end; without, they come at once. Finished parents are dropped either way.
func TestOrder(t *testing.T) {
	for _, order := range []bool{true, false} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			s, c := newServer(t, Config{})
			s.CreateLogstore("proj", "store", 1)
			c.createGroup(10, order)
			c.put("x")
			require.Equal(t, []int{0}, c.beat("a"))
			require.NoError(t, s.SplitShard("proj", "store", 0, ""))
			visible := []int{0}
			if !order {
				visible = []int{0, 1, 2}
			}
			require.Equal(t, visible, c.beat("a", 0))
			require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "begin"), false).status)
			require.Equal(t, visible, c.beat("a", visible...))
			require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "end"), false).status)
			require.Equal(t, []int{1, 2}, c.beat("a", visible...), "the parent is finished")
			// A checkpoint moved back brings the parent back.
			require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "begin"), true).status)
			require.Contains(t, c.beat("a", 1, 2), 0)
		})
	}
}

// Generations: an empty parent that was never checkpointed does not block, but
// it is not finished before its own parent is.
func TestOrderOverGenerations(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	c.createGroup(10, true)
	c.put("x")
	require.NoError(t, s.SplitShard("proj", "store", 0, "")) // 1, 2
	require.NoError(t, s.MergeShards("proj", "store", 1))    // 3
	require.NoError(t, s.SplitShard("proj", "store", 3, "")) // 4, 5
	c.put("y")
	require.Equal(t, []int{0}, c.beat("a"))
	require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "end"), false).status)
	require.Equal(t, []int{4, 5}, c.beat("a", 0), "1, 2 and 3 never held anything")
}
