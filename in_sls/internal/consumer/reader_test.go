package consumer

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

func TestStartPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		begin := time.Now()
		for range 5 {
			r.put(0, 1)
			advance(time.Hour)
		}
		for position, want := range map[string][]int{
			"begin": numbers(1, 5),
			"end":   {},
			"150m":  {4, 5},
			begin.Add(3 * time.Hour).Format(time.RFC3339):        {4, 5},
			strconv.FormatInt(begin.Add(2*time.Hour).Unix(), 10): {3, 4, 5},
		} {
			a := r.agent("a", "consumer_group", "g-"+strconv.Itoa(len(position)), "start_position", position)
			collectFor(1, a)
			require.Equal(t, want, ids(a.got), position)
		}
	})
}

// Each consumer has the codec and the meta fields of its own options.
func TestCodecsAndMeta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, codec := range []string{"lz4", "zstd"} {
			r := newRig(t, 1)
			r.put(0, 3)
			var mu sync.Mutex
			var accepted string
			r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
				mu.Lock()
				defer mu.Unlock()
				if c.AccessKeyID == "a" {
					accepted = c.Header.Get("Accept-Encoding")
				}
			})
			a := r.agent("a", "compress", codec, "include_meta", "on")
			collectFor(1, a)
			require.Zero(t, requireAll(t, 3, a))
			require.Equal(t, "orders", a.got[0].Fields["__topic__"])
			require.Equal(t, "10.0.0.1", a.got[0].Fields["__source__"])
			require.Equal(t, "b", a.got[0].Fields["__tag__:zone"])
			plain := r.agent("b", "consumer_group", "plain")
			collectFor(1, plain)
			require.NotContains(t, plain.got[0].Fields, "__topic__")
			mu.Lock()
			require.Equal(t, codec, accepted)
			mu.Unlock()
		}
	})
}

// No pause while behind, two pulls a second when idle.
func TestPulls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		for range 200 {
			r.put(0, 1)
		}
		a := r.agent("a", "fetch_max_groups", "10")
		advance(time.Millisecond)
		require.GreaterOrEqual(t, a.Stats().Pulls, int64(20), "behind")
		advance(10 * time.Second)
		before := a.Stats().Pulls
		advance(time.Minute)
		require.InDelta(t, 120, a.Stats().Pulls-before, 2, "idle")
		collectFor(1, a)
		requireAll(t, 200, a)
	})
}

// The readers hold no more than memory_limit while nothing is handed over, and
// everything comes once it is.
func TestMemoryLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 4 << 20
		r := newRig(t, 4)
		for range 15 {
			for shard := range 4 {
				r.putSized(shard, 4, 32<<10)
			}
		}
		a := r.agent("a", "memory_limit", "4M", "buffer_size", "1M")
		a.Pause()
		advance(time.Minute)
		held := 0
		for _, v := range a.queues.Views() {
			held += int(v.Buffered)
		}
		require.Greater(t, held, limit/4, "reads ahead")
		require.LessOrEqual(t, held, limit+1<<20)
		pulls := a.Stats().Pulls
		advance(time.Minute)
		require.Equal(t, pulls, a.Stats().Pulls, "no pull without budget")
		require.Positive(t, a.Stats().Heartbeats)

		a.Resume()
		collectFor(40, a)
		require.Zero(t, requireAll(t, r.seq, a))
		require.True(t, a.budget.Idle())
	})
}

// Each pull fills a buffer between two calls of the engine.
func TestPrefetchFillsTheBuffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		for range 10 {
			r.putSized(0, 16, 32<<10)
		}
		a := r.agent("a", "buffer_size", "1M")
		for range 4 {
			advance(time.Second)
			require.Greater(t, len(a.Collect(nil)), 950<<10)
		}
	})
}
