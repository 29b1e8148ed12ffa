package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// holder counts how often it was told.
type holder struct{ told int }

func (h *holder) Abandoned() { h.told++ }

// Of 4096 chunks: of one more the oldest is forgotten.
func TestMemoryIsBounded(t *testing.T) {
	m := New(nil)
	chunk := func(i int) []byte { return fmt.Append(nil, i) }
	for i := range maxRemembered + 1 {
		f := m.Begin("tag", chunk(i))
		f.Add(1).Settle()
		f.Cut(true)
		m.Keep(f, "tag", chunk(i))
	}
	require.Len(t, m.chunks, maxRemembered)
	require.Equal(t, maxRemembered, m.byAge.Len())
	require.Nil(t, m.Begin("tag", chunk(0)).Known())
	require.NotNil(t, m.Begin("tag", chunk(1)).Known())
	require.Nil(t, m.Begin("tag", chunk(1)).Known(), "it is taken once")
	require.Nil(t, m.Begin("other", chunk(2)).Known(), "another tag is another chunk")
}

// What is missing is what was neither accepted nor lost, in whatever order that was found.
func TestMissing(t *testing.T) {
	const logs = 40
	for range 1000 {
		o := New(nil).Begin("", nil).Add(logs)
		var over [logs]bool
		for range rand.IntN(30) {
			r := Range{rand.IntN(logs), 1 + rand.IntN(8)}
			if r.end() > logs || slices.Contains(over[r.First:r.end()], true) {
				continue
			}
			if r.Count == 1 {
				o.Lose(Lost{Index: r.First})
			} else {
				o.accept(r)
			}
			for i := range r.Count {
				over[r.First+i] = true
			}
		}
		missing := [logs]bool{}
		next := 0
		for _, r := range o.Missing() {
			require.GreaterOrEqual(t, r.First, next)
			require.Positive(t, r.Count)
			for i := range r.Count {
				missing[r.First+i] = true
			}
			next = r.First + r.Count + 1 // runs do not touch
		}
		for i := range logs {
			require.Equal(t, !over[i], missing[i], i)
		}
		for i := 1; i < len(o.accepted); i++ {
			require.Greater(t, o.accepted[i].First, o.accepted[i-1].end(), "touching runs are one")
		}
	}
}

// A flush that leaves tells the holder only if nobody else waits, and what is given up is
// failed for whoever comes later.
func TestAbandonedSegmentIsGivenUp(t *testing.T) {
	m, all := New(nil), func(Holder) bool { return true }
	first, second := m.Begin("", nil), m.Begin("", nil)
	o, h := first.Add(10), &holder{}
	require.True(t, o.Hold(h))
	o.accept(Range{0, 4})
	require.True(t, second.Adopt(o))
	first.Abandon(all)
	require.Zero(t, h.told)
	require.False(t, GiveUp(nil, o))
	second.Abandon(all)
	require.Equal(t, 1, h.told)
	require.False(t, o.Hold(h), "nobody waits")
	require.True(t, GiveUp(nil, o))
	third := m.Begin("", nil)
	require.False(t, third.Adopt(o), "it must be sent again")
	first.Cut(true)
	<-first.Done()
	require.Equal(t, Result{Failed: true}, first.Result())
}

// A chunk that comes back sends what is missing of a segment, and waits for no other.
func TestReturnedSegmentBeginsWithWhatIsKnown(t *testing.T) {
	m := New(nil)
	f := m.Begin("tag", []byte("chunk"))
	o := f.Add(10)
	o.accept(Range{2, 3})
	o.Lose(Lost{Index: 9, Reason: "Bad"})
	o.Settle()
	f.Add(5) // pending
	f.Cut(false)
	m.Keep(f, "tag", []byte("chunk"))

	again := m.Begin("tag", []byte("chunk"))
	require.False(t, again.Adopt(again.Known()))
	o = again.Add(10)
	require.Equal(t, []Range{{0, 2}, {5, 4}}, o.Missing())
	o.accept(Range{0, 2})
	o.accept(Range{5, 4})
	o.Settle()
	require.Equal(t, []Lost{{Index: 9, Reason: "Bad"}}, again.Lost(0))
	pending := again.Known()
	require.True(t, again.Adopt(pending))
	again.Cut(true)
	select {
	case <-again.Done():
		require.Fail(t, "it waits for what is pending")
	default:
	}
	pending.accept(Range{0, 5})
	pending.Settle()
	<-again.Done()
	require.Equal(t, Result{Lost: true}, again.Result())
}
