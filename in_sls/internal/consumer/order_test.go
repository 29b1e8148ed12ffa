package consumer

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The records of a key keep their order over four generations of shards - split,
// split again, merge, split - whether one comes before the one before it has been
// read or long after, while members join, leave and die. And nothing is lost.
func TestOrderOfKeysOverGenerations(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(6) {
		start := []string{"begin", "end"}[round%2]
		t.Run(fmt.Sprint(start, round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLineage(t, rand.New(rand.NewPCG(seed, round)), start)
				l.live(30)
				l.split(0) // 2, 3
				l.pass()
				l.split(2) // 4, 5
				l.pass()
				require.NoError(t, l.srv.MergeShards(testProject, testLogstore, 4)) // 6
				l.pass()
				l.split(6) // 7, 8
				l.pass()
				l.finish()
				l.check()
			})
		})
	}
}

// lineage writes to keys all over the hash range and has members read them.
type lineage struct {
	*rig
	rnd    *rand.Rand
	start  string
	keys   []string
	agents []*agent
	all    []*agent // those that are gone, too
	order  []record // of all hand-overs, by time
}

func newLineage(t *testing.T, rnd *rand.Rand, start string) *lineage {
	t.Helper()
	l := &lineage{rig: newRig(t, 2), rnd: rnd, start: start}
	for range 24 {
		l.keys = append(l.keys, fmt.Sprintf("%016x%016x", rnd.Uint64(), rnd.Uint64()))
	}
	for range 3 {
		l.join()
	}
	advance(3 * time.Second) // every shard has its start
	return l
}

func (l *lineage) join() {
	a := l.agent("m"+strconv.Itoa(len(l.all)), "start_position", l.start, "fetch_max_groups", "3",
		"heartbeat_timeout", "12s", "checkpoint_interval", "1s", "handoff_delay", "1s")
	l.agents, l.all = append(l.agents, a), append(l.all, a)
}

// live lets seconds pass in which all keys are written to and all members collect.
func (l *lineage) live(seconds int) {
	for range seconds {
		for _, key := range l.keys {
			if l.rnd.IntN(3) == 0 {
				l.putKey(key, 1+l.rnd.IntN(2), 0)
			}
		}
		advance(time.Second)
		for _, a := range l.agents {
			l.order = append(l.order, a.collect()...)
		}
	}
}

// pass is the time between two generations: next to none, or enough for the group
// to be done with the one before. A member may go meanwhile, and another come.
func (l *lineage) pass() {
	l.live([]int{1, 5, 60}[l.rnd.IntN(3)])
	i := l.rnd.IntN(len(l.agents))
	switch gone := l.agents[i]; l.rnd.IntN(3) {
	case 0:
		gone.abandon() // as killed
		synctest.Wait()
		l.agents = append(l.agents[:i:i], l.agents[i+1:]...)
		l.join()
	case 1:
		require.NoError(l.t, gone.Stop(l.t.Context()))
		l.agents = append(l.agents[:i:i], l.agents[i+1:]...)
		l.join()
	}
	l.live([]int{1, 20}[l.rnd.IntN(2)])
}

func (l *lineage) finish() {
	l.keys = nil
	l.live(180)
}

func (l *lineage) check() {
	l.t.Helper()
	duplicates := requireAll(l.t, l.seq, l.all...)
	requireParentsFirst(l.t, l.rig)
	requireOwnersOnly(l.t, l.rig)
	// Reading again is allowed, ahead of time is not: the first delivery of each record of
	// a key is in order, across shards and members.
	seen, last := map[int]bool{}, map[string]int{}
	for _, rec := range l.order {
		if !seen[rec.ID] {
			seen[rec.ID] = true
			require.Greater(l.t, rec.ID, last[rec.Key], "key %s", rec.Key)
			last[rec.Key] = rec.ID
		}
	}
	var open []int
	for _, sh := range l.srv.Shards(testProject, testLogstore) {
		if !sh.ReadOnly {
			open = append(open, sh.ID)
		}
	}
	var held []int
	for _, a := range l.agents {
		held = append(held, a.held()...)
	}
	require.ElementsMatch(l.t, open, held, "nobody reads finished shards any more")
	l.t.Logf("%d records of %d keys, %d duplicates, %d members, %d shards", l.seq, len(last), duplicates, len(l.all),
		len(l.srv.Shards(testProject, testLogstore)))
}
