package consumer

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A member that is forgotten although it holds nothing tries again as after any error,
// not as fast as it can.
func TestForgottenForEverIsNotBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		remove := r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
			if c.N > 1000 {
				c.Delay(time.Hour) // or this test would never end
				return
			}
			c.Fail(http.StatusBadRequest, "NotExistConsumerWithBody", "who?")
		})
		a := r.agent("a")
		advance(10 * time.Minute)
		require.Less(t, r.heartbeats(), 100)
		remove()
		r.put(0, 1)
		collectFor(30, a)
		requireAll(t, 1, a)
	})
}

// A heartbeat may say by several codes that the consumer or its shards are unknown. Each
// means that the shards may be another's by now.
func TestForgottenInOtherWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		collectFor(5, a)
		r.srv.Hook(slsfake.OpHeartbeat, slsfake.First(3, func(c *slsfake.Call) { c.Fail(http.StatusNotFound, "ConsumerNotExist", "who?") }))
		collectFor(17, a)
		require.Equal(t, int64(1), a.Stats().LeasesLost)
		r.put(0, 1)
		collectFor(30, a)
		requireAll(t, 1, a)
	})
}

// A process that was stopped for long finds its lease run out, and the answer to a
// heartbeat that came in time: whichever goroutine is first, the shard is read on.
func TestReaderGoesOnWhenTheLeaseDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		collectFor(5, a)
		clock := &a.group().Clock
		renewed := clock.Deadline()
		clock.Renew(time.Now(), 0)
		advance(2 * time.Second) // the reader is first
		pulls := a.Stats().Pulls
		advance(2 * time.Second)
		require.Equal(t, pulls, a.Stats().Pulls, "nothing is read meanwhile")
		clock.Renew(renewed, 0)
		r.put(0, 1)
		collectFor(5, a)
		requireAll(t, 1, a)
	})
}

// Shards that end without a release are counted, whatever ended them.
func TestDroppedShardsAreCounted(t *testing.T) {
	for op, code := range map[slsfake.Op]string{slsfake.OpUpdateCheckpoint: "ConsumerNotMatch", slsfake.OpPullLogs: "ShardNotExist"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1)
			a := r.agent("a")
			collectFor(8, a)
			r.put(0, 1)
			r.srv.Hook(op, slsfake.First(1, func(c *slsfake.Call) { c.Fail(http.StatusBadRequest, code, "no") }))
			collectFor(8, a)
			require.Equal(t, int64(1), a.Stats().LeasesLost, code)
		})
	}
}

// unavailable asks not to be asked again for a while.
func unavailable(c *slsfake.Call, seconds string) {
	c.Answer(http.StatusServiceUnavailable, http.Header{"Retry-After": {seconds}}, []byte(`{"errorCode":"ServerBusy","errorMessage":"busy"}`))
}

// A checkpoint that is not to be written for an hour does not make a release longer.
func TestReleaseDoesNotWaitForTheNextTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a := r.agent("a")
		collectFor(8, a)
		r.put(0, 1)
		r.put(1, 1)
		r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) { unavailable(c, "3600") })
		collectFor(10, a)
		b := r.agent("b")
		collectFor(60, a, b)
		require.Len(t, r.holds("b"), 1)
	})
}

// The last checkpoint is tried for at once, however long ago an earlier one failed.
func TestStopTriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		collectFor(8, a)
		r.put(0, 1)
		r.srv.Hook(slsfake.OpUpdateCheckpoint, slsfake.First(1, func(c *slsfake.Call) { unavailable(c, "60") }))
		collectFor(10, a)
		require.Equal(t, 0, r.committed(0))
		require.NoError(t, a.Stop(t.Context()))
		require.Equal(t, 1, r.committed(0))
	})
}

// A lease that has run out commits nothing, even before anybody has noticed, for instance
// when the process was stopped for a while.
func TestNothingIsCommittedBehindTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		a := r.agent("a", "handoff_delay", "300ms", "checkpoint_interval", "5s")
		advance(6 * time.Second)
		require.Len(t, a.collect(), 1)
		require.Equal(t, 0, r.committed(0))
		a.group().Clock.Renew(time.Now().Add(-time.Hour), time.Minute)
		advance(6 * time.Second)
		require.Equal(t, 0, r.committed(0))
	})
}
