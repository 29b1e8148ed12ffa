package segment

import (
	"time"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/route"
)

// Address is what the log groups of a request have in common: their destination and,
// with pack_id, the sequence that they are numbered in.
type Address struct {
	route.Destination
	Sequence string // "" = not numbered
}

// FieldsSize is about how many bytes a log group for a takes beside its logs.
func (a *Address) FieldsSize() int {
	const overhead = 64 // tags and lengths of the fields, and a number
	return len(a.Topic) + len(a.Source) + len(a.Tags) + overhead
}

// PackIDKey is the tag of a log group that carries its number.
const PackIDKey = "__pack_id__"

// CuttingVersion is raised with every change by which the same chunk under the same
// configuration is cut in another way, or its records become other logs. What is
// remembered on disk goes by it.
const CuttingVersion = 1

// Segment is the part of one chunk that goes to one destination.
type Segment struct {
	To     Address
	Logs   []byte // encoded Log messages, each a field of the LogGroup
	Count  int    // logs
	Places []Place
	Queued time.Time // when it was queued; the scheduler's
	// Outcome is set before the segment is queued.
	Outcome *memory.Outcome

	budget *Budget // that the weight is of; nil = it takes nothing
	weight int64
}

// Place is where an event lies in its chunk.
type Place struct{ Offset, Size int }

// Settle ends the delivery of s, once: it gives its bytes back and tells the flushes that
// wait for it. Logs is not used after that.
func (s *Segment) Settle() {
	s.release()
	s.Outcome.Settle()
}

// GiveUp settles segments if no flush waits for any of them. before, which may be nil, is
// called just before that, under a lock of memory.
func GiveUp(before func(), segments ...*Segment) bool {
	outcomes := make([]*memory.Outcome, 0, len(segments))
	for _, s := range segments {
		outcomes = append(outcomes, s.Outcome)
	}
	if !memory.GiveUp(before, outcomes...) {
		return false
	}
	for _, s := range segments {
		s.release()
	}
	return true
}

// Settled tells whether the delivery of s has ended.
func (s *Segment) Settled() bool { return s.Outcome.Holder() == nil }

// release gives the bytes of s back.
func (s *Segment) release() {
	if s.budget != nil {
		s.budget.release(s)
		s.budget = nil
	}
}

// moveLast moves the event that was encoded behind the first n bytes of s to another
// segment. A segment that has nothing takes the buffer of one that has nothing else: so
// the large buffer goes to the first destination of a chunk. The buffers of the others
// grow with their need. Otherwise a chunk for a thousand destinations would take a
// thousand large ones.
func (s *Segment) moveLast(to *Segment, buf []byte, n int) {
	switch {
	case to == s:
		s.Logs = buf
	case n == 0 && s.Count == 0 && to.Logs == nil:
		to.Logs, s.Logs = buf, nil
	default:
		to.Logs = append(to.Logs, buf[n:]...)
		s.Logs = buf[:n]
	}
}
