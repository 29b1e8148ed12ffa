// Package lease holds one shard: it starts its reader, commits its safe cursor every
// checkpoint_interval, and ends it. It owns the states of a shard (held, revoked, lost,
// finished) and the times that each may take. The owner of a lease (group or standalone)
// decides which shards are held. Where checkpoints go is behind the interface Checkpoints.
//
//	lease one goroutine for each shard held
//	clock until when the shards of a member are its own
//
// # Epochs
//
// Each time this member is given a shard, a new lease with a new queue begins. A lost lease
// takes its queue with it, so nothing that belonged to it can be committed later.
package lease
