package consumer

import "fluent-bit-sls/shared/metric"

// Stats are the totals of the metrics over all shards, since New except ShardsHeld.
type Stats struct {
	Records      int64 // events handed over
	Bytes        int64 // bytes of events handed over
	Pulls        int64 // pulls that were answered
	PulledBytes  int64 // decompressed bytes of the answers
	FetchErrors  int64 // requests of readers that failed, throttling apart
	Throttled    int64 // requests refused for quota
	Fallbacks    int64 // times a shard went on from fallback_position
	DecodeErrors int64 // log groups or answers that could not be read to their end
	Commits      int64 // checkpoints accepted
	CommitErrors int64 // checkpoints that failed and are tried again
	Refused      int64 // checkpoints refused because the shard is another's
	Heartbeats   int64 // heartbeats answered
	LeasesLost   int64 // leases that ended without a release
	ShardsHeld   int64 // shards held now
	Barriers     int64 // times checkpoint delivered has found everything delivered
}

// Stats returns the totals.
func (c *Consumer) Stats() Stats {
	total := map[string]int64{}
	c.metrics.Set.Each(func(f *metric.Family, s *metric.Sample) {
		switch name := f.Name; {
		case f.Kind == metric.KindHistogram:
			total[name] += int64(s.Count())
		case name == "pulls_total" && s.Labels[2] != "ok" && s.Labels[2] != "empty":
		default:
			total[name] += int64(s.Value)
		}
	})
	return Stats{
		Records: total["records_total"], Bytes: total["bytes_total"],
		Pulls: total["pulls_total"], PulledBytes: total["pulled_bytes_total"],
		FetchErrors: total["fetch_errors_total"], Throttled: total["throttled_total"],
		Fallbacks: total["fallbacks_total"], DecodeErrors: total["decode_errors_total"],
		Commits: total["checkpoints_committed_total"], CommitErrors: total["checkpoint_errors_total"],
		Refused: total["checkpoints_refused_total"], Heartbeats: total["heartbeats_total"],
		LeasesLost: total["leases_lost_total"], ShardsHeld: total["shards_held"],
		Barriers: total["barrier_duration_seconds"],
	}
}
