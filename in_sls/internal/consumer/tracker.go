package consumer

import "time"

// byWord as a delay: what was handed over is safe once the engine says that it has
// delivered it, however long ago it was.
const byWord = -1

// unpaused counts the time in which the engine could empty its ring buffer. It
// stands still while the engine pauses the input, while it still copies what it
// was given, and for good once it stops. Marks are dated by it, so a pause delays
// them by its own length.
//
// Why a delay of this time is enough (engines v2.2 to v5.1, flb_input_chunk.c and
// flb_input_thread.c): the main loop empties the ring every 250 ms. It stops half
// way only when what it has just taken pauses the input, and nothing else pauses
// one. So a stretch of more than 250 ms has seen the ring empty, and a shorter one
// between a resume and a pause has taken a buffer at least. At most one buffer a
// second goes in, so that the ring holds one or two. As before, handoff_delay has to
// be longer than the main loop is ever held up.
//
// Pause and resume reach us in order, on the input's own thread. That thread may be
// busy: appending a buffer runs the input's processors. A pause meanwhile would
// reach us late, so that time is not counted. Otherwise the thread sleeps until it
// is told.
type unpaused struct {
	sum   time.Duration // up to when it last stood still
	since time.Time     // when it went on; zero while it stands still
}

// at is the time counted by now.
func (u *unpaused) at(now time.Time) time.Duration {
	if u.since.IsZero() {
		return u.sum
	}
	return u.sum + now.Sub(u.since)
}

// run lets it go on, or makes it stand still.
func (u *unpaused) run(on bool, now time.Time) {
	u.sum, u.since = u.at(now), time.Time{}
	if on {
		u.since = now
	}
}

// tracker knows how far one shard may be checkpointed, for one epoch. It has
// no lock and no clock: handoff guards it and tells it the unpaused time.
type tracker struct {
	delay time.Duration
	// safe is the lowest contiguous safe cursor, "" until begin.
	safe string
	// marks are what has been handed over and is not safe yet, oldest first.
	marks []mark
}

// mark says that everything before cursor had been handed over at that unpaused time.
type mark struct {
	cursor string
	at     time.Duration
}

// begin sets where the epoch starts: nothing before it is ours to hand over,
// so it is safe.
func (t *tracker) begin(cursor string) {
	t.safe = cursor
}

// handed records that the last event before cursor has just been handed over.
// Marks of one hand-over are one mark: there is at most one for each Collect.
func (t *tracker) handed(cursor string, at time.Duration) {
	if n := len(t.marks); n > 0 && t.marks[n-1].at == at {
		t.marks[n-1].cursor = cursor
		return
	}
	t.marks = append(t.marks, mark{cursor: cursor, at: at})
}

// moved records a pull that returned nothing while its cursor moved: it is
// safe as soon as what is before it is.
func (t *tracker) moved(cursor string) {
	if n := len(t.marks); n > 0 {
		t.marks[n-1].cursor = cursor
		return
	}
	t.safe = cursor
}

// advance makes safe what was handed over a delay ago.
func (t *tracker) advance(at time.Duration) {
	if t.delay == byWord {
		return
	}
	n := 0
	for n < len(t.marks) && at-t.marks[n].at >= t.delay {
		t.safe = t.marks[n].cursor
		n++
	}
	t.marks = append(t.marks[:0], t.marks[n:]...)
}

// settle makes everything that was handed over safe.
func (t *tracker) settle() {
	if n := len(t.marks); n > 0 {
		t.safe = t.marks[n-1].cursor
		t.marks = t.marks[:0]
	}
}

// settled reports whether everything handed over is safe.
func (t *tracker) settled() bool {
	return len(t.marks) == 0
}
