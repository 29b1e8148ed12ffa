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

func TestStopBeforeStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.build("a")
		require.NoError(t, a.Stop(t.Context()))
		a.Start() // too late
		require.NoError(t, a.Stop(t.Context()))
		require.Empty(t, r.srv.ConsumerGroups(testProject, testLogstore))
	})
}

// Stop commits what is safe and nothing else, and takes no time.
func TestStopCommitsWhatIsSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a", "checkpoint_interval", "10m")
		r.put(0, 1)
		collectFor(3, a) // handed over at 1 s, safe at 3 s
		r.put(0, 1)
		collectFor(1, a)
		r.put(0, 1)
		advance(500 * time.Millisecond)
		require.Equal(t, 0, r.committed(0))
		begin := time.Now()
		require.NoError(t, a.Stop(t.Context()))
		require.Zero(t, time.Since(begin))
		require.Equal(t, 1, r.committed(0))
		require.Equal(t, []int{1, 2}, ids(a.got))
		require.Empty(t, a.Collect(nil), "nothing is handed over after Stop")
		require.NoError(t, a.Stop(t.Context()), "again")
	})
}

// Whatever hangs, Stop ends with its context, and so do all goroutines: the
// bubble would report one left behind.
func TestStopIsBounded(t *testing.T) {
	hang := func(c *slsfake.Call) { c.Delay(time.Hour) }
	for _, op := range []slsfake.Op{
		slsfake.OpListConsumerGroups, slsfake.OpHeartbeat, slsfake.OpListShards, slsfake.OpListCheckpoints,
		slsfake.OpGetCursor, slsfake.OpPullLogs, slsfake.OpUpdateCheckpoint,
	} {
		t.Run(string(op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 2)
				r.put(0, 1)
				r.srv.Hook(op, hang)
				a := r.agent("a")
				collectFor(4, a)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				begin := time.Now()
				err := a.Stop(ctx)
				if op == slsfake.OpUpdateCheckpoint {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.Equal(t, 5*time.Second, time.Since(begin))
				} else {
					require.NoError(t, err)
					require.Zero(t, time.Since(begin))
				}
			})
		})
	}
}

// A server that fails does not keep Stop either: the last commit is tried
// again, but not for ever, whatever the context allows.
func TestStopGivesUpOnAFailingServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.srv.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) {
			c.Fail(http.StatusInternalServerError, "InternalServerError", "")
		})
		a := r.agent("a")
		advance(time.Second)
		begin := time.Now()
		require.NoError(t, a.Stop(t.Context()))
		require.LessOrEqual(t, time.Since(begin), 15*time.Second)
		require.Greater(t, a.Stats().CommitErrors, int64(2))
	})
}

// Stop while a shard is being released, paused, or without budget.
func TestStopInEveryState(t *testing.T) {
	for name, prepare := range map[string]func(*rig, *agent){
		"paused":   func(_ *rig, a *agent) { a.Pause() },
		"blocked":  func(r *rig, a *agent) { a.Pause(); r.putSized(0, 20, 100<<10); advance(time.Second) },
		"finished": func(r *rig, a *agent) { r.split(0); collectFor(8, a) },
		"released": func(r *rig, a *agent) {
			r.put(0, 1)
			collectFor(2, a)
			r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
				c.Answer(http.StatusOK, nil, []byte("[]"))
			})
			advance(19 * time.Second)
		},
		"alone": func(r *rig, _ *agent) { r.srv.SetDown(true); advance(2 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 2)
				a := r.agent("a", "memory_limit", "1M", "buffer_size", "1M")
				collectFor(2, a)
				prepare(r, a)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				require.NoError(t, a.Stop(ctx))
			})
		})
	}
}
