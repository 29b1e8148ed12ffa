// Package schedule decides which request begins next, to which logstore, and what a flush
// may wait for. It owns the queues, the concurrency of each logstore, the numbers of
// pack_id, and what is known of logstores: which throttle, fail, do not answer or are not
// there. It sends nothing and never reads a chunk.
//
// A flush asks Admit whether it may begin. Enqueue makes a segment wait for its turn. The
// scheduler starts a Request when one may begin, and whoever sends it says how that goes:
// Begin, Answered, Pause, Redirect, Done. What nobody waits for any more is given up: see
// memory.Holder.
//
// Each destination has a queue, and each logstore a list of its queues that may begin a
// request. Logstores take turns, and so do the destinations of each. A chunk can have a
// destination for each of its records. So nothing goes through all queues for each one:
// the lists hold only what may begin.
package schedule
