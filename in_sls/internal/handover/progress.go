package handover

import "time"

// progress is how far the reading of a shard has come, for the metrics only. It has no lock
// and no clock: Queues guards it and passes the time.
type progress struct {
	// since: everything that SLS received before it has been read. Zero: not known.
	since time.Time
	// upToDate: the shard had been read to its end, and counts as such until this time.
	// Zero: it is behind.
	upToDate time.Time
	ended    bool // there is nothing more to read
	// next is where the next pull goes on. end is where the shard ended when it was last
	// seen. Both are cursors as numbers, -1 where not known.
	next, end int64
}

func unknownProgress() progress { return progress{next: -1, end: -1} }

// Answer is what the answer to a pull says of the progress of its shard.
type Answer struct {
	Asked    time.Time // when the pull was sent; zero says nothing
	CaughtUp bool      // there was nothing more than what it brought
	UpToDate time.Time // until when a shard that has caught up counts as such
	From     int64     // cursor of the pull, and
	Next     int64     // where the next one goes on, as numbers; -1 where not known
}

func (p *progress) answered(a Answer) {
	p.next, p.upToDate = a.Next, time.Time{}
	if a.CaughtUp {
		p.since, p.upToDate, p.end = a.Asked, a.UpToDate, a.Next
	}
}
