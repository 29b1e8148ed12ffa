package consumer

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// show renders the metrics as "name{label,label}" -> value; of a histogram the sum
// and the count.
func show(set *metric.Set) map[string]float64 {
	out := map[string]float64{}
	set.Each(func(f *metric.Family, s *metric.Sample) {
		labels := "{" + strings.Join(s.Labels, ",") + "}"
		if f.Kind == metric.KindHistogram {
			out[f.Name+"_sum"+labels], out[f.Name+"_count"+labels] = s.Sum, float64(s.Count())
			return
		}
		out[f.Name+labels] = s.Value
	})
	return out
}

// shown are the metrics of an agent.
func (a *agent) shown() map[string]float64 { return show(a.Metrics()) }

// Each shard of each logstore has its own values, and they are right.
func TestMetricsOfEachShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.srv.CreateLogstore(testProject, "other", 1)
		for range 3 {
			r.put(0, 4)
		}
		r.put(1, 5)
		r.putTo("other", 7)
		a := r.agent("a", "logstore", "app,other")
		size := 0
		for range 20 {
			advance(time.Second)
			size += len(a.Collect(nil))
		}
		m := a.shown()
		bytes, raw, wire := 0.0, 0.0, 0.0
		for shard, records := range map[string]float64{"app,0": 12, "app,1": 5, "other,0": 7} {
			require.InDelta(t, records, m["records_total{"+shard+"}"], 0, shard)
			require.InDelta(t, 1, m["pulls_total{"+shard+",ok}"], 0, shard)
			require.InDelta(t, 40, m["pulls_total{"+shard+",empty}"], 3, "two a second")
			require.InDelta(t, 1, m["shards_held{"+shard+"}"], 0)
			require.InDelta(t, 0, m["lag_seconds{"+shard+"}"], 0)
			require.InDelta(t, 0, m["lag_log_groups{"+shard+"}"], 0)
			require.InDelta(t, 0, m["buffer_bytes{"+shard+"}"], 0)
			require.InDelta(t, time.Now().Unix(), m["position_timestamp_seconds{"+shard+"}"], 1)
			require.InDelta(t, 2, m["checkpoints_committed_total{"+shard+"}"], 0, "where it begins, and where it is")
			for _, zero := range []string{"checkpoint_errors", "checkpoints_refused", "fallbacks", "fetch_errors", "throttled"} {
				require.Contains(t, m, zero+"_total{"+shard+"}", "a counter begins at 0")
				require.Zero(t, m[zero+"_total{"+shard+"}"])
			}
			require.Contains(t, m, "pulls_total{"+shard+",throttle}")
			bytes += m["bytes_total{"+shard+"}"]
			raw += m["pulled_bytes_total{"+shard+"}"]
			wire += m["pulled_compressed_bytes_total{"+shard+"}"]
		}
		require.InDelta(t, size, bytes, 0)
		pulls := r.srv.Stats().Ops[slsfake.OpPullLogs]
		require.InDelta(t, pulls.RawOut, raw, 0)
		require.InDelta(t, pulls.WireOut, wire, 0)
		require.Less(t, wire, raw)
		require.Positive(t, wire)
		require.InDelta(t, 1, m["rebalances_total{app}"], 0)
		require.InDelta(t, 2, m["heartbeats_total{other}"], 1)
		require.Zero(t, m["leases_lost_total{app}"])
	})
}

// Errors are counted at the shard that they concern, by their kind.
func TestMetricsOfWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		for range 3 {
			r.put(0, 2)
		}
		r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
			switch {
			case c.Shard == 0:
				answerCorrupt(r, c)
			case c.Shard == 1:
				c.Fail(http.StatusForbidden, "ShardReadQuotaExceed", "slow down")
			case c.Shard == 2:
				c.FailHTML(http.StatusBadGateway)
			case c.Cursor == r.cursor(3, 0):
				c.Fail(http.StatusBadRequest, "InvalidCursor", "expired")
			}
		})
		a := r.agent("a")
		collectFor(2, a)
		m := a.shown()
		require.Positive(t, m["decode_errors_total{app,0,field_number_or_wire_type_is_illegal}"], "%v", m)
		require.Positive(t, m["pulls_total{app,1,throttle}"])
		require.InDelta(t, m["pulls_total{app,1,throttle}"], m["throttled_total{app,1}"], 0)
		require.Positive(t, m["pulls_total{app,2,retry}"])
		require.InDelta(t, m["pulls_total{app,2,retry}"], m["fetch_errors_total{app,2}"], 0)
		require.Positive(t, m["pulls_total{app,3,cursor}"])
		require.Positive(t, m["fallbacks_total{app,3}"])
		require.Zero(t, m["throttled_total{app,0}"])
		require.Zero(t, m["fetch_errors_total{app,1}"])
	})
}

// answerCorrupt answers a pull with a damaged log group.
func answerCorrupt(r *rig, c *slsfake.Call) {
	list := corruptList(r)
	c.Answer(http.StatusOK, http.Header{
		"X-Log-Cursor": {slsfake.EncodeCursor(r.srv.Shards(testProject, testLogstore)[0].End)}, "X-Log-Count": {"3"},
		"X-Log-Bodyrawsize": {strconv.Itoa(len(list))}, "X-Log-Compresstype": {"lz4"},
	}, sls.Compress(sls.LZ4, nil, list))
}

// Shards that move between members: a member shows nothing of a shard that it no longer
// holds.
func TestMetricsOfAShardGivenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a := r.agent("a")
		collectFor(5, a)
		a.Pause()
		r.put(0, 3)
		r.put(1, 3)
		advance(10 * time.Second)
		m := a.shown()
		for _, shard := range []string{"{app,0}", "{app,1}"} {
			require.InDelta(t, 10, m["lag_seconds"+shard], 1)
			require.InDelta(t, 1, m["lag_log_groups"+shard], 0)
			require.Positive(t, m["buffer_bytes"+shard])
		}
		b := r.agent("b")
		collectFor(60, b)
		require.Len(t, r.holds("a"), 1)
		kept, gone := fmt.Sprintf("{app,%d}", r.holds("a")[0]), fmt.Sprintf("{app,%d}", r.holds("b")[0])
		m = a.shown()
		require.InDelta(t, 1, m["shards_held"+kept], 0)
		require.InDelta(t, 70, m["lag_seconds"+kept], 1)
		for _, name := range []string{"shards_held", "lag_seconds", "lag_log_groups", "position_timestamp_seconds", "buffer_bytes"} {
			require.Contains(t, m, name+gone)
			require.Zero(t, m[name+gone], name)
		}
		require.InDelta(t, 2, m["rebalances_total{app}"], 0)
		require.InDelta(t, 1, b.shown()["shards_held"+gone], 0)
		require.Zero(t, b.shown()["lag_seconds"+gone])

		a.abandon()
		b.Pause()
		advance(20 * time.Second)
		r.srv.SetDown(true)
		advance(2 * time.Minute)
		require.InDelta(t, 1, b.shown()["leases_lost_total{app}"], 1)
		require.Zero(t, b.shown()["shards_held"+gone], "lost is not held either")
	})
}
