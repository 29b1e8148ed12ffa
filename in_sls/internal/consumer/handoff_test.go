package consumer

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/shared/buffer"
)

// bench is a handoff without readers.
type bench struct {
	*handoff
	clock leaseClock
}

func newBench(limit int) *bench {
	b := &bench{handoff: &handoff{
		limit: limit, delay: 2 * time.Second,
		budget: newBudget(1 << 30), buffers: &buffer.Pool{},
	}}
	b.clock.renew(time.Now(), time.Hour)
	return b
}

func (b *bench) queue(shard int) *queue {
	q := b.open(meter{}, shard, &b.clock)
	b.begin(q, "start")
	return q
}

// add pushes a pull of events with these ids, each padded to size bytes.
func (b *bench) add(t *testing.T, q *queue, cursor string, size int, ids ...int) {
	t.Helper()
	var events []byte
	for _, id := range ids {
		events = append(events, testEvent(t, id, size)...)
	}
	cost, err := b.budget.take(t.Context(), int64(len(events)))
	require.NoError(t, err)
	require.True(t, b.push(q, batch{events: events, records: len(ids), cursor: cursor, cost: cost}))
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
	out := b.collect([]byte("before"))
	require.Equal(t, "before", string(out[:6]), "collect appends")
	b.copied()
	return ids(decodeEvents(t, out[6:])), len(out) - 6
}

func TestCollectCutsBetweenEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.queue(0)
		b.add(t, q, "c1", 300, 1, 2, 3, 4)
		b.add(t, q, "c2", 300, 5)
		got, size := b.take(t)
		require.Equal(t, []int{1, 2, 3}, got)
		require.InDelta(t, 900, size, 10)
		advance(time.Minute)
		cursor, _ := b.safe(q)
		require.Equal(t, "start", cursor, "a pull is tracked once its last event is handed over")

		got, _ = b.take(t)
		require.Equal(t, []int{4, 5}, got)
		advance(2*time.Second - 1)
		cursor, settled := b.safe(q)
		require.Equal(t, "start", cursor)
		require.False(t, settled)
		advance(1)
		cursor, settled = b.safe(q)
		require.Equal(t, "c2", cursor)
		require.True(t, settled)

		got, size = b.take(t)
		require.Empty(t, got)
		require.Zero(t, size)
		require.Equal(t, int64(5), b.handedOver())
		require.True(t, b.budget.sem.TryAcquire(1<<30), "the budget is whole again")
	})
}

func TestEventLargerThanTheBufferGoesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		small, large := b.queue(0), b.queue(1)
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
		require.ElementsMatch(t, append(numbers(0, 9), 100, 101), all)
	})
}

// An event may be larger than its shard's share and yet fit the buffer: it
// must not wait for ever behind shards with small ones.
func TestLargeEventIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		small := []*queue{b.queue(0), b.queue(1), b.queue(2)}
		large := b.queue(3)
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
			q := b.queue(shard)
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
		q := b.queue(0)
		b.clock.renew(time.Now(), 10*time.Second)
		b.add(t, q, "c1", 0, 1)
		b.pause()
		b.pause() // again is no other pause
		got, _ := b.take(t)
		require.Empty(t, got)
		b.resume()
		got, _ = b.take(t)
		require.Equal(t, []int{1}, got)

		b.add(t, q, "c2", 0, 2)
		advance(10 * time.Second)
		got, _ = b.take(t)
		require.Empty(t, got, "the lease ran out, even if nobody has noticed yet")

		b.clock.renew(time.Now(), 10*time.Second)
		b.remove(q)
		require.False(t, b.push(q, batch{events: testEvent(t, 3, 0), cursor: "c3"}), "the epoch is over")
		got, _ = b.take(t)
		require.Empty(t, got)
		cursor, _ := b.safe(q)
		require.Empty(t, cursor, "acknowledgements of a lost epoch move nothing")
		require.True(t, b.budget.sem.TryAcquire(1<<30), "the budget is whole again")
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
		queues := []*queue{b.queue(0), b.queue(1), b.queue(2)}
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
		require.True(t, b.budget.sem.TryAcquire(1<<30), "the budget is whole again")
	})
}
