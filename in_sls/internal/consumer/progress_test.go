package consumer

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// probeAge is how often SLS is asked about a shard that stays behind.
const probeAge = 15 * time.Second

// slowly lets each pull take a second.
func (r *rig) slowly() {
	r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { c.Delay(time.Second) })
}

// calls counts the calls of one member of an operation.
func (r *rig) calls(op slsfake.Op) int { return r.srv.Stats().Ops[op].Requests }

// A backlog: the lag is the age of the oldest log group that has not been handed over. It
// is never less, and more by what one look misses. The number of groups is exact. That
// costs one look each probeAge.
func TestLagOfABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		const groups, apart = 200, 10 * time.Second
		var received []time.Time
		for range groups {
			received = append(received, time.Now())
			r.put(0, 1)
			advance(apart)
		}
		r.slowly()
		a := r.agent("a", "fetch_max_groups", "1")
		cursors := r.calls(slsfake.OpGetCursor)
		for i := range groups - 1 {
			collectFor(1, a)
			m := a.shown()
			if i == 0 {
				continue // the first answer is on its way
			}
			handed := len(a.got)
			require.InDelta(t, i, handed, 1)
			age := time.Since(received[handed]).Seconds()
			lag := m["lag_seconds{app,0}"]
			require.GreaterOrEqual(t, lag, age-1, "after %d", handed)
			require.LessOrEqual(t, lag, age+(probeAge.Seconds()+2)*apart.Seconds())
			require.InDelta(t, groups-handed, m["lag_log_groups{app,0}"], 0)
			require.InDelta(t, time.Now().Unix(), m["position_timestamp_seconds{app,0}"]+lag, 1)
		}
		looks := int(groups/probeAge.Seconds()) + 2
		require.LessOrEqual(t, r.calls(slsfake.OpGetCursorTime), looks)
		require.Greater(t, r.calls(slsfake.OpGetCursorTime), looks/2)
		require.LessOrEqual(t, r.calls(slsfake.OpGetCursor)-cursors, looks+1)
		collectFor(10, a)
		requireAll(t, groups, a)
		require.Zero(t, a.shown()["lag_seconds{app,0}"])
		require.Zero(t, a.shown()["lag_log_groups{app,0}"])
	})
}

// A shard that keeps up has next to no lag, and nothing is asked for it.
func TestLagOfAShardThatKeepsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		advance(time.Second)
		for range 120 {
			r.put(0, 1)
			advance(500 * time.Millisecond)
			require.Less(t, a.shown()["lag_seconds{app,0}"], 2.1)
			require.LessOrEqual(t, a.shown()["lag_log_groups{app,0}"], 2.0)
			advance(500 * time.Millisecond)
			a.collect()
			require.Zero(t, a.shown()["lag_seconds{app,0}"])
		}
		require.Zero(t, r.calls(slsfake.OpGetCursorTime))
		require.Equal(t, 1, r.calls(slsfake.OpGetCursor), "where it begins")
	})
}

// Whatever keeps data from being handed over shows as a lag that grows: a pause, a
// server that does not answer, also where nothing waits.
func TestLagGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		collectFor(5, a)
		lag := func() float64 { return a.shown()["lag_seconds{app,0}"] }
		require.Zero(t, lag())
		a.Pause()
		advance(time.Minute)
		require.Zero(t, lag(), "nothing has come")
		r.put(0, 1)
		for i := range 5 {
			advance(time.Minute)
			require.InDelta(t, 60*(i+1), lag(), 1)
			require.InDelta(t, 1, a.shown()["lag_log_groups{app,0}"], 0)
		}
		a.Resume()
		collectFor(1, a)
		require.Zero(t, lag())

		remove := r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
		advance(2 * time.Second)
		require.Zero(t, lag(), "the answer may be a little late")
		advance(58 * time.Second)
		require.InDelta(t, 60, lag(), 1, "and nobody knows what there is")
		remove()
		advance(time.Minute)
		require.Zero(t, lag())
	})
}

// The first thing read after a start: its age is known although the reading has
// caught up with it at once.
func TestLagOfTheFirstPull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		advance(3 * time.Hour)
		a := r.build("a")
		a.Pause()
		a.Start()
		defer func() { require.NoError(t, a.Stop(context.Background())) }()
		advance(time.Second)
		require.InDelta(t, (3 * time.Hour).Seconds(), a.shown()["lag_seconds{app,0}"], 2)
		require.InDelta(t, 1, a.shown()["lag_log_groups{app,0}"], 0)
		a.Resume()
		collectFor(1, a)
		require.Zero(t, a.shown()["lag_seconds{app,0}"])
	})
}

// What comes while an answer is on its way is not in it: it counts from when the pull
// was sent.
func TestLagIsNeverTooSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { c.DelayAfter(3 * time.Second) })
		a := r.agent("a")
		a.Pause()
		advance(time.Minute)
		written := time.Now()
		r.put(0, 1)
		for range 60 {
			advance(100 * time.Millisecond)
			if m := a.shown(); m["buffer_bytes{app,0}"] > 0 {
				require.GreaterOrEqual(t, m["lag_seconds{app,0}"], time.Since(written).Seconds())
				require.Less(t, m["lag_seconds{app,0}"], 10.0)
			}
		}
		require.Positive(t, a.shown()["buffer_bytes{app,0}"])
	})
}

// What was read before a look that fails is not taken for as young as the data at the next
// look.
func TestLagAfterALookThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		written := time.Now()
		for range 3 {
			r.putSized(0, 20, 100_000)
		}
		advance(time.Hour)
		for range 40 {
			r.putSized(0, 20, 100_000)
		}
		r.srv.Hook(slsfake.OpGetCursorTime, slsfake.First(1, func(c *slsfake.Call) { c.FailHTML(http.StatusBadGateway) }))
		r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { c.Delay(4 * time.Second) })
		a := r.agent("a", "fetch_max_groups", "1")
		a.Pause()
		advance(40 * time.Second)
		m := a.shown()
		require.Positive(t, m["buffer_bytes{app,0}"])
		if lag, known := m["lag_seconds{app,0}"]; known {
			require.GreaterOrEqual(t, lag, time.Since(written).Seconds())
		}
		for range 20 {
			advance(5 * time.Second)
			a.Resume()
			a.collect()
			a.Pause()
		}
		require.Contains(t, a.shown(), "lag_seconds{app,0}")
	})
}

// A shard read to its end or up to stop_position is not behind, however long it is
// held on to.
func TestNoLagBehindTheEnd(t *testing.T) {
	for name, props := range map[string][]string{"stop_position": {"stop_position", "30m"}, "read-only": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(0, 1)
				r.split(0)
				advance(time.Hour)
				r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) { c.Delay(time.Hour) })
				a := r.agent("a", props...)
				for range 60 {
					collectFor(1, a)
					m := a.shown()
					require.InDelta(t, 1, m["shards_held{app,0}"], 0)
					require.Zero(t, m["lag_seconds{app,0}"])
					require.Zero(t, m["lag_log_groups{app,0}"])
				}
				require.Len(t, a.got, 1)
			})
		})
	}
}
