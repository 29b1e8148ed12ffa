package judge

import (
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/input/source"
)

// Handover is one buffer that an input handed to its host.
type Handover struct {
	At       time.Time // when it was asked for
	Consumer int
	Spans    []source.Span
	causes   []string // for each span, why it begins where it does; see judge
	Records  int
	// Taken is when the host had it for good: never, if it is zero. With
	// checkpoint handoff that is worked out in the end.
	Taken time.Time
}

// pause is a time in which a host did not take anything in.
type pause struct{ from, to time.Time }

// incarnation is one set of instances of a host, from init to its end.
type incarnation struct {
	delay  time.Duration // handoff_delay
	bound  time.Duration // within which it commits what it keeps; 0 = nobody looks
	pauses []pause
	end    time.Time
	how    string
}

// member is one instance in one incarnation, a consumer of its own.
type member struct {
	name        string
	incarnation int
}

// History holds what was handed over, and what became of the hosts.
type History struct {
	mu           sync.Mutex // guards what follows
	Members      []member
	incarnations []incarnation
	handovers    []*Handover
	records      int                  // handed over, again and again ones among them
	asked        map[string]time.Time // when a checkpoint was asked for, by request id
	refusals     []refusal
}

// NewHistory returns an empty one.
func NewHistory() *History { return &History{asked: map[string]time.Time{}} }

// Born returns the number of a new incarnation with that handoff_delay. It has to commit what
// it keeps within bound; 0 = nobody looks.
func (hs *History) Born(delay, bound time.Duration) int {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.incarnations = append(hs.incarnations, incarnation{delay: delay, bound: bound})
	return len(hs.incarnations) - 1
}

// Joins makes a consumer of a name of its own.
func (hs *History) Joins(life int, name string) int {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.Members = append(hs.Members, member{name: name, incarnation: life})
	return len(hs.Members) - 1
}

// Handed takes note of a hand-over.
func (hs *History) Handed(h *Handover) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.handovers = append(hs.handovers, h)
	hs.records += h.Records
}

// Takes says that an output has delivered these.
func (hs *History) Takes(all []*Handover) {
	now := time.Now()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, h := range all {
		h.Taken = now
	}
}

// Paused is called when the pause has reached every instance.
func (hs *History) Paused(number int) {
	now := time.Now()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.incarnations[number].pauses = append(hs.incarnations[number].pauses, pause{from: now})
}

// Resumes is called before the instances are told.
func (hs *History) Resumes(number int) {
	now := time.Now()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	p := hs.incarnations[number].pauses
	p[len(p)-1].to = now
}

// Dead is called when nothing of an incarnation is left.
func (hs *History) Dead(number int, how string) {
	now := time.Now()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.incarnations[number].end, hs.incarnations[number].how = now, how
}

// Gone are the names of the members whose incarnation is over.
func (hs *History) Gone() (names []string) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for _, m := range hs.Members {
		if hs.incarnations[m.incarnation].how != "" {
			names = append(names, m.name)
		}
	}
	return names
}

// Ask takes note of when a checkpoint was asked for.
func (hs *History) Ask(requestID string) {
	now := time.Now()
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.asked[requestID] = now
}

// HandedOver counts the records that were handed over, again and again ones among them.
func (hs *History) HandedOver() int {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	return hs.records
}

// keeps returns from when on the host keeps, in its chunks, what it was handed at that time:
// handoff_delay later, pauses not counted. Before that it lies in the ring buffer and is lost
// at an end. Fluent Bit empties the ring every 250 ms, but handoff_delay is what is promised.
func (l *incarnation) keeps(at time.Time) time.Time {
	kept := at.Add(l.delay)
	for _, p := range l.pauses {
		if !p.from.Before(kept) || !p.to.IsZero() && !p.to.After(at) {
			continue
		}
		if p.to.IsZero() {
			return never
		}
		if p.from.Before(at) {
			p.from = at
		}
		kept = kept.Add(p.to.Sub(p.from))
	}
	return kept
}

// never is later than any time of a campaign.
var never = time.Unix(1<<40, 0)
