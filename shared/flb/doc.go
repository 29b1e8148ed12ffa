// Package flb is the only place, besides the two plugin mains, that knows the C side. It
// registers a plugin, reads an instance's properties and writes log lines in the engine's
// own form and level. It keeps the Go value of an instance where the engine hands it
// back, hands events over, and publishes metrics.
//
// It interprets no property, starts no goroutine but the one that publishes metrics, and
// holds nothing of an instance once that instance is closed.
//
// Registration and properties go through fluent-bit-go. The instance contexts do not:
// that binding has none for inputs, and keeps those of outputs for the life of the
// process, which a hot reload turns into a leak.
//
// properties.go finds every value of an option. append.go hands events over the engine's
// own way, inbox.go knows whether a message waits for an input's thread. workers.go stops
// the threads that a reload leaves behind, daemon.c says why there is no daemon mode.
// metrics_engine.go publishes metrics, metrics_log.go logs them where it cannot. glibc.h
// asks for old versions of functions in a release.
package flb
