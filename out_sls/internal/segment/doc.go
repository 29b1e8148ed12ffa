// Package segment cuts a chunk into segments: each is the part of the chunk that goes to
// one destination, up to batch_bytes or batch_count. A segment is the unit of queueing
// and of acknowledgement.
//
// The package owns the byte budget of memory_limit. The same bytes under the same configuration always give the same segments
// in the same order: what is remembered of a chunk goes by segment number. So nothing here
// may depend on time, load or the order of a Go map. The package sends nothing.
package segment
