// Package memory knows what has become of each segment of a chunk, who waits for it, and
// remembers it while the engine has the chunk back. A chunk that returns then sends only
// what SLS has not accepted.
//
// Memory hands out one Flush per call of the engine, and a Flush one Outcome per segment.
// An Outcome names the logs that SLS has accepted (Accept) and those that it never will
// (Lose); Settle says that no more is to come. Numbers are positions: the n-th segment of
// a chunk, the i-th log of a segment. They are the same whenever the chunk is cut.
//
// The package never sends and never reads a chunk but to hash it.
package memory
