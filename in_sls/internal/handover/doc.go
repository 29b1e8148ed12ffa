// Package handover owns what lies between the shard readers and the engine: the queues,
// the memory that they may take, and the decision from when on a handed-over event is safe.
// It neither reads from SLS nor writes a checkpoint: a lease asks a queue for its safe
// cursor and commits that.
//
//	queues   Collect takes whole events from the queues in turn; pauses and copying
//	queue    what one shard has read: pushed by its reader, taken by Collect
//	safe     up to which cursor of a shard everything is safe
//	progress how far the reading of a shard has come, for the metrics of its lag
//	budget   memory_limit, and the claim of a pull on it
//	barrier  checkpoint delivered: when the engine has delivered everything
//
// # What is safe
//
// An event is safe handoff_delay after it was handed over, pauses not counted: what Collect
// returns waits in a ring buffer of the engine. The ring is not emptied while the input is
// paused, and is lost when the engine exits. So a pause stops the clock, and Close stops it
// for good: see emptyingClock. With checkpoint delivered time makes nothing safe, only a
// Barrier does: see deliveryProof for when a report of the engine is believed.
//
// The safe cursor of a shard is the highest one that has only safe events before it. A pull
// is tracked as a whole: its cursor counts once its last event has been handed over.
//
// # Leases
//
// Each lease has a queue of its own. A lost lease takes its queue with it, so nothing that
// happens later can move the cursor of a shard that is another's.
package handover
