package producer

import (
	"context"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/shared/loggroup"
)

// segment is the part of one chunk that goes to one destination, up to
// batch_bytes or batch_count: the unit of queueing and of acknowledgement.
type segment struct {
	dest    address
	buf     []byte // encoded Log messages, each a field of the LogGroup
	logs    int
	runs    []span    // what an earlier delivery left to be sent; nil = all
	weight  int64     // what it takes from the memory budget
	since   time.Time // when it was queued
	outcome *outcome
	fitted  bool    // buf is as large as its content: nothing to encode into again
	places  []place // of each log in the chunk; only to bury some of them
}

// place is where an event lies in its chunk.
type place struct{ offset, size int }

// pieces are the parts of s that are to be sent, in order.
func (s *segment) pieces() []piece {
	d := &delivery{segment: s}
	if s.runs == nil {
		d.open = 1
		return []piece{{of: d, body: s.buf, span: span{logs: s.logs}}}
	}
	var pieces []piece
	from, log := 0, 0
	for _, r := range s.runs {
		from += logsSize(s.buf[from:], r.first-log)
		size := logsSize(s.buf[from:], r.logs)
		pieces = append(pieces, piece{of: d, body: s.buf[from : from+size], span: r})
		from, log = from+size, r.first+r.logs
	}
	d.open = len(pieces)
	return pieces
}

// logsSize is the size of the first n Log messages of b.
func logsSize(b []byte, n int) int {
	at := 0
	for range n {
		size, err := loggroup.NextLog(b[at:])
		if err != nil {
			return len(b) // not reached: this engine wrote them
		}
		at += size
	}
	return at
}

// span is a run of logs of a segment.
type span struct{ first, logs int }

// state is where the delivery of a segment stands.
type state int

const (
	statePending   state = iota // queued or in flight
	stateDelivered              // final: SLS has accepted every record but the lost ones
	stateFailed                 // something is missing and may be sent again
)

// outcome outlives its segment: a chunk that comes back finds there what became
// of each of its segments. Producer.mu guards it.
type outcome struct {
	state   state
	lost    []lostLog     // what SLS refused for good
	missing []span        // failed: what is to be sent again, in order; nil = all
	waiters []*flight     // flushes that wait for it; none = nobody needs it any more
	wake    chan struct{} // in flight: tells the request that the last waiter left
	queue   *queue        // while it is pending
}

// lostLog is a log that SLS will never take: its place in the segment, and why.
type lostLog struct {
	index   int
	reason  string
	dropped bool // no dead letter is wanted of it
}

// flight is one Flush call. Producer.mu guards what it shares with requests.
type flight struct {
	outcomes []*outcome // by segment number
	open     int        // outcomes still pending, plus one while the chunk is being cut
	lost     bool
	dropped  bool // something that is lost becomes no dead letter
	failed   bool
	done     chan struct{} // closed when open reaches 0

	// Of the flush alone.
	until   time.Time // when it stops waiting for logstores that do not answer; zero = for none of them
	refused *lane     // one that it does not even wait for
}

// patient is ctx, or what of it f may wait for room in memory.
func (f *flight) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.until.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, f.until)
}

// impatience is when f stops waiting for logstores that do not answer.
func (f *flight) impatience() <-chan time.Time {
	if f.until.IsZero() {
		return nil
	}
	return time.After(time.Until(f.until))
}

func newFlight() *flight { return &flight{open: 1, done: make(chan struct{})} }

// settleLocked takes note of an outcome that is no longer pending.
func (f *flight) settleLocked(o *outcome) {
	f.lost = f.lost || len(o.lost) > 0
	f.dropped = f.dropped || slices.ContainsFunc(o.lost, func(l lostLog) bool { return l.dropped })
	f.failed = f.failed || o.state == stateFailed
	f.closeLocked()
}

func (f *flight) closeLocked() {
	if f.open--; f.open == 0 {
		close(f.done)
	}
}

// Bounds of the buffers that are kept for segments. Larger ones than a full one
// with the record that overshot it, and such as are cheap to make, are left to
// the collector.
const (
	minPooled = 64 << 10
	maxPooled = 8 << 20
)

// scratch recycles the buffers that segments are encoded into. How large a segment
// becomes shows only at its end, so all are as large as the largest so far; what a
// request needs is known, and comes from a buffer.Pool.
type scratch struct{ pool sync.Pool }

func (b *scratch) get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return (*p)[:0]
	}
	return nil
}

func (b *scratch) put(buf []byte) {
	if cap(buf) < minPooled || cap(buf) > maxPooled {
		return
	}
	b.pool.Put(&buf)
}
