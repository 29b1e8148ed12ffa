// Package metric is how the engines count: families of counters, gauges and
// histograms, declared in one place per engine, with values that are atomics.
// A publisher takes snapshots of a Set and shows them elsewhere.
//
// Counting is for what happens per request, per pull or per flush; nothing here
// is meant to be called per record. Adding to a value that a caller has kept
// takes one atomic operation and no memory; looking one up by its labels takes a
// map access.
//
// It never grows without bound: a family has a limit of label combinations, and all that
// come after are counted under "other". It starts no goroutine, knows neither the
// engine's metrics nor the C side, and writes nothing anywhere.
package metric
