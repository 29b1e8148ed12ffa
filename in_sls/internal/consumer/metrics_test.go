package consumer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
)

// Every counter of Stats is a metric, with its value.
func TestMetricsShowTheCounters(t *testing.T) {
	c := &Consumer{stats: &counters{}}
	c.stats.records.Store(7)
	c.stats.shardsHeld.Store(3)
	c.stats.barrierTime.Store(1_500_000_000)
	got := map[string]float64{}
	c.Metrics().Each(func(f *metric.Family, s *metric.Sample) { got[f.Name] = s.Value })
	require.Len(t, got, 16)
	require.EqualValues(t, 7, got["records_total"])
	require.EqualValues(t, 3, got["shards_held"])
	require.InDelta(t, 1, got["barrier_seconds_total"], 0.5)
}
