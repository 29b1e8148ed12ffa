package consumer

import "time"

// byWord as a delay: what was handed over is safe once the engine says that it has
// delivered it, however long ago it was.
const byWord = -1

// tracker knows how far one shard may be checkpointed, for one epoch. It has
// no lock and no clock: handoff guards it and tells it the time.
type tracker struct {
	delay time.Duration
	// safe is the lowest contiguous safe cursor, "" until begin.
	safe string
	// marks are what has been handed over and is not safe yet, oldest first.
	marks []mark
}

// mark says that everything before cursor had been handed over at that time.
type mark struct {
	cursor string
	at     time.Time
}

// begin sets where the epoch starts: nothing before it is ours to hand over,
// so it is safe.
func (t *tracker) begin(cursor string) {
	t.safe = cursor
}

// handed records that the last event before cursor has just been handed over.
// Marks of one hand-over are one mark: there is at most one for each Collect.
func (t *tracker) handed(cursor string, now time.Time) {
	if n := len(t.marks); n > 0 && t.marks[n-1].at.Equal(now) {
		t.marks[n-1].cursor = cursor
		return
	}
	t.marks = append(t.marks, mark{cursor: cursor, at: now})
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

// advance makes safe what was handed over a delay ago. It must not be called
// during a pause.
func (t *tracker) advance(now time.Time) {
	if t.delay == byWord {
		return
	}
	n := 0
	for n < len(t.marks) && now.Sub(t.marks[n].at) >= t.delay {
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

// restart begins the delay of everything that is not safe again, at a resume.
func (t *tracker) restart(now time.Time) {
	if n := len(t.marks); n > 0 {
		t.marks = append(t.marks[:0], mark{cursor: t.marks[n-1].cursor, at: now})
	}
}

// settled reports whether everything handed over is safe.
func (t *tracker) settled() bool {
	return len(t.marks) == 0
}
