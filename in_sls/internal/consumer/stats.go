package consumer

import "sync/atomic"

// Stats is a snapshot of the counters, all since New except ShardsHeld.
type Stats struct {
	Records      int64 // events handed over
	Bytes        int64 // bytes of events handed over
	Pulls        int64 // pulls that were answered
	PulledBytes  int64 // decompressed bytes of the answers
	FetchErrors  int64 // requests of readers that failed, throttling apart
	Throttled    int64 // pulls refused for quota
	Fallbacks    int64 // times a shard went on from fallback_position
	DecodeErrors int64 // log groups or answers that could not be read to their end
	Commits      int64 // checkpoints accepted
	CommitErrors int64 // checkpoints that failed and are tried again
	Refused      int64 // checkpoints refused because the shard is another's
	Heartbeats   int64 // heartbeats answered
	LeasesLost   int64 // leases that ended without a release
	ShardsHeld   int64 // shards listed in the heartbeat now
	Barriers     int64 // times checkpoint delivered has found everything delivered
	BarrierTime  int64 // nanoseconds without a hand-over that took, altogether
}

// counters are the live form of Stats.
type counters struct {
	records, bytes, pulls, pulledBytes, fetchErrors, throttled, fallbacks,
	decodeErrors, commits, commitErrors, refused, heartbeats, leasesLost, shardsHeld,
	barriers, barrierTime atomic.Int64
}

func (c *counters) snapshot() Stats {
	return Stats{
		Records:      c.records.Load(),
		Bytes:        c.bytes.Load(),
		Pulls:        c.pulls.Load(),
		PulledBytes:  c.pulledBytes.Load(),
		FetchErrors:  c.fetchErrors.Load(),
		Throttled:    c.throttled.Load(),
		Fallbacks:    c.fallbacks.Load(),
		DecodeErrors: c.decodeErrors.Load(),
		Commits:      c.commits.Load(),
		CommitErrors: c.commitErrors.Load(),
		Refused:      c.refused.Load(),
		Heartbeats:   c.heartbeats.Load(),
		LeasesLost:   c.leasesLost.Load(),
		ShardsHeld:   c.shardsHeld.Load(),
		Barriers:     c.barriers.Load(),
		BarrierTime:  c.barrierTime.Load(),
	}
}
