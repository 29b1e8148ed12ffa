package sequence

import (
	"errors"
	"slices"
	"sync"

	"fluent-bit-sls/out_sls/internal/journal"
)

// Slots is how many requests a place may have in flight.
const Slots = slots

// maxPlaces is at how many places those that are not in use are forgotten: records can
// name any number of them.
const maxPlaces = 1000

// Table has the slots and the parked numbers of an instance. It is safe for concurrent
// use.
type Table struct {
	journal *journal.Journal

	// mu guards what follows, and the slots. The journal is not called under it.
	mu     sync.Mutex
	places map[Place]*place
	parked parked
	// forgotten counts numbers of which nobody will know whether SLS has accepted what they
	// carried.
	forgotten uint64
}

// place is what is known of one place.
type place struct {
	slots [slots]*slot // nil = not used yet
	next  int          // the slot to begin looking at: they take turns, or one shard would get most
}

// slot is a hash key and the numbers under it.
type slot struct {
	at     Place
	number int
	key    journal.Key
	last   uint64 // number used
	busy   bool
}

// New returns a table whose numbers are put on file in j.
func New(j *journal.Journal) *Table { return &Table{journal: j, places: map[Place]*place{}} }

// Ready is nil when numbers can be put on file.
func (t *Table) Ready() error { return t.journal.Ready() }

// errBusy says that all slots are in use.
var errBusy = errors.New("all slots of the logstore are in use")

// Begin gives a request a slot, and the numbers that are parked for its segment. End has to
// follow.
func (t *Table) Begin(at Place, chunk *journal.Chunk, segment int) (*Turn, error) {
	s, err := t.take(at)
	if err != nil {
		return nil, err
	}
	turn := &Turn{table: t, chunk: chunk, of: segmentID{chunk.Identity(), segment}, slot: s}
	turn.claim()
	return turn, nil
}

func (t *Table) take(at Place) (*slot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.places[at]
	if p == nil {
		t.pruneLocked()
		p = &place{}
		t.places[at] = p
	}
	for i := range slots {
		n := (p.next + i) % slots
		s := p.slots[n]
		if s == nil {
			s = &slot{at: at, number: n, key: at.key(n)}
			p.slots[n] = s
		}
		if !s.busy {
			s.busy, p.next = true, n+1
			return s, nil
		}
	}
	return nil, errBusy
}

func (t *Table) give(s *slot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.busy = false
}

// renew gives a slot a key that was never used.
func (s *slot) renew() { s.key, s.last = s.at.key(s.number), 0 }

// pruneLocked forgets the places that nobody uses: they get new keys when they are used
// again.
func (t *Table) pruneLocked() {
	if len(t.places) < maxPlaces {
		return
	}
	busy := func(s *slot) bool { return s != nil && s.busy }
	for at, p := range t.places {
		if !slices.ContainsFunc(p.slots[:], busy) {
			delete(t.places, at)
		}
	}
}

// Stats is how a table stands.
type Stats struct {
	Parked    int    // numbers without a clear answer, whose segments are to come back
	Forgotten uint64 // numbers of which nobody will know whether they were accepted
}

// Stats is how t stands now.
func (t *Table) Stats() Stats {
	onFile := t.journal.Stats()
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{Parked: t.parked.len() + onFile.Waiting, Forgotten: t.forgotten + onFile.Forgotten}
}
