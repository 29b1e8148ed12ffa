package consumer

import (
	"time"

	"fluent-bit-sls/shared/metric"
)

// Metrics are the totals of the instance as metric families, for whoever publishes
// them. They are read when a snapshot is taken: counting costs nothing more.
func (c *Consumer) Metrics() *metric.Set {
	set := metric.NewSet()
	stats := c.stats
	counter := func(name, help string, value func() int64) {
		set.CounterFunc(name, help, func(emit metric.Emit) { emit(float64(value())) })
	}
	counter("records_total", "Records handed over.", stats.records.Load)
	counter("bytes_total", "Bytes of events handed over.", stats.bytes.Load)
	counter("pulls_total", "Pulls that were answered.", stats.pulls.Load)
	counter("pulled_bytes_total", "Bytes of the answers after decompression.", stats.pulledBytes.Load)
	counter("fetch_errors_total", "Requests of shard readers that failed, throttling apart.", stats.fetchErrors.Load)
	counter("throttled_total", "Pulls refused for quota.", stats.throttled.Load)
	counter("fallbacks_total", "Times a shard went on from fallback_position because its checkpoint had expired.", stats.fallbacks.Load)
	counter("decode_errors_total", "Log groups or answers that could not be read to their end.", stats.decodeErrors.Load)
	counter("checkpoints_committed_total", "Checkpoints accepted.", stats.commits.Load)
	counter("checkpoint_errors_total", "Checkpoints that failed and are tried again.", stats.commitErrors.Load)
	counter("checkpoints_refused_total", "Checkpoints refused because the shard is another's.", stats.refused.Load)
	counter("heartbeats_total", "Heartbeats answered.", stats.heartbeats.Load)
	counter("leases_lost_total", "Shards that ended without a release.", stats.leasesLost.Load)
	counter("barriers_total", "Times checkpoint delivered has found everything delivered.", stats.barriers.Load)
	set.CounterFunc("barrier_seconds_total", "Time without a hand-over that barriers took.", func(emit metric.Emit) {
		emit(time.Duration(stats.barrierTime.Load()).Seconds())
	})
	set.GaugeFunc("shards_held", "Shards held now.", func(emit metric.Emit) { emit(float64(stats.shardsHeld.Load())) })
	return set
}
