package handover

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/in_sls/internal/metrics"
	"fluent-bit-sls/shared/buffer"
)

// bench is an input's queues without readers.
type bench struct {
	*Queues
	expires time.Time // of all leases
}

func newBench(limit int) *bench {
	b := &bench{Queues: NewQueues(limit, 2*time.Second, false, NewBudget(1<<30, &buffer.Pool{}))}
	b.renew(time.Hour)
	return b
}

func (b *bench) renew(d time.Duration) { b.expires = time.Now().Add(d) }

func (b *bench) open(shard int) *Queue {
	q := b.Open(shard, metrics.Shard{}, func(now time.Time) bool { return !now.Before(b.expires) })
	q.Begin("start")
	return q
}

// add pushes a pull of events with these ids, each padded to size bytes.
func (b *bench) add(t *testing.T, q *Queue, cursor string, size int, ids ...int) {
	t.Helper()
	var events []byte
	for _, id := range ids {
		events = append(events, testEvent(t, id, size)...)
	}
	cost, err := b.budget.take(t.Context(), int64(len(events)))
	require.NoError(t, err)
	require.True(t, q.push(batchOf(events, len(ids), cursor, cost), Answer{}))
}

func batchOf(events []byte, records int, cursor string, cost int64) batch {
	b := newBatch(events, nil, records, cursor)
	b.cost = cost
	return b
}

// testEvent makes an event of size bytes, or as small as can be.
func testEvent(t *testing.T, id, size int) []byte {
	t.Helper()
	pad := 0
	for {
		b, err := msgpack.Marshal([]any{[]any{1, map[string]string{}}, map[string]string{
			"id": strconv.Itoa(id), "pad": strings.Repeat("x", pad),
		}})
		require.NoError(t, err)
		if len(b) >= size {
			return b
		}
		pad += size - len(b)
	}
}

func (b *bench) take(t *testing.T) (got []int, size int) {
	t.Helper()
	out := b.Collect([]byte("before"))
	require.Equal(t, "before", string(out[:6]), "collect appends")
	b.Copied()
	return ids(t, out[6:]), len(out) - 6
}

func TestCollectCutsBetweenEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		b.add(t, q, "c1", 300, 1, 2, 3, 4)
		b.add(t, q, "c2", 300, 5)
		got, size := b.take(t)
		require.Equal(t, []int{1, 2, 3}, got)
		require.InDelta(t, 900, size, 10)
		advance(time.Minute)
		cursor, _ := q.Safe()
		require.Equal(t, "start", cursor, "a pull is tracked once its last event is handed over")

		got, _ = b.take(t)
		require.Equal(t, []int{4, 5}, got)
		advance(2*time.Second - 1)
		cursor, complete := q.Safe()
		require.Equal(t, "start", cursor)
		require.False(t, complete)
		advance(1)
		cursor, complete = q.Safe()
		require.Equal(t, "c2", cursor)
		require.True(t, complete)

		got, size = b.take(t)
		require.Empty(t, got)
		require.Zero(t, size)
		require.Equal(t, int64(5), b.recordsHandedOver())
		require.True(t, b.budget.Idle(), "the budget is whole again")
	})
}

func TestEventLargerThanTheBufferGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		small, large := b.open(0), b.open(1)
		for i := range 10 {
			b.add(t, small, "s", 400, i)
		}
		b.add(t, large, "l", 5000, 100, 101)
		var all []int
		for range 10 {
			got, size := b.take(t)
			all = append(all, got...)
			if size > 1000 {
				require.Len(t, got, 1)
			}
		}
		require.ElementsMatch(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 101}, all)
	})
}

// An event may be larger than its shard's share and yet fit the buffer: it
// must not wait for ever behind shards with small ones.
func TestLargeEventIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		small := []*Queue{b.open(0), b.open(1), b.open(2)}
		large := b.open(3)
		b.add(t, large, "l", 900, 1000)
		for n := range 4 {
			for _, q := range small {
				for i := range 10 {
					b.add(t, q, "s", 100, n*10+i)
				}
			}
			if got, _ := b.take(t); len(got) > 0 && got[0] == 1000 {
				return
			}
		}
		require.Fail(t, "the large event was not handed over in four turns")
	})
}

func TestCollectIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(3000)
		for shard := range 3 {
			q := b.open(shard)
			n := 100
			if shard == 1 {
				n = 2
			}
			for i := range n {
				b.add(t, q, "c", 100, shard*1000+i)
			}
		}
		count := map[int]int{}
		got, size := b.take(t)
		for _, id := range got {
			count[id/1000]++
		}
		// What shard 1 leaves of its share goes to the others.
		require.Equal(t, 2, count[1])
		require.InDelta(t, count[0], count[2], 1)
		require.Greater(t, size, 2900)
	})
}

func TestNothingIsHandedOverWhilePausedOrLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		b.renew(10 * time.Second)
		b.add(t, q, "c1", 0, 1)
		b.Pause()
		b.Pause() // again is no other pause
		got, _ := b.take(t)
		require.Empty(t, got)
		b.Resume()
		got, _ = b.take(t)
		require.Equal(t, []int{1}, got)

		b.add(t, q, "c2", 0, 2)
		advance(10 * time.Second)
		got, _ = b.take(t)
		require.Empty(t, got, "the lease ran out, even if nobody has noticed yet")

		b.renew(10 * time.Second)
		q.Close()
		require.False(t, q.push(batch{events: testEvent(t, 3, 0), cursor: "c3"}, Answer{}), "the epoch is over")
		got, _ = b.take(t)
		require.Empty(t, got)
		cursor, _ := q.Safe()
		require.Empty(t, cursor, "acknowledgements of a lost epoch move nothing")
		require.True(t, b.budget.Idle(), "the budget is whole again")
	})
}

// Whatever the sizes and the order of calls: every event once, in the order of
// its shard, no buffer larger than the limit unless one event is.
func TestCollectAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	synctest.Test(t, func(t *testing.T) {
		b := newBench(2000)
		queues := []*Queue{b.open(0), b.open(1), b.open(2)}
		next := make([]int, len(queues))
		seen := make([]int, len(queues))
		check := func() int {
			got, size := b.take(t)
			require.True(t, size <= 2000 || len(got) == 1, "%d bytes in %d events", size, len(got))
			for _, id := range got {
				require.Equal(t, seen[id/100000], id%100000)
				seen[id/100000]++
			}
			return len(got)
		}
		for range 500 {
			if rnd.IntN(3) == 0 {
				check()
				continue
			}
			shard := rnd.IntN(len(queues))
			for range rnd.IntN(4) {
				size := rnd.IntN(600)
				if rnd.IntN(20) == 0 {
					size = 3000
				}
				b.add(t, queues[shard], strconv.Itoa(next[shard]), size, shard*100000+next[shard])
				next[shard]++
			}
		}
		for check() > 0 {
		}
		require.Equal(t, next, seen)
		require.True(t, b.budget.Idle(), "the budget is whole again")
	})
}

// ids are the numbers of events, in their order, read with the reference library.
func ids(t *testing.T, events []byte) (out []int) {
	t.Helper()
	d := msgpack.NewDecoder(bytes.NewReader(events))
	for {
		var event []any
		if err := d.Decode(&event); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			require.NoError(t, err)
		}
		id, err := strconv.Atoi(event[1].(map[string]any)["id"].(string))
		require.NoError(t, err)
		out = append(out, id)
	}
}

// advance lets time pass, and everything happen that is due.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
