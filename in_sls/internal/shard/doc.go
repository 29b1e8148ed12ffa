// Package shard reads one shard: it finds the cursor to start from, pulls, decodes, and
// pushes the events to the shard's queue, up to the shard's end or stop_position. It owns
// the pace of the pulls and what they ask for. It neither holds a shard nor commits: a
// lease starts a reader and stops it.
//
//	reader   one goroutine for each lease: start, pull, what an error means
//	start    where a shard begins: checkpoint, start_position, or beginning of a child
//	lineage  parents and children in a list of shards
//	position begin, end, or a time
//	stop     stop_position; range one of the option replay
//	pace     the pause between two pulls
//	pullsize how many log groups to ask for, and how much memory to claim
//	decode   an answer into events, in parts if it is too large
//	lag      what SLS is asked to know how far a shard is behind
//	cached   lists that many readers need at once
//
// # Where a shard ends
//
// stop_position becomes a cursor of each shard. It is asked for once its time has come, and
// then goes with each pull. An answer that arrives after that time is thrown away and asked
// for again with the cursor. Nothing is pulled within stopMargin of it.
package shard
