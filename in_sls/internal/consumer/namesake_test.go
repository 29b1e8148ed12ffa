package consumer

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

const (
	namesakeWarning = "another process is a member of the same name"
	namesakeHint    = "a checkpoint was not written by this member"
)

// busy lets agents read for some seconds what comes once a second into each shard.
func (r *rig) busy(seconds int, agents ...*agent) {
	for range seconds {
		for _, sh := range r.srv.Shards(testProject, testLogstore) {
			if !sh.ReadOnly {
				r.put(sh.ID, 1)
			}
		}
		collectFor(1, agents...)
	}
}

// Two processes of one name read everything twice, and both say so, with the name of the
// option, every ten minutes.
func TestNamesakesAreNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a := r.agent("me")
		other := r.agent("other", "consumer_group", "another")
		r.busy(7, a, other)
		b := r.agent("me")
		r.busy(60*5, a, b, other)
		require.Greater(t, requireAll(t, r.seq, a, b), r.seq/2, "they read the same")
		for _, m := range []*agent{a, b} {
			require.Equal(t, 1, m.log.count(namesakeHint), m.log)
			require.Equal(t, 1, m.log.count(namesakeWarning), m.log)
			require.Contains(t, m.log.String(), "(option consumer)")
			require.Contains(t, m.log.String(), "consumer=me group="+testGroup)
			require.Greater(t, m.shown()["checkpoints_foreign_total{app,0}"]+m.shown()["checkpoints_foreign_total{app,1}"], 3.0)
		}
		r.busy(60*10, a, b, other)
		for _, m := range []*agent{a, b} {
			require.Equal(t, 1, m.log.count(namesakeHint))
			require.Equal(t, 2, m.log.count(namesakeWarning))
		}
		requireNoNamesakes(t, other)
		require.NoError(t, b.Stop(t.Context()))
		r.busy(60*20, a)
		require.Equal(t, 2, a.log.count(namesakeWarning), "it has gone")
	})
}

func requireNoNamesakes(t *testing.T, agents ...*agent) {
	t.Helper()
	for _, a := range agents {
		require.Zero(t, a.log.count(namesakeHint), a.log)
		require.Zero(t, a.log.count(namesakeWarning), a.log)
		for name, v := range a.shown() {
			if strings.HasPrefix(name, "checkpoints_foreign_total") {
				require.Zero(t, v, name)
			}
		}
	}
}

// While no checkpoint is accepted, the group still has what this member wrote last, however
// many it has tried to write since.
func TestCheckpointsThatFailAreNoNamesake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a := r.agent("a")
		r.busy(20, a)
		require.NotZero(t, r.committed(0))
		r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) {
			c.Fail(http.StatusInternalServerError, "InternalServerError", "failing")
		})
		r.busy(60*8, a)
		require.Greater(t, a.shown()["checkpoint_errors_total{app,0}"], 64.0, "more than a lease remembers")
		requireNoNamesakes(t, a)
	})
}

// Looking takes one call a minute, however many shards there are.
func TestLookingIsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 8)
		calls := 0
		a := r.agent("a")
		r.busy(30, a)
		r.srv.Hook(slsfake.OpListCheckpoints, func(*slsfake.Call) { calls++ })
		r.busy(600, a)
		require.Equal(t, 10, calls)
		requireNoNamesakes(t, a)
	})
}

// Shards that move between members, in good order and by a lost lease, and a member that
// starts again under its name.
func TestTakeOversAreNoNamesakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		a := r.agent("a", "heartbeat_timeout", "6s")
		r.busy(100, a)
		b := r.agent("b", "heartbeat_timeout", "6s")
		r.busy(100, a, b)
		require.Len(t, r.holds("b"), 2)
		remove := r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
			if c.AccessKeyID == "a" {
				c.Fail(http.StatusServiceUnavailable, "ServerBusy", "busy")
			}
		})
		r.busy(100, a, b)
		require.Len(t, r.holds("b"), 4)
		require.Equal(t, int64(2), a.Stats().LeasesLost)
		remove()
		r.busy(200, a, b)
		require.NoError(t, a.Stop(t.Context()))
		again := r.agent("a", "heartbeat_timeout", "6s")
		r.busy(300, again, b)
		require.Len(t, r.holds("a"), 2)
		r.split(r.holds("a")[0])
		r.busy(300, again, b)
		requireNoNamesakes(t, a, b, again)
	})
}

// A commit that is carried out although its answer is lost is this member's own, also when
// nothing can be written for long after it.
func TestAmbiguousCommitsAreNoNamesakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		n := 0
		r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) {
			switch n++; n % 12 {
			case 3, 4:
				c.CloseAfter()
			case 5, 6, 7, 8:
				c.Fail(http.StatusInternalServerError, "InternalServerError", "no")
			}
		})
		r.busy(900, a)
		require.Greater(t, n, 150)
		requireNoNamesakes(t, a)
	})
}

// A checkpoint set by hand is logged once and is no warning, neither on a shard that is
// written to, where the next commit overwrites it, nor on one where it stays.
func TestResetsByHandAreNoNamesakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		begin := time.Now()
		for range 3 {
			r.put(0, 1)
			r.put(1, 1)
			advance(10 * time.Second)
		}
		a := r.agent("a")
		for range 90 {
			r.put(0, 1)
			collectFor(1, a)
		}
		for shard := range 2 {
			r.operate(func(c sdk.ClientInterface) error {
				cursor, err := c.GetCursor(testProject, testLogstore, shard, strconv.FormatInt(begin.Unix()+5, 10))
				require.NoError(t, err)
				return c.UpdateCheckpoint(testProject, testLogstore, testGroup, "", shard, cursor, true)
			})
		}
		for range 1200 {
			r.put(0, 1)
			collectFor(1, a)
		}
		require.Equal(t, 1, r.committed(1), "nothing has come since")
		require.Greater(t, r.committed(0), 1000)
		require.Equal(t, 1, a.log.count(namesakeHint), a.log)
		require.Zero(t, a.log.count(namesakeWarning))
		require.Zero(t, requireAll(t, r.seq, a))
	})
}

// A member of another name may force checkpoints, as the consumers of the SDKs do.
func TestForcedCheckpointsAreNoNamesakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		for i := range 300 {
			r.busy(1, a)
			if i%7 == 0 {
				r.operate(func(c sdk.ClientInterface) error {
					cursor, err := c.GetCursor(testProject, testLogstore, 0, "begin")
					require.NoError(t, err)
					return c.UpdateCheckpoint(testProject, testLogstore, testGroup, "sdk", 0, cursor, true)
				})
			}
		}
		requireNoNamesakes(t, a)
	})
}

// A member that writes no checkpoints asks for none.
func TestNoLooksWithoutCheckpoints(t *testing.T) {
	for _, props := range [][]string{{"checkpoint", "off"}, {"consumer_group", "none"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 2)
			calls := 0
			r.srv.Hook(slsfake.OpListCheckpoints, func(*slsfake.Call) { calls++ })
			a, b := r.agent("a", props...), r.agent("a", props...)
			r.busy(20, a, b)
			calls = 0
			r.busy(300, a, b)
			require.Zero(t, calls)
			requireNoNamesakes(t, a, b)
		})
	}
}

// A look that hangs delays neither commits nor a stop by more than lookTimeout.
func TestLookThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		r.busy(50, a)
		r.srv.Hook(slsfake.OpListCheckpoints, func(c *slsfake.Call) { c.Delay(time.Hour) })
		for range 300 {
			r.busy(1, a)
			require.GreaterOrEqual(t, r.committed(0), len(a.got)-11)
		}
		requireNoNamesakes(t, a)
	})
}
