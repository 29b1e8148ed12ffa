// Package memory knows what has become of each segment of a chunk, who waits for it, and
// remembers it while the engine has the chunk back. A chunk that returns then sends only
// what SLS has not accepted.
//
// Memory hands out one Flush per call of the engine, and a Flush one Outcome per segment.
// An Outcome names the logs that SLS has accepted (see Accept) and those that it never will
// (Lose); Settle says that no more is to come. Numbers are positions: the n-th segment of
// a chunk, the i-th log of a segment. They are the same whenever the chunk is cut.
//
// With a journal, what is accepted is on disk before the flush is told, and a flush finds
// what an earlier instance has delivered.
//
// The package never sends and never reads a chunk but to hash it.
package memory
