// Package flb is the only place, besides the two plugin mains, that knows the
// C side: it registers a plugin, reads an instance's properties, keeps the Go
// value that belongs to an instance where the engine hands it back, and writes
// log lines in the engine's own form and level.
//
// It never starts a goroutine, never interprets a property and holds nothing of
// an instance once that instance is closed.
//
// Registration and properties go through fluent-bit-go. The instance contexts
// do not: that binding has none for inputs, and the one it has for outputs keeps
// every value for the life of the process, which a hot reload turns into a leak.
//
// properties.go finds every value of an option. append.go hands events over the engine's
// own way, inbox.go knows whether a message waits for an input's thread. workers.go stops
// the threads that a reload leaves behind, daemon.c says why there is no daemon mode.
// metrics_engine.go publishes metrics, metrics_log.go logs them where it cannot. glibc.h has
// the old versions of functions that a release asks for.
package flb
