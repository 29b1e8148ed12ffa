// Package consumer is the engine of the SLS input: it owns the membership in
// the consumer groups of its logstores, the reading of the shards they give this
// member, the hand-over of their events and the checkpoints.
//
// It never calls Fluent Bit, knows what becomes of the events it handed over
// through a Monitor only, and never moves a checkpoint it does not hold the
// lease of (forceSuccess=false). It may place the first one of a shard that nobody has
// held (see startRule).
//
// # Who does what
//
//	Consumer      New, Start, Collect, Copied, Pause, Resume, Stop: wiring only.
//	logstores     one goroutine: starts and ends a source for each logstore.
//	source        what reads one logstore: group, solo (without a group) or
//	              replay (ranges of cursors).
//	group         one goroutine: joins the group, sends heartbeats, starts and
//	              revokes leases. It never waits for a fetch or a commit.
//	lease         one goroutine for each shard held: commits its checkpoint,
//	              releases it, ends it.
//	shardReader   one goroutine for each lease: finds where to start, pulls,
//	              decodes, puts the events in its queue.
//	handoff       no goroutine: the queues between the readers and Collect, and
//	              the tracker of each queue, behind one mutex.
//	barrier       one goroutine with checkpoint delivered: holds the hand-over back
//	              until the engine has delivered what it has.
//	budget        bytes all readers together may hold, taken before a pull.
//	metrics       what happened to each shard, counted per pull, Collect and commit;
//	              how it is now (see progress) is read from the queues.
//
// # What a checkpoint means
//
// The checkpoint of a shard is the highest cursor of which everything before
// has been handed over at least handoff_delay ago, not counting pauses:
// what Collect returns waits in a ring buffer of the engine that is not
// emptied while the input is paused, and is lost when the engine exits. So a
// pause stops the clock, and Stop stops it for good: see unpaused.
//
// With checkpoint delivered time makes nothing safe, only a barrier does: see
// settling for when the engine's word is taken.
//
// A cursor can be tracked once the last event of its pull has been handed
// over. Whatever is not safe is read again by the next owner: delivery is at
// least once.
//
// # Epochs
//
// Each time the group gives this member a shard, a new lease with a new epoch,
// a new queue and a new tracker begins. A lost lease takes its queue and its
// tracker with it, so that an acknowledgement of an old epoch has nothing left
// to move. The clock of a lease runs from before the last good heartbeat was
// sent, so it runs out before the server's.
//
// # Where a shard starts
//
// From the checkpoint of the group; without one from start_position, except
// that a shard made by a split or a merge after the group began starts at its
// beginning: nothing written between the split and its discovery is skipped.
// Whoever opens a shard that was over before the group began places the first
// checkpoints of its children. See startRule. The position found is committed at once, so that a restart
// with "start_position end" goes on from there and not from a later end.
//
// # Where it ends
//
// stop_position is a bound on each shard: the cursor at that time, which is asked
// for once the time has come, and then goes with each pull. A shard read up to its
// bound stays held until the group's checkpoints say that all shards are read, so
// that a member can take over from one that dies; then the source ends.
package consumer
