package consumer

import "time"

// progress is how far the reading of a shard has come, for the metrics and nothing
// else. It has no lock and no clock: handoff guards it and tells it the time.
type progress struct {
	// since: everything SLS received before it has been read. Zero: not known.
	since time.Time
	// fresh: the shard had been read to its end, and until this time it is not to
	// be doubted. Zero: it is behind.
	fresh time.Time
	ended bool // there is nothing more to read
	// next is where the next pull goes on, end where the shard ended when it was
	// last seen: cursors as numbers, -1 where not known.
	next, end int64
}

// unread is the progress of a shard that nothing is known of.
func unread() progress { return progress{next: -1, end: -1} }

// answered is what an answer to a pull tells.
type answered struct {
	asked    time.Time // when the pull was sent; zero tells nothing
	caughtUp bool      // there was nothing more than what it brought
	fresh    time.Time // until when a shard that has caught up need not be asked again
	from     int64     // cursor of the pull, and
	next     int64     // where the next one goes on, as numbers; -1 where not known
}

func (p *progress) answered(a answered) {
	p.next, p.fresh = a.next, time.Time{}
	if a.caughtUp {
		p.since, p.fresh, p.end = a.asked, a.fresh, a.next
	}
}

// view is the state of one shard held, for the metrics.
type view struct {
	name     series
	at       time.Time     // of the view
	lag      time.Duration // age of the oldest data not handed over
	lagKnown bool
	groups   int64 // log groups not handed over, -1 where not known
	buffered int64 // bytes in the queue
}

// view is the state of q. What waits to be handed over is part of the lag: a reader
// that has caught up means little while nobody takes what it has read.
//
// The age is that of the last moment from before the oldest data: between two looks
// it is never too small, and too large by no more than their distance.
func (q *queue) view(now time.Time) view {
	p := &q.progress
	v := view{name: q.meter.name, at: now, groups: -1}
	since, first := p.since, p.next
	for i := range q.batches {
		v.buffered += int64(cap(q.batches[i].events))
	}
	if len(q.batches) > 0 {
		since, first = q.batches[0].since, q.batches[0].from
	}
	switch {
	case len(q.batches) == 0 && (p.ended || now.Before(p.fresh)):
		v.lagKnown = true
	case !since.IsZero():
		v.lag, v.lagKnown = max(now.Sub(since), 0), true
	}
	if end := max(p.end, p.next); first >= 0 && (p.end >= 0 || p.ended) {
		v.groups = max(end-first, 0)
	}
	return v
}

// views are the states of all shards held.
func (h *handoff) views() []view {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	out := make([]view, 0, len(h.queues))
	for _, q := range h.queues {
		out = append(out, q.view(now))
	}
	return out
}

// sighted notes when SLS received what is at a cursor of q, and the end of the shard, as
// asked for; both are numbers, -1 where not known.
func (h *handoff) sighted(q *queue, from int64, at time.Time, end int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &q.progress
	if at.After(p.since) {
		p.since = at
	}
	p.end = max(p.end, end)
	for i := range q.batches {
		if b := &q.batches[i]; b.since.IsZero() && b.from >= from {
			b.since = at // read before anything was known
		}
	}
}

// finish notes that there is nothing more to read.
func (h *handoff) finish(q *queue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	q.progress.ended = true
}
