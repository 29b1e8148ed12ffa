// Package producer is the engine of the output: it turns one chunk of Fluent Bit
// into segments, segments into requests, and the answers of SLS into the result
// of the flush.
//
// It owns the byte budget, the queues, the senders and what is remembered of
// chunks that are to come back. It never acknowledges a record that SLS has not
// accepted, never keeps the chunk's bytes after Flush returns, and knows neither
// cgo nor the engine.
package producer
