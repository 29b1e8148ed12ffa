// Package producer is the engine of the output. It turns a chunk of Fluent Bit into the
// answer to its flush, and puts the rooms together:
//
//	memory -> segment (route) -> schedule -> delivery -> memory -> the answer (deadletter)
//
// New is the pipeline, and Flush the way of a chunk through it. The package declares the
// options, publishes the metrics, and derives the answer. It never acknowledges a record
// that SLS has not accepted, never keeps the chunk's bytes after Flush returns, and knows
// neither cgo nor the engine.
package producer
