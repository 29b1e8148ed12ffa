// Package standalone reads a logstore without a consumer group: it decides which shards are
// read, and in which order, or reads the ranges of the option replay. Nothing is stored, so
// each start begins anew.
//
//	shards every shard, or the chosen ones; children after their parents
//	replay ranges of cursors
package standalone
