package handover

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// tagged is one log group: its tag, and the ids of its events.
type tagged struct {
	tag string
	ids []int
}

// addTagged pushes a pull of these groups, each event padded to size bytes.
func (b *bench) addTagged(t *testing.T, q *Queue, cursor string, size int, groups ...tagged) {
	t.Helper()
	c := b.budget.Claim()
	require.NoError(t, c.Take(t.Context(), 1<<20))
	c.LendEvents(1 << 20)
	records := 0
	for _, g := range groups {
		for _, id := range g.ids {
			c.Events = append(c.Events, testEvent(t, id, size)...)
		}
		c.Tag(g.tag, len(g.ids))
		records += len(g.ids)
	}
	q.Push(&c, records, cursor, Answer{})
	c.Release()
}

// appends are what e took: each append's tag and ids.
func (e *engine) appends() (all []tagged) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.ring {
		all = append(all, tagged{p.tag, ids(e.t, p.events)})
	}
	return all
}

// The groups of one tag of a pull go in one append, in their order, and so do those of
// other shards. A pull of which another tag is left is not overtaken, and nothing of it is
// safe before its last event.
func TestOneAppendIsOfOneTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 64<<20)
		q, other := b.open(0), b.open(1)
		b.addTagged(t, q, "c1", 0, tagged{"a", []int{1, 2}}, tagged{"b", []int{3}}, tagged{"", []int{4}}, tagged{"a", []int{5}}, tagged{"a", nil}, tagged{"a", []int{6}})
		b.addTagged(t, q, "c2", 0, tagged{"b", []int{7}})
		b.addTagged(t, other, "c1", 0, tagged{"c", []int{21}}, tagged{"a", []int{22}})
		b.HandOver(e)
		require.Equal(t, []tagged{
			{"c", []int{21}}, // the second shard is first, and its first tag
			{"a", []int{1, 2, 5, 6, 22}},
			{"b", []int{3}},
			{"", []int{4}},
			{"b", []int{7}},
		}, e.appends())
		require.True(t, b.budget.Idle())
		require.Equal(t, int64(9), b.recordsHandedOver())
	})
}

// A tag of which a piece cannot hold everything goes on in the next piece, before anything
// later of the same tag.
func TestTagGoesOnInTheNextPiece(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 64<<20)
		q := b.open(0)
		b.addTagged(t, q, "c1", 400<<10, tagged{"a", []int{1, 2, 3}}, tagged{"b", []int{4}}, tagged{"a", []int{5}})
		b.HandOver(e)
		require.Equal(t, []tagged{{"a", []int{1, 2}}, {"a", []int{3, 5}}, {"b", []int{4}}}, e.appends())
	})
}

// What the engine does not take keeps its tag.
func TestFailedAppendKeepsItsTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 64<<20)
		q := b.open(0)
		b.addTagged(t, q, "c1", 0, tagged{"a", []int{1}}, tagged{"b", []int{2}})
		e.fail = 1
		b.HandOver(e)
		advance(time.Second)
		require.Empty(t, e.appends())
		b.HandOver(e)
		require.Equal(t, []tagged{{"a", []int{1}}, {"b", []int{2}}}, e.appends())
	})
}

// A pull is safe when the events of all its tags are.
func TestPullOfSeveralTagsIsSafeAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1 << 20)
		q := b.open(0)
		b.addTagged(t, q, "c1", 0, tagged{"a", []int{1}}, tagged{"b", []int{2}})
		_, _ = b.take(t)
		advance(time.Minute)
		cursor, _ := q.Safe()
		require.Equal(t, "start", cursor)
		_, _ = b.take(t)
		advance(time.Minute)
		cursor, _ = q.Safe()
		require.Equal(t, "c1", cursor)
	})
}

// The runs of a pull are made once and used again.
func TestRunsAreUsedAgain(t *testing.T) {
	b := newBench(1 << 20)
	q := b.open(0)
	c := b.budget.Claim()
	event := testEvent(t, 1, 0)
	round := func() {
		require.NoError(t, c.Take(t.Context(), 1<<14))
		c.LendEvents(1 << 14)
		for i := range 100 {
			c.Events = append(c.Events, event...)
			c.Tag([]string{"a", "b"}[i%2], 1)
		}
		q.Push(&c, 100, "c", Answer{})
		c.Release()
		for range 2 {
			b.piece.events = b.Collect(b.piece.events[:0])
		}
	}
	// testify's checks, the pools' pointers to slices, what a pool loses with the race
	// detector: nothing grows with the hundred groups.
	require.Less(t, testing.AllocsPerRun(100, round), 20.0)
}
