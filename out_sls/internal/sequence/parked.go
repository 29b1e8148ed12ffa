package sequence

import (
	"container/list"

	"fluent-bit-sls/out_sls/internal/journal"
)

// segmentID names a segment. Two chunks of equal bytes in memory have the same: which of
// them comes back first is of no matter, as long as a number is taken by one of them only.
type segmentID struct {
	chunk   journal.Identity
	segment int
}

// parked has the numbers of this instance whose requests have ended without a clear
// answer. Table.mu guards it.
type parked struct {
	byAge     list.List // of *parkedNumber, oldest first
	bySegment map[segmentID][]*list.Element
}

type parkedNumber struct {
	of segmentID
	journal.Number
}

func (p *parked) len() int { return p.byAge.Len() }

func (p *parked) add(of segmentID, n journal.Number) {
	if p.bySegment == nil {
		p.bySegment = map[segmentID][]*list.Element{}
	}
	p.bySegment[of] = append(p.bySegment[of], p.byAge.PushBack(&parkedNumber{of, n}))
}

// take removes what is parked for a segment.
func (p *parked) take(of segmentID) (numbers []journal.Number) {
	for _, e := range p.bySegment[of] {
		n, _ := p.byAge.Remove(e).(*parkedNumber)
		numbers = append(numbers, n.Number)
	}
	delete(p.bySegment, of)
	return numbers
}

// evict removes the oldest, if there is one.
func (p *parked) evict() (oldest journal.Number, ok bool) {
	e := p.byAge.Front()
	if e == nil {
		return oldest, false
	}
	n, _ := p.byAge.Remove(e).(*parkedNumber)
	if rest := p.bySegment[n.of][1:]; len(rest) > 0 {
		p.bySegment[n.of] = rest
	} else {
		delete(p.bySegment, n.of)
	}
	return n.Number, true
}

// park keeps a number for the flush in which its segment comes back.
func (t *Table) park(of segmentID, n journal.Number) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parked.add(of, n)
}

// evict gives up the oldest of the parked numbers while there are too many.
func (t *Table) evict() {
	for {
		t.mu.Lock()
		here := t.parked.len()
		t.mu.Unlock()
		if here == 0 || here+t.journal.Waiting() <= journal.MaxNumbers {
			return
		}
		if !t.journal.Evict() {
			t.evictOne()
		}
	}
}

func (t *Table) evictOne() {
	t.mu.Lock()
	oldest, ok := t.parked.evict()
	if ok {
		t.forgotten++
	}
	t.mu.Unlock()
	if ok {
		_ = t.journal.Refuse(oldest) // its key is not used again
	}
}
