package consumer

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

func TestReadsAndCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		for range 10 {
			r.put(0, 3)
			r.put(1, 3)
		}
		a := r.agent("a")
		collectFor(10, a)
		require.Zero(t, requireAll(t, 60, a))
		require.Equal(t, 10, r.committed(0))
		require.Equal(t, 10, r.committed(1))

		groups, err := r.writer.ListConsumerGroups(t.Context())
		require.NoError(t, err)
		require.Equal(t, []sls.ConsumerGroup{{Name: testGroup, Timeout: time.Minute, Order: true}}, groups)
		stats := a.Stats()
		require.Equal(t, int64(60), stats.Records)
		require.Equal(t, int64(2), stats.ShardsHeld)
	})
}

// An existing group is joined as it is; a difference is logged. The lease runs
// by the group's timeout, not by the option.
func TestExistingGroupIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		own := sls.ConsumerGroup{Name: testGroup, Timeout: 12 * time.Second}
		require.NoError(t, r.writer.CreateConsumerGroup(t.Context(), own))
		a := r.agent("a")
		advance(13 * time.Second)
		require.Equal(t, int64(4), a.Stats().Heartbeats, "every third of the group's timeout")
		groups, err := r.writer.ListConsumerGroups(t.Context())
		require.NoError(t, err)
		require.Equal(t, []sls.ConsumerGroup{own}, groups)
		require.Equal(t, 1, a.log.count("exists with other settings"))
		require.Equal(t, []int{0}, r.holds("a"))
	})
}

// Joining is tried for as long as it takes, and says rarely but clearly why it
// does not work.
func TestJoinIsTriedUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		remove := r.srv.Hook(slsfake.OpListConsumerGroups, func(c *slsfake.Call) {
			c.Fail(http.StatusUnauthorized, "Unauthorized", "no such key")
		})
		a := r.agent("a")
		advance(10 * time.Minute)
		lines := a.log.count("cannot join the consumer group")
		require.LessOrEqual(t, lines, 11)
		require.GreaterOrEqual(t, lines, 5)
		require.Positive(t, a.log.count("access_key_id"))
		remove()
		collectFor(60, a)
		requireAll(t, 1, a)
	})
}

// Heartbeats go on whatever the fetches and commits do.
func TestHeartbeatsNeverWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		for shard := range 3 {
			r.put(shard, 1)
		}
		r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
		r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) { c.Delay(time.Hour) })
		a := r.agent("a")
		advance(10 * time.Minute)
		require.Equal(t, int64(31), a.Stats().Heartbeats)
		require.Zero(t, a.Stats().LeasesLost)
		require.Equal(t, []int{0, 1, 2}, r.holds("a"))
	})
}

// watchPulls remembers when the last pull of anyone was asked for.
func watchPulls(r *rig) (last func() time.Time) {
	var mu sync.Mutex
	var at time.Time
	r.srv.Hook(slsfake.OpPullLogs, func(*slsfake.Call) {
		mu.Lock()
		defer mu.Unlock()
		at = time.Now()
	})
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at
	}
}

// The lease runs from before the last good heartbeat was sent, not from its
// answer, and ends even while a heartbeat hangs: the server, which counts from
// when it came in, cannot have given the shard away before.
func TestLeaseRunsFromBeforeTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		begin := time.Now()
		lastPull := watchPulls(r)
		r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
			if c.N == 1 {
				c.DelayAfter(9 * time.Second)
				return
			}
			c.Delay(time.Hour)
		})
		a := r.agent("a", "fetch_interval", "1s") // one pull would be due just when the lease ends
		collectFor(59, a)
		require.Zero(t, a.Stats().LeasesLost)
		require.WithinDuration(t, begin.Add(59*time.Second), lastPull(), time.Second)
		r.put(0, 1) // read, and waiting to be handed over when the lease ends
		advance(time.Second)
		require.Equal(t, int64(1), a.Stats().LeasesLost)
		require.Empty(t, a.collect(), "what is queued of a lost shard is another's")
		advance(time.Hour)
		require.True(t, lastPull().Before(begin.Add(time.Minute)), "pulled %v after", lastPull().Sub(begin))
		require.Empty(t, a.collect())
	})
}

// A member whose heartbeats fail for a while, but not for the timeout, keeps
// its shards: a hung connection does not use up the lease.
func TestHeartbeatIsTriedAgainWithinTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
			if c.N%4 > 1 { // two hang, then one works
				c.Delay(time.Hour)
			}
		})
		a := r.agent("a")
		advance(10 * time.Minute)
		require.Zero(t, a.Stats().LeasesLost)
		require.Equal(t, []int{0}, r.holds("a"))
	})
}

// A group that has forgotten the consumer refuses its list: all shards are
// dropped, an empty heartbeat begins again from the checkpoints.
func TestForgottenConsumerBeginsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(0, 1)
		a := r.agent("a")
		collectFor(10, a)
		require.Equal(t, 1, r.committed(0))
		r.srv.ExpireConsumer(testProject, testLogstore, testGroup, "a")
		r.put(0, 1) // read, and still queued when the shards are dropped
		r.put(1, 1)
		advance(11 * time.Second)
		require.Equal(t, int64(2), a.Stats().LeasesLost)
		require.Equal(t, 1, a.log.count("the group has forgotten this consumer"))
		collectFor(10, a)
		require.Zero(t, requireAll(t, 3, a), "what was queued is dropped, then read again")
		require.Equal(t, []int{0, 1}, r.holds("a"))
		require.Equal(t, 2, r.committed(0))
	})
}

// A deleted group is created again.
func TestDeletedGroupIsCreatedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		collectFor(5, a)
		r.deleteGroup()
		collectFor(30, a)
		r.put(0, 1)
		collectFor(10, a)
		requireAll(t, 1, a)
		require.Equal(t, 1, r.committed(0))
	})
}
