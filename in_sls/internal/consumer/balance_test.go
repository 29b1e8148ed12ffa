package consumer

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// Two members share four shards evenly; each shard is released with its
// checkpoint written, nothing is lost, and order per shard is kept.
func TestTwoConsumersBalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		strangers := watchReaders(r)
		a := r.agent("a")
		write := func(seconds int, agents ...*agent) {
			for range seconds {
				for shard := range 4 {
					r.put(shard, 2)
				}
				collectFor(1, agents...)
			}
		}
		write(10, a)
		require.Len(t, r.holds("a"), 4)
		b := r.agent("b")
		write(70, a, b)
		require.Len(t, r.holds("a"), 2)
		require.Len(t, r.holds("b"), 2)
		collectFor(10, a, b)
		duplicates := requireAll(t, r.seq, a, b)
		// Of each shard that moved: what waited to be handed over is read again.
		require.LessOrEqual(t, duplicates, 2*2*2)
		require.NotEmpty(t, b.got)
		for _, ag := range []*agent{a, b} {
			requireShardOrder(t, ag.got)
			require.Zero(t, ag.Stats().Refused)
		}
		requireOwnersOnly(t, r)
		require.Empty(t, strangers())
	})
}

// watchReaders reports every pull of a shard by anyone but the member that has
// its lease, by the server's books and clock.
func watchReaders(r *rig) (strangers func() []string) {
	var mu sync.Mutex
	var found []string
	r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
		for _, g := range r.srv.ConsumerGroups(testProject, testLogstore) {
			for _, m := range g.Members {
				if m.Name == c.AccessKeyID && slices.Contains(append(m.Holds, m.Revoked...), c.Shard) {
					return
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		found = append(found, fmt.Sprintf("%v: %s reads shard %d", time.Now(), c.AccessKeyID, c.Shard))
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return found
	}
}

// requireShardOrder checks that records of one key came in order.
func requireShardOrder(t *testing.T, got []record) {
	t.Helper()
	last := map[string]int{}
	for _, rec := range got {
		require.Greater(t, rec.ID, last[rec.Key], "key %s", rec.Key)
		last[rec.Key] = rec.ID
	}
}

// requireOwnersOnly checks that every checkpoint was written by the owner of
// its shard, without force, and none moved backwards.
func requireOwnersOnly(t *testing.T, r *rig) {
	t.Helper()
	last := map[int]int64{}
	for _, w := range r.srv.CheckpointHistory(testProject, testLogstore, testGroup) {
		require.Equal(t, w.Owner, w.Consumer)
		require.False(t, w.Force)
		require.GreaterOrEqual(t, w.Number, last[w.Shard])
		last[w.Shard] = w.Number
	}
}

// A revoked shard stays in the heartbeat until what was handed over is safe and
// committed; what was only queued is not handed over any more.
func TestRevokedShardIsReleasedSafely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a", "buffer_size", "64k", "handoff_delay", "5s", "fetch_max_groups", "1")
		advance(time.Second)
		for range 10 {
			r.putSized(0, 1, 40<<10)
		}
		advance(18500 * time.Millisecond)
		require.Equal(t, []int{1}, ids(a.collect()))
		// The next heartbeat, at 20 s, takes the shard away.
		remove := r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
			c.Answer(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, []byte("[]"))
		})
		advance(time.Second)
		require.Empty(t, a.collect(), "queued, and not handed over in time")
		require.Equal(t, []int{0}, a.held(), "still reported")
		require.Equal(t, 0, r.committed(0))
		advance(3900 * time.Millisecond)
		require.Equal(t, []int{0}, a.held())
		advance(200 * time.Millisecond)
		require.Equal(t, 1, r.committed(0), "what was handed over, nothing else")
		require.Empty(t, a.held())
		remove()
		for range 40 {
			collectFor(1, a)
		}
		require.Equal(t, numbers(1, 10), ids(a.got))
	})
}

// A shard is given back in bounded time even if its checkpoint cannot be
// written, or nothing becomes safe because the engine is paused.
func TestReleaseIsBounded(t *testing.T) {
	for name, hinder := range map[string]func(*rig, *agent){
		"paused": func(_ *rig, a *agent) { a.Pause() },
		"commit fails": func(r *rig, _ *agent) {
			r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) {
				if c.Consumer == "a" {
					c.Fail(http.StatusInternalServerError, "InternalServerError", "")
				}
			})
		},
		"commit hangs": func(r *rig, _ *agent) {
			r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) {
				if c.Consumer == "a" {
					c.Delay(time.Hour)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 2)
				a := r.agent("a")
				collectFor(19, a)
				r.put(0, 1)
				r.put(1, 1)
				advance(500 * time.Millisecond)
				require.Len(t, a.collect(), 2)
				hinder(r, a)
				b := r.agent("b")
				collectFor(25, b)
				require.Len(t, a.held(), 1, "24 s after it was revoked at the latest")
				collectFor(30, b)
				require.Len(t, r.holds("b"), 1)
				requireAll(t, 2, a, b)
				require.Len(t, b.got, 1, "not committed, so read again")
			})
		})
	}
}

// A consumer that dies without a word is replaced within heartbeat_timeout and
// one heartbeat, from its last checkpoint.
func TestTakeoverAfterSilentDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		a, b := r.agent("a"), r.agent("b")
		collectFor(60, a, b)
		require.Len(t, r.holds("a"), 2)
		for shard := range 4 {
			r.put(shard, 1)
		}
		collectFor(10, a, b)
		a.abandon() // the process is gone: nothing of it speaks any more
		synctest.Wait()
		for shard := range 4 {
			r.put(shard, 1)
		}
		collectFor(60+20, b)
		require.Len(t, r.holds("b"), 4)
		collectFor(2, b)
		require.Zero(t, requireAll(t, 8, a, b))
	})
}

// A member that comes back under another name waits for the shards of the old name, and the
// log says so, once.
func TestWaitingForShardsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		before := r.agent("host-1")
		collectFor(5, before)
		before.abandon()
		synctest.Wait()
		after := r.agent("host-2")
		collectFor(30, after)
		require.Empty(t, r.holds("host-2"))
		require.Equal(t, 1, after.log.count("no shard is assigned"))
		collectFor(50, after)
		require.Equal(t, []int{0}, r.holds("host-2"))
		require.Equal(t, 1, after.log.count("no shard is assigned"))
	})
}

// A stale owner's checkpoint is refused, and it stops reading the shard.
func TestStaleOwnerIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		lastPull := watchPulls(r)
		a := r.agent("a")
		advance(time.Second)
		require.Len(t, a.collect(), 1)
		r.srv.ExpireConsumer(testProject, testLogstore, testGroup, "a")
		held, err := r.writer.Heartbeat(t.Context(), sls.Member{Group: testGroup, Consumer: "b"}, nil)
		require.NoError(t, err)
		require.Equal(t, []int{0}, held)
		advance(5 * time.Second)
		require.Equal(t, int64(1), a.Stats().Refused)
		require.Equal(t, int64(0), a.Stats().ShardsHeld)
		require.Equal(t, 0, r.committed(0))
		stopped := lastPull()
		advance(10 * time.Second)
		require.Equal(t, stopped, lastPull())
		writes := r.srv.CheckpointHistory(testProject, testLogstore, testGroup)
		require.True(t, slices.ContainsFunc(writes, func(w slsfake.CheckpointWrite) bool { return w.Owner == "a" }))
		requireOwnersOnly(t, r)
	})
}
