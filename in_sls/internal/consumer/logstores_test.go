package consumer

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// putTo writes n records to the first shard of a logstore.
func (r *rig) putTo(logstore string, n int) {
	r.t.Helper()
	writer := r.writer
	r.writer = r.client("writer").Logstore(testProject, logstore)
	r.put(0, n)
	r.writer = writer
}

// One member per logstore, one hand-over: every logstore has checkpoints of its own, and
// shards of the same number are not mixed up.
func TestSeveralLogstores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.srv.CreateLogstore(testProject, "other", 1)
		r.putTo(testLogstore, 3)
		r.putTo("other", 4)
		r.putTo("other", 1)
		a := r.agent("a", "logstore", "app, other")
		collectFor(12, a)
		require.Zero(t, requireAll(t, 8, a))
		require.Equal(t, 1, r.committed(0))
		other := r.srv.Checkpoints(testProject, "other", testGroup)[0]
		require.Equal(t, r.srv.Shards(testProject, "other")[0].End, other.Number)
		require.Equal(t, int64(2), a.Stats().ShardsHeld)
		require.NoError(t, a.Stop(t.Context()))
		require.Zero(t, a.Stats().ShardsHeld)
	})
}

// A logstore that comes joins, one that goes leaves, and one that comes again
// is read from its own beginning; the others notice nothing.
func TestPatternFollowsTheProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.srv.CreateLogstore(testProject, "other", 1)
		r.put(0, 1)
		a := r.agent("a", "logstore", "", "logstore_pattern", "app(-.*)?", "discovery_interval", "10s")
		collectFor(5, a)
		require.Equal(t, numbers(1, 1), ids(a.got))

		r.srv.CreateLogstore(testProject, "app-2", 1)
		r.srv.CreateLogstore(testProject, "happ", 1)
		r.putTo("app-2", 1)
		r.putTo("happ", 1) // 3: the pattern has to match the whole name
		collectFor(12, a)
		require.Equal(t, numbers(1, 2), ids(a.got))
		require.Len(t, a.logstores.members, 2)

		r.delete("app-2")
		r.put(0, 1)
		collectFor(40, a)
		require.Len(t, a.logstores.members, 1)
		require.Equal(t, int64(1), a.Stats().ShardsHeld)

		r.srv.CreateLogstore(testProject, "app-2", 1)
		r.putTo("app-2", 2)
		collectFor(15, a)
		require.Equal(t, []int{1, 2, 4, 5, 6}, ids(a.got))
	})
}

// A list that lacks a logstore once proves nothing: it comes in pages.
func TestOneListWithoutALogstoreIsNoReasonToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a", "logstore", "", "logstore_pattern", "a.*", "discovery_interval", "10s")
		collectFor(5, a)
		r.srv.Hook(slsfake.OpListLogstores, slsfake.First(1, func(c *slsfake.Call) {
			c.Answer(http.StatusOK, nil, []byte(`{"count":0,"total":0,"logstores":[]}`))
		}))
		r.srv.Hook(slsfake.OpListLogstores, func(c *slsfake.Call) {
			if c.N%3 == 0 {
				c.Fail(http.StatusInternalServerError, "InternalServerError", "")
			}
		})
		r.put(0, 1)
		collectFor(60, a)
		require.Zero(t, a.log.count("left=[app]"))
		require.Zero(t, requireAll(t, 1, a))
	})
}

// Until the project answers nothing is read, and then everything is.
func TestPatternWaitsForTheProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		r.srv.SetDown(true)
		a := r.agent("a", "logstore", "", "logstore_pattern", ".*")
		advance(5 * time.Minute)
		require.Positive(t, a.log.count("cannot list the logstores"))
		r.srv.SetDown(false)
		collectFor(90, a)
		require.Zero(t, requireAll(t, 1, a))
	})
}
