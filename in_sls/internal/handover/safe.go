package handover

import "time"

// untilDelivered as a delay: time makes nothing safe. Only a barrier does.
const untilDelivered = -1

// emptyingClock counts the time in which the engine could empty its ring buffer. It
// stands still while the engine pauses the input, while it still copies what Collect
// returned, and for good once it stops. Hand-overs are dated by it, so a pause delays
// what they make safe by its own length.
//
// Why handoff_delay of this time is enough (engines v2.2 to v5.1, flb_input_chunk.c and
// flb_input_thread.c): the main loop empties the ring every 250 ms. It stops half way
// only when a buffer that it has just taken pauses the input, and nothing else pauses
// an input. So a stretch of more than 250 ms has seen the ring empty. A shorter one,
// between a resume and a pause, has taken at least one buffer. At most one buffer a
// second goes in, so the ring never has more than one or two. handoff_delay has to be
// longer than the main loop is ever held up.
//
// Pause and resume reach us in order, on the input's own thread. While that thread appends
// a buffer, which runs the input's processors, a pause would reach us late. So the time of
// the copying is not counted. Otherwise the thread sleeps until a message comes.
//
// With direct hand-over the thread is in a callback most of the time, so a pause does reach
// us late. Then the clock is late: only time that is proven counts. A call during which no
// pause is known proves the time since the call before. The next call comes a second after
// a resume, or that second is waited out (afterResume). So the time that is proven comes in
// stretches that have seen the ring empty, however many pieces lay in it.
type emptyingClock struct {
	sum   time.Duration // up to when it last stood still, or was proven
	since time.Time     // when it went on; zero while it stands still
	late  bool          // only what is proven counts
}

// counted is the time that decides what is safe.
func (c *emptyingClock) counted(now time.Time) time.Duration {
	if c.late {
		return c.sum
	}
	return c.at(now)
}

// prove counts a late clock's time until now, and lets it go on.
func (c *emptyingClock) prove(now time.Time) { c.sum, c.since = c.at(now), now }

// without takes the last d out of a late clock's time. A clock that stood still goes on
// now.
func (c *emptyingClock) without(d time.Duration, now time.Time) {
	if c.since.IsZero() {
		c.since = now
		return
	}
	c.since = c.since.Add(d)
}

// stop makes a late clock stand still. What was not proven is not counted.
func (c *emptyingClock) stop() { c.since = time.Time{} }

// at is the time counted by now, unless it comes to light later that the clock stood still.
// A hand-over is dated by it.
func (c *emptyingClock) at(now time.Time) time.Duration {
	if c.since.IsZero() {
		return c.sum
	}
	return c.sum + now.Sub(c.since)
}

// run lets the clock go on, or makes it stand still.
func (c *emptyingClock) run(on bool, now time.Time) {
	if !c.late {
		c.sum = c.at(now)
	}
	c.since = time.Time{}
	if on {
		c.since = now
	}
}

// safePoint knows up to which cursor one shard may be committed, for one lease. It has
// no lock and no clock: Queues guards it and passes the time of its emptyingClock.
type safePoint struct {
	delay time.Duration // handoff_delay, or untilDelivered
	// cursor is the highest one that has only safe events before it, "" until begin.
	cursor string
	// pending is what has been handed over and is not safe yet, oldest first.
	pending []handed
}

// handed says that everything before cursor had been handed over at that time.
type handed struct {
	cursor string
	at     time.Duration
}

// begin sets where the lease starts to read. Nothing before it is handed over, so
// everything before it is safe.
func (s *safePoint) begin(cursor string) { s.cursor = cursor }

// handedOver notes that the last event before cursor has just been handed over. There is
// one entry for each Collect at most.
func (s *safePoint) handedOver(cursor string, at time.Duration) {
	if n := len(s.pending); n > 0 && s.pending[n-1].at == at {
		s.pending[n-1].cursor = cursor
		return
	}
	s.pending = append(s.pending, handed{cursor: cursor, at: at})
}

// skip notes a pull that brought no events while its cursor moved: the new cursor is
// safe as soon as everything before it is.
func (s *safePoint) skip(cursor string) {
	if n := len(s.pending); n > 0 {
		s.pending[n-1].cursor = cursor
		return
	}
	s.cursor = cursor
}

// advance makes safe what was handed over a delay ago.
func (s *safePoint) advance(at time.Duration) {
	if s.delay == untilDelivered {
		return
	}
	n := 0
	for n < len(s.pending) && at-s.pending[n].at >= s.delay {
		s.cursor = s.pending[n].cursor
		n++
	}
	s.pending = append(s.pending[:0], s.pending[n:]...)
}

// delivered makes everything that was handed over safe.
func (s *safePoint) delivered() {
	if n := len(s.pending); n > 0 {
		s.cursor = s.pending[n-1].cursor
		s.pending = s.pending[:0]
	}
}

// complete reports whether everything handed over is safe.
func (s *safePoint) complete() bool { return len(s.pending) == 0 }
