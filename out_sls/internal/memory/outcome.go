package memory

import (
	"cmp"
	"slices"

	"fluent-bit-sls/out_sls/internal/journal"
)

// Range is a run of logs of a segment.
type Range struct{ First, Count int }

func (r Range) end() int { return r.First + r.Count }

// Lost is a log that SLS will never take.
type Lost struct {
	Index   int    // in the segment
	Reason  string // SLS's code
	Dropped bool   // no dead letter is wanted of it
}

// Holder has a pending segment: the queue in which it waits, or the request that
// carries it.
type Holder interface {
	// Abandoned tells that nobody waits any more for a segment that the holder has, or
	// has had a moment ago. It is called without a lock.
	Abandoned()
}

// Outcome is what becomes of a segment. It outlives the segment: a chunk that comes back
// finds it. It is safe for concurrent use.
type Outcome struct {
	memory *Memory
	note   *journal.Chunk // of the chunk
	number int            // of the segment
	logs   int            // of the segment

	state    state
	accepted []Range // by SLS; in order, not touching each other
	lost     []Lost
	waiting  []*Flush // none = nobody needs it any more
	holder   Holder   // while it is pending
}

// state is where the delivery of a segment stands.
type state int

const (
	statePending   state = iota // queued or in flight
	stateDelivered              // final: SLS has accepted every log but the lost ones
	stateFailed                 // something is missing and may be sent again
)

// Chunk is what is on disk of the chunk of o, and the number of the segment in it.
func (o *Outcome) Chunk() (note *journal.Chunk, segment int) { return o.note, o.number }

// Accepted is a run of logs of a segment that SLS has accepted.
type Accepted struct {
	Outcome *Outcome
	Range
	Last bool // nothing else of the segment is open
}

// Accept takes note of what SLS has accepted with one answer. The error says that it is
// not on disk: it is remembered in this process only.
func Accept(list []Accepted) error {
	var err error
	if j := list[0].Outcome.memory.journal; j != nil {
		state := make([]journal.Accepted, 0, len(list))
		for _, a := range list {
			state = append(state, journal.Accepted{
				Chunk: a.Outcome.note, Segment: a.Outcome.number,
				Spans: []journal.Span{{First: a.First, Logs: a.Count}}, Settled: a.Last,
			})
		}
		err = j.Accept(state)
	}
	for _, a := range list {
		a.Outcome.accept(a.Range)
	}
	return err
}

func (o *Outcome) accept(r Range) {
	o.memory.mu.Lock()
	defer o.memory.mu.Unlock()
	i, _ := slices.BinarySearchFunc(o.accepted, r, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	after := i < len(o.accepted) && r.end() == o.accepted[i].First
	if after {
		r.Count += o.accepted[i].Count
	}
	switch {
	case i > 0 && o.accepted[i-1].end() == r.First:
		o.accepted[i-1].Count += r.Count
		if after {
			o.accepted = slices.Delete(o.accepted, i, i+1)
		}
	case after:
		o.accepted[i] = r
	default:
		o.accepted = slices.Insert(o.accepted, i, r)
	}
}

// Lose takes note that SLS will never take a log.
func (o *Outcome) Lose(l Lost) {
	o.memory.mu.Lock()
	defer o.memory.mu.Unlock()
	o.lost = append(o.lost, l)
}

// Missing are the logs that are neither accepted nor lost, in order.
func (o *Outcome) Missing() []Range {
	o.memory.mu.Lock()
	defer o.memory.mu.Unlock()
	return o.missingLocked()
}

func (o *Outcome) missingLocked() (missing []Range) {
	switch { // as a rule all or none
	case len(o.lost) > 0:
	case len(o.accepted) == 0:
		return []Range{{0, o.logs}}
	case o.accepted[0].Count == o.logs:
		return nil
	}
	over := slices.Clone(o.accepted)
	for _, l := range o.lost {
		over = append(over, Range{l.Index, 1})
	}
	slices.SortFunc(over, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	next := 0
	for _, r := range append(over, Range{First: o.logs}) {
		if r.First > next {
			missing = append(missing, Range{next, r.First - next})
		}
		next = max(next, r.end())
	}
	return missing
}

// Hold says who has the segment from now on. It is false if nobody waits for it: the
// holder is not told then, and has to look after that itself.
func (o *Outcome) Hold(by Holder) (wanted bool) {
	o.memory.mu.Lock()
	defer o.memory.mu.Unlock()
	o.holder = by
	return len(o.waiting) > 0
}

// Holder is who has the segment, nil when it is settled.
func (o *Outcome) Holder() Holder {
	o.memory.mu.Lock()
	defer o.memory.mu.Unlock()
	return o.holder
}

// Settle ends the delivery, once. What is missing then is to be sent again. The flushes
// that wait are told.
func (o *Outcome) Settle() {
	o.memory.mu.Lock()
	defer o.memory.mu.Unlock()
	o.settleLocked()
}

// GiveUp settles outcomes if no flush waits for any of them. Both happen under one lock:
// a flush that comes in between would wait for what is about to fail. before, which may be
// nil, is called under it, when they are going to be settled: a flush that comes after
// finds what before has left.
func GiveUp(before func(), outcomes ...*Outcome) bool {
	if len(outcomes) == 0 {
		return false
	}
	m := outcomes[0].memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.ContainsFunc(outcomes, func(o *Outcome) bool { return len(o.waiting) > 0 }) {
		return false
	}
	if before != nil {
		before()
	}
	for _, o := range outcomes {
		o.settleLocked()
	}
	return true
}

func (o *Outcome) settleLocked() {
	o.state = stateDelivered
	if o.missingLocked() != nil {
		o.state = stateFailed
	}
	for _, f := range o.waiting {
		f.noteLocked(o)
	}
	o.waiting, o.holder = nil, nil
}
