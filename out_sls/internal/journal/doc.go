// Package journal remembers on disk what SLS has accepted of which chunk, so that
// what is delivered is not delivered again after a kill or a reload.
//
// It owns the file of one instance, the lock on it, and the question whether what is
// remembered of a chunk is about this chunk or about another of the same bytes: each
// statement names the file of its chunk. It is always of logs that SLS has accepted. So the
// file may be lost, old or torn: that costs duplicates, never records.
//
// journal.go decides which statements are about which chunk, origin.go finds the file that a
// chunk lies in. frame.go and head.go have the form of the file, store.go the file and its
// lock, index.go where on it what is stated, shrink.go what becomes of a full one.
//
// It never syncs: what the kernel has taken survives the process, which is what it is
// for. It sends nothing, and a file that cannot be written costs the memory, not the
// delivery.
package journal
