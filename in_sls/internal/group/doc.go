// Package group owns the membership in a consumer group. It joins, sends heartbeats, starts
// and revokes the leases of the shards that the answers name, and ends when stop_position
// is reached everywhere. It also writes the checkpoints of its leases, and notices another
// process of the same name. It never waits for a fetch or a commit: those are the leases'.
//
//	group       one goroutine: join, heartbeat, assign; when everything is read
//	checkpoints what one lease writes, and who else writes it (namesakes)
package group
