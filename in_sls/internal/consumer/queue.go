package consumer

import (
	"slices"
	"time"

	"fluent-bit-sls/shared/loggroup"
)

// batch is what one pull brought: whole msgpack events, of which the first off
// bytes have been handed over.
type batch struct {
	events  []byte
	off     int
	records int    // events not handed over yet
	cursor  string // where the next pull goes on
	cost    int64  // claim on the budget, given back with the buffer; 0 for a part, see handPart

	told  answered  // by the answer that brought it
	since time.Time // nothing in it was received before that; zero: not known
	from  int64     // where it begins: a cursor as a number, -1 where not known
}

// queue holds what one lease has read and not handed over, and the tracker of
// what was handed over. handoff's mutex guards all of it.
type queue struct {
	shard    int
	clock    *leaseClock
	meter    meter
	batches  []batch // each with at least one event left, oldest first
	track    tracker
	progress progress
	closed   bool // the lease is over: nothing goes in or out
}

// ready reports whether there is anything to hand over. The clock is asked
// again here because after a stopped process goes on, the collector may run
// before the goroutine that ends the lease.
func (q *queue) ready(now time.Time) bool {
	return len(q.batches) > 0 && !q.closed && !q.clock.lost(now)
}

// taken is the part of a queue one Collect took.
type taken struct {
	records int
	done    []batch // handed over to the end: their buffers are free
}

// take appends whole events of at most share bytes to dst and marks the pulls
// it finished. Where not even the first event fits the share, that one goes
// alone if it fits the room, or if nothing else was collected before it.
func (q *queue) take(dst []byte, share, room int, alone bool, at time.Duration, got *taken) []byte {
	start, finished, before := len(dst), 0, got.records
	for i := range q.batches {
		b := &q.batches[i]
		rest := b.events[b.off:]
		if left := share - (len(dst) - start); len(rest) > left {
			n, records := cut(rest, left)
			if n == 0 && len(dst) == start {
				n, records = first(rest, room, alone)
			}
			dst = append(dst, rest[:n]...)
			b.off += n
			b.records -= records
			got.records += records
			if b.off < len(b.events) {
				break
			}
		} else {
			dst = append(dst, rest...)
			b.off = len(b.events)
			got.records += b.records
		}
		q.track.handed(b.cursor, at)
		finished++
	}
	q.meter.records.Add(uint64(got.records - before))
	q.meter.bytes.Add(uint64(len(dst) - start))
	got.done = append(got.done, q.batches[:finished]...)
	q.batches = slices.Delete(q.batches, 0, finished)
	return dst
}

// cut returns the size and number of the whole events at the front of events
// that fit into left bytes.
func cut(events []byte, left int) (size, records int) {
	for size < len(events) {
		n := eventSize(events[size:])
		if size+n > left {
			break
		}
		size += n
		records++
	}
	return size, records
}

// first returns the size of the first event where it may go alone.
func first(events []byte, room int, alone bool) (size, records int) {
	if n := eventSize(events); n <= room || alone {
		return n, 1
	}
	return 0, 0
}

// eventSize is the size of the first event. The decoder wrote the events, so
// they can be walked; if one day they cannot, the rest goes as one event
// rather than never.
func eventSize(events []byte) int {
	n, err := loggroup.NextEvent(events)
	if err != nil || n <= 0 {
		return len(events)
	}
	return n
}
