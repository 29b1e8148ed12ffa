package handover

import (
	"context"
	"slices"
	"time"

	"fluent-bit-sls/in_sls/internal/metrics"
	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/shared/loggroup"
)

// partPoll is how often a reader looks whether a part of its answer has been taken.
const partPoll = 100 * time.Millisecond

// Queue is what one lease has read and not handed over, and how far what was handed over
// is safe. The mutex of its Queues guards all of it.
type Queue struct {
	Shard    int
	Counters metrics.Shard

	of       *Queues
	expired  func(now time.Time) bool
	batches  []batch // each with at least one event left, oldest first
	safe     safePoint
	progress progress
	closed   bool // the lease is over: nothing goes in or out
}

// batch is what one pull brought: whole msgpack events. Those of one tag are handed over in
// their order.
type batch struct {
	events  []byte
	tagged  *runs  // of the events by their tags; nil: whole is the only one
	whole   [1]run // under the section's own tag
	rest    int    // bytes not handed over yet
	records int    // in them
	cursor  string // where the next pull goes on
	cost    int64  // bytes of the budget, given back with the buffer; 0 for a part

	since time.Time // SLS received nothing of it before that; zero: not known
	from  int64     // where it begins: a cursor as a number, -1 where not known
}

func newBatch(events []byte, tagged *runs, records int, cursor string) batch {
	return batch{
		events: events, tagged: tagged, whole: [1]run{{end: len(events), records: records}},
		rest: len(events), records: records, cursor: cursor,
	}
}

// Expired reports whether the lease of the queue has run out.
func (q *Queue) Expired(now time.Time) bool { return q.expired(now) }

// Begin says from which cursor the shard is read.
func (q *Queue) Begin(cursor string) {
	q.of.mu.Lock()
	defer q.of.mu.Unlock()
	q.safe.begin(cursor)
}

// Push takes over what a pull brought: the events of its claim, and the cursor where the
// next pull goes on. It never blocks: the budget bounds the queues. A pull without events
// only moves the cursor. When the lease is over nothing is kept.
func (q *Queue) Push(c *Claim, records int, cursor string, a Answer) {
	events, tagged, cost := c.pass()
	b := newBatch(events, tagged, records, cursor)
	b.cost = cost
	if !q.push(b, a) {
		q.of.free([]batch{b})
	}
}

// PushPart takes over the events decoded so far of an answer that is too large to be
// decoded as a whole, and waits until they have been handed over. They carry the cursor
// that the pull began at: an answer is safe as a whole only. The claim keeps their bytes of
// the budget for the next part. With an answer in memory, waiting for the budget could last
// for ever, so the reader waits for its own queue and nothing else.
func (q *Queue) PushPart(ctx context.Context, c *Claim, records int, cursor string, at int64) {
	events, tagged := c.passPart()
	b := newBatch(events, tagged, records, cursor)
	if !q.push(b, Answer{From: at, Next: at}) {
		q.of.free([]batch{b})
		<-ctx.Done() // the lease is over
	}
	for q.waiting() && retry.Wait(ctx, partPoll) {
	}
}

// push returns false, and keeps nothing, when the lease is over.
func (q *Queue) push(b batch, a Answer) bool {
	q.of.mu.Lock()
	defer q.of.mu.Unlock()
	if q.closed {
		return false
	}
	b.since, b.from = q.progress.since, a.From
	q.progress.answered(a)
	switch n := len(q.batches); {
	case len(b.events) > 0:
		q.batches = append(q.batches, b)
		q.of.wake()
	case n > 0:
		q.batches[n-1].cursor = b.cursor
	default:
		q.safe.skip(b.cursor)
	}
	return true
}

// waiting reports whether something waits to be handed over.
func (q *Queue) waiting() bool {
	q.of.mu.Lock()
	defer q.of.mu.Unlock()
	return len(q.batches) > 0
}

// HandedOver reports whether everything that was read has been handed over.
func (q *Queue) HandedOver() bool { return !q.waiting() }

// Safe returns the cursor up to which the shard may be committed, "" before Begin, and
// whether nothing is left that may still become safe.
func (q *Queue) Safe() (cursor string, complete bool) {
	q.of.mu.Lock()
	defer q.of.mu.Unlock()
	q.safe.advance(q.of.emptying.counted(time.Now()))
	return q.safe.cursor, q.safe.complete() && len(q.batches) == 0
}

// Drop forgets what is queued and not handed over. What was handed over may still become
// safe.
func (q *Queue) Drop() {
	q.of.mu.Lock()
	dropped := q.batches
	q.batches = nil
	q.of.mu.Unlock()
	q.of.free(dropped)
}

// Close ends the queue with its lease: nothing of it is handed over or becomes safe.
func (q *Queue) Close() {
	q.of.mu.Lock()
	q.closed = true
	q.safe = safePoint{}
	q.of.queues = slices.DeleteFunc(q.of.queues, func(other *Queue) bool { return other == q })
	q.of.mu.Unlock()
	q.Drop()
}

// viewLocked is the state of q. What waits to be handed over is part of the lag. A reader
// that has caught up says little while nobody takes what it has read.
//
// The age is that of the last known moment before the oldest data. Between two probes
// (see the package shard) it is never too small, and too large by their distance at most.
func (q *Queue) viewLocked(now time.Time) metrics.View {
	p := &q.progress
	v := metrics.View{Name: q.Counters.Name, At: now, Groups: -1}
	since, first := p.since, p.next
	for i := range q.batches {
		v.Buffered += int64(cap(q.batches[i].events))
	}
	if len(q.batches) > 0 {
		since, first = q.batches[0].since, q.batches[0].from
	}
	switch {
	case len(q.batches) == 0 && (p.ended || now.Before(p.upToDate)):
		v.LagKnown = true
	case !since.IsZero():
		v.Lag, v.LagKnown = max(now.Sub(since), 0), true
	}
	if end := max(p.end, p.next); first >= 0 && (p.end >= 0 || p.ended) {
		v.Groups = max(end-first, 0)
	}
	return v
}

// Probed notes when SLS received what is at a cursor of the shard, and where the shard
// ends. Both cursors are numbers, -1 where not known.
func (q *Queue) Probed(from int64, received time.Time, end int64) {
	q.of.mu.Lock()
	defer q.of.mu.Unlock()
	p := &q.progress
	if received.After(p.since) {
		p.since = received
	}
	p.end = max(p.end, end)
	for i := range q.batches {
		if b := &q.batches[i]; b.since.IsZero() && b.from >= from {
			b.since = received // read before anything was known
		}
	}
}

// Ended notes that there is nothing more to read.
func (q *Queue) Ended() {
	q.of.mu.Lock()
	defer q.of.mu.Unlock()
	q.progress.ended = true
}

// ready reports whether there is anything to hand over. It checks the lease, too: when a
// process that was stopped goes on, Collect may run before the goroutine that ends the
// lease.
func (q *Queue) ready(now time.Time) bool {
	return len(q.batches) > 0 && !q.closed && !q.expired(now)
}

// taken is what one Collect took, or one piece.
type taken struct {
	begun   bool
	tag     string // of all of it
	records int
	parts   []part
	done    []batch // handed over to the end: their buffers are free
}

// take appends whole events of one tag to dst, share bytes of them at most, and notes the
// pulls of which nothing is left. No pull is overtaken of which something is left. If not
// even the first event fits the share, it goes alone, provided that it fits the room or
// nothing else was collected before it.
func (q *Queue) take(dst []byte, share, room int, empty bool, at time.Duration, got *taken) []byte {
	start, finished, before := len(dst), 0, got.records
	for i := range q.batches {
		b := &q.batches[i]
		if dst = b.take(dst, start, share, room, empty, got); b.rest > 0 {
			break
		}
		q.safe.handedOver(b.cursor, at)
		finished++
	}
	q.Counters.Records.Add(uint64(got.records - before))
	q.Counters.Bytes.Add(uint64(len(dst) - start))
	got.parts = append(got.parts, part{q, len(dst), got.records - before})
	got.done = append(got.done, q.batches[:finished]...)
	q.batches = slices.Delete(q.batches, 0, finished)
	return dst
}

// take appends what b has of one tag: that of the piece, or that of its first event.
func (b *batch) take(dst []byte, start, share, room int, empty bool, got *taken) []byte {
	list := b.runs()
	for i := range list {
		r := &list[i]
		if r.begin == r.end || got.begun && r.tag != got.tag {
			continue
		}
		got.begun, got.tag = true, r.tag
		rest := b.events[r.begin:r.end]
		n, records := len(rest), r.records
		if left := share - (len(dst) - start); n > left {
			n, records = cut(rest, left)
			if n == 0 && len(dst) == start {
				n, records = first(rest, room, empty)
			}
		}
		dst = append(dst, rest[:n]...)
		r.begin += n
		r.records -= records
		b.rest -= n
		b.records -= records
		got.records += records
		if r.begin < r.end {
			break
		}
	}
	return dst
}

// cut returns the size and number of the whole events at the front of events that fit
// into left bytes.
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

// first returns the size of the first event where it may go alone: it fits the room, or
// nothing else was collected before it (empty).
func first(events []byte, room int, empty bool) (size, records int) {
	if n := eventSize(events); n <= room || empty {
		return n, 1
	}
	return 0, 0
}

// eventSize is the size of the first event. The decoder wrote the events, so they can be
// walked. Should that ever fail, the rest goes as one event rather than never.
func eventSize(events []byte) int {
	n, err := loggroup.NextEvent(events)
	if err != nil || n <= 0 {
		return len(events)
	}
	return n
}
