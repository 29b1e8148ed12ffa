// Package flbhost runs Fluent Bit plugins without Fluent Bit: a small C
// program (host/) loads a shared library as the engine's Go proxy does, and
// this package compiles, starts and drives it over two pipes.
//
// It owns what a Go plugin sees of the engine: symbols, structs, threads, the
// size of the stacks, the order of the calls at start, reload and shutdown,
// the properties the engine keeps for itself, the log. It is stricter where
// that finds bugs: a chunk and its tag end at an inaccessible page and become
// inaccessible as a whole when the flush returns.
//
// It never is a log shipper: no routing, no filters, no storage. What the
// engine does with a chunk between its flushes is in [Shipper], in Go.
//
// The facts are those of Fluent Bit v5.1.1; [Options.Legacy] has the layout
// from before v4.1.0. Linux only.
package flbhost
