// Package consumer puts the engine of the SLS input together and is all that the plugin
// sees of it: the options, New, Start, Collect, Copied, Pause, Resume, Stop. It finds the
// logstores that are read. The work is done in the packages beside it, which know neither
// this one nor Fluent Bit:
//
//	logstores  one goroutine: starts and ends a source for each logstore
//	group      the source of a logstore with a consumer group, or standalone without one
//	lease      one shard held: commits, releases, ends
//	shard      the reader of a lease: start, pull, decode
//	handover   the queues that Collect takes from; what is safe; memory_limit
//	metrics    what is counted
//	monitor    what the engine says of delivered records; retry how long to wait
//
// # What a checkpoint means
//
// Everything before the checkpoint of a shard is safe: see handover. Whatever is not safe
// is read again by the next owner: delivery is at least once. A member commits only for
// shards that it holds (forceSuccess=false). The one exception is the first checkpoint of a
// shard that nobody has held yet: see shard.GroupStart.
//
// # Where a shard starts and ends
//
// It starts at the group's checkpoint, and without one at start_position. But a shard that
// a split or a merge made after the group began starts at its beginning, so that nothing is
// skipped. The cursor found is committed at once: a restart with "start_position end" goes on
// from there, and not from a later end.
//
// A shard read up to stop_position stays held until the group's checkpoints show that all
// shards are read, so that this member can take over from another. Then the source ends.
package consumer
