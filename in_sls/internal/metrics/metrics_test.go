package metrics

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
)

func noViews() []View { return nil }

// However many shards come and go, the number of series is bounded. The shards that share a
// series are added up, and its lag is the largest.
func TestSeriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var views []View
		m := New(func() []View { return views })
		for shard := range maxSeries + 100 {
			counters := m.Shard("app", shard)
			counters.Records.Add(1)
			views = append(views, View{
				Name: counters.Name, At: time.Now(), Lag: time.Duration(shard) * time.Second, LagKnown: true, Groups: -1, Buffered: 10,
			})
			m.Shard("app", shard)
		}
		m.Shard("new", 7).Records.Add(1)
		got := map[string]float64{}
		m.Set.Each(func(f *metric.Family, s *metric.Sample) { got[f.Name+"{"+strings.Join(s.Labels, ",")+"}"] = s.Value })
		require.InDelta(t, 1, got["records_total{app,0}"], 0)
		require.InDelta(t, 100, got["records_total{app,other}"], 0)
		require.InDelta(t, 1, got["records_total{new,other}"], 0)
		require.InDelta(t, maxSeries+99, got["lag_seconds{app,other}"], 0)
		require.InDelta(t, time.Now().Unix()-maxSeries-99, got["position_timestamp_seconds{app,other}"], 0)
		require.InDelta(t, 1000, got["buffer_bytes{app,other}"], 0)
		require.InDelta(t, 100, got["shards_held{app,other}"], 0)
		counts := map[string]int{}
		for name := range got {
			counts[name[:strings.IndexByte(name, '{')]]++
		}
		require.Equal(t, maxSeries+2, counts["records_total"])
		require.Equal(t, maxSeries+1, counts["lag_seconds"])
	})
}

// Counting a pull takes no memory, and the values of a record none at all.
func TestCountingPullsTakesNoMemory(t *testing.T) {
	counters := New(noViews).Shard("app", 0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		counters.Pulled(sls.PullResult{Groups: 1, RawSize: 10, WireSize: 5}, nil)
		counters.Pulled(sls.PullResult{}, nil)
		counters.Records.Add(1)
	}))
}

// Names are what Prometheus expects: counters end in _total, nothing else does.
func TestNamesOfMetrics(t *testing.T) {
	m := New(noViews)
	require.NotEmpty(t, m.Set.Families())
	for _, f := range m.Set.Families() {
		require.Equal(t, f.Kind == metric.KindCounter, strings.HasSuffix(f.Name, "_total"), f.Name)
		require.Regexp(t, `^[a-z][a-z_]*$`, f.Name)
		require.True(t, strings.HasSuffix(f.Help, "."), f.Name)
	}
}

// A value of a label with a space in it is a nuisance in every query.
func TestResultsArePlainWords(t *testing.T) {
	for class := sls.ClassRetry; class <= sls.ClassConflict; class++ {
		require.Regexp(t, `^[a-z_]+$`, class.String())
	}
	require.Equal(t, "lease_lost", sls.ClassLeaseLost.String())
}
