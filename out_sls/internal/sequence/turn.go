package sequence

import (
	"cmp"
	"errors"
	"slices"

	"fluent-bit-sls/out_sls/internal/journal"
)

// Turn is what one request has: a slot, and the numbers that are parked for its segment.
// It belongs to the goroutine of the request.
type Turn struct {
	table   *Table
	chunk   *journal.Chunk
	of      segmentID
	slot    *slot
	current *Number   // open under the slot's key; nil = none
	parked  []*Number // open under keys of their own, in the order of their logs
	ended   bool
}

// Number is the number of a write, which carries the same logs each time it is sent.
type Number struct {
	journal.Number
	turn *Turn
	over bool
	// unclear says that a try has ended without a clear answer, or is under way: SLS may
	// have accepted it.
	unclear, before bool
	refusals        int
}

// Parked are the numbers under which logs of the segment were sent without a clear answer,
// in the order of their logs. These logs go out under them and no others. What was sent to
// another place is given up: the records have gone elsewhere since.
func (t *Turn) Parked() []*Number {
	for _, n := range t.parked {
		if n.Place != t.slot.at.mark() {
			n.Drop()
		}
	}
	t.keepOpen()
	return t.parked
}

// Away tells whether logs of the segment were sent to home, another place, without a clear
// answer. They have to go there again: sent to the place of t, they might be in both.
func (t *Turn) Away(home Place) bool {
	return home.mark() != t.slot.at.mark() &&
		slices.ContainsFunc(t.parked, func(n *Number) bool { return n.Place == home.mark() })
}

// claim takes what is parked for the segment: by this instance, or by an earlier one of
// which the journal says that it was of this chunk.
func (t *Turn) claim() {
	t.table.mu.Lock()
	numbers := t.table.parked.take(t.of)
	t.table.mu.Unlock()
	for _, n := range t.chunk.Sent(t.of.segment) {
		if t.table.journal.Claim(n) {
			numbers = append(numbers, n)
		}
	}
	for _, n := range numbers {
		t.parked = append(t.parked, &Number{Number: n, turn: t, unclear: true})
	}
	slices.SortStableFunc(t.parked, func(a, b *Number) int { return cmp.Compare(a.Span.First, b.Span.First) })
}

func (t *Turn) keepOpen() {
	t.parked = slices.DeleteFunc(t.parked, func(n *Number) bool { return n.over })
}

// errOpen says that a number of the slot has no clear answer. If a higher one was accepted,
// the repeat of the open one would be refused although it never arrived.
var errOpen = errors.New("a number of the slot is open")

// Next is a new number of the slot for logs of the segment, and is on file with them. Without
// one nothing may be sent.
func (t *Turn) Next(span journal.Span, rewrite journal.Rewrite) (*Number, error) {
	if t.current != nil {
		return nil, errOpen
	}
	t.slot.last++
	n := &Number{turn: t, Number: journal.Number{
		Key: t.slot.key, Number: t.slot.last, Place: t.slot.at.mark(), Segment: t.of.segment, Span: span, Rewrite: rewrite,
	}}
	if err := t.table.journal.Send(t.chunk, n.Number); err != nil {
		return nil, err
	}
	t.current = n
	return n, nil
}

// Park keeps what is open, each number with its key, for the flush in which the segment
// comes back. The slot takes a new key at once: the chunk may never come back. Nothing is
// sent in t after that. It writes nothing, and is called before others can find that the
// segment has failed: they would send it under other numbers.
func (t *Turn) Park() {
	for _, n := range append(t.parked, t.current) {
		if n != nil && !n.over && n.unclear {
			t.table.park(t.of, n.Number)
			n.leave()
		}
	}
}

// End parks what is open and gives the slot back, once.
func (t *Turn) End() {
	if t.ended {
		return
	}
	t.ended = true
	t.Park()
	if n := t.current; n != nil {
		n.refused() // it was never sent
	}
	t.table.give(t.slot)
	t.table.evict()
}

// Proof is what an answer proves of the write that it is the answer to.
type Proof int

// What an answer can prove.
const (
	Unclear  Proof = iota // nothing: it may be stored. No whole answer came, or a 5xx
	Unsent                // it did not get there
	Refused               // it is not stored: SLS says why
	Accepted              // it is stored
	Had                   // SLS has had the number, or a higher one (InvalidSequenceId)
)

// Fate is what has become of a number.
type Fate int

// What can become of a number.
const (
	Open      Fate = iota // it is to be sent again, with the same logs
	Over                  // its logs are not stored, and go out under another number
	Delivered             // its logs are stored
)

// Sending says that a try begins. Until it is answered, it may have been accepted.
func (n *Number) Sending() { n.before, n.unclear = n.unclear, true }

// Answered decides what the answer to a try means.
//
// A refusal because SLS has had the number is an acceptance only if an earlier try of this
// very number has ended without a clear answer. On a first try it is an accident of the
// key, which is not used again. Any other refusal says something of this try only: with
// an earlier one in doubt the number stays open. Without, it is over: SLS may have recorded
// it, so it is not used again.
func (n *Number) Answered(p Proof) Fate {
	earlier := n.before
	switch p {
	case Accepted:
		return n.delivered()
	case Had:
		if earlier {
			return n.delivered()
		}
		n.unclear = false
		n.refused()
		n.renew()
		return Over
	case Refused:
		if n.unclear = earlier; !earlier {
			n.refused()
			return Over
		}
		n.refusals++
	case Unsent:
		n.unclear = earlier
	case Unclear:
	}
	return Open
}

// Refusals is how often a try was refused while an earlier one was in doubt.
func (n *Number) Refusals() int { return n.refusals }

// IsOver tells whether n is not to be sent again.
func (n *Number) IsOver() bool { return n.over }

// Rewritten changes the times that n is sent with. The logs stay the same, so whichever try
// is accepted, they are stored.
func (n *Number) Rewritten(r journal.Rewrite) error {
	changed := n.Number
	changed.Rewrite = r
	if err := n.turn.table.journal.Send(n.turn.chunk, changed); err != nil {
		return err
	}
	n.Number = changed
	return nil
}

// Drop gives n up although it is in doubt whether it was accepted. Its logs may go out
// under other numbers.
func (n *Number) Drop() {
	n.turn.table.mu.Lock()
	n.turn.table.forgotten++
	n.turn.table.mu.Unlock()
	n.refused()
	n.renew() // a higher number of the key would hide whether it was
}

// delivered ends n: what it carried is put on file as accepted by whoever was told.
func (n *Number) delivered() Fate {
	n.end()
	return Delivered
}

// refused ends n, and puts that on file.
func (n *Number) refused() {
	n.end()
	if err := n.turn.table.journal.Refuse(n.Number); err != nil {
		n.renew()
	}
}

// leave ends n here: it stays open.
func (n *Number) leave() {
	n.end()
	n.renew()
}

func (n *Number) end() {
	n.over = true
	if n.turn.current == n {
		n.turn.current = nil
	}
}

// renew gives the slot a new key if it has that of n.
func (n *Number) renew() {
	if s := n.turn.slot; s.key == n.Key {
		s.renew()
	}
}
