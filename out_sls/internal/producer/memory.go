package producer

import (
	"container/list"
	"hash/maphash"
	"time"
)

// Bounds of what is remembered. The engine hands a chunk back after its own
// back-off, at most scheduler.cap (2000 s by default) later.
const (
	maxRemembered = 4096
	rememberFor   = time.Hour
)

// memory holds the outcomes of chunks given back to the engine with RETRY, so
// that a chunk that returns sends only what is missing. The engine gives a chunk
// no identity: its bytes and tag are one. The caller synchronises.
type memory struct {
	seeds   [2]maphash.Seed
	entries map[chunkID]*list.Element
	byAge   list.List // of *remembered, oldest first
}

// chunkID is a 128-bit hash of tag and bytes under seeds of this process.
type chunkID [2]uint64

type remembered struct {
	id       chunkID
	at       time.Time
	outcomes []*outcome
}

func newMemory() *memory {
	return &memory{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, entries: map[chunkID]*list.Element{}}
}

// identify needs no synchronisation.
func (m *memory) identify(tag string, chunk []byte) chunkID {
	var id chunkID
	for i, seed := range m.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		_, _ = h.WriteString(tag)
		_ = h.WriteByte(0)
		_, _ = h.Write(chunk)
		id[i] = h.Sum64()
	}
	return id
}

// take removes and returns what is known of a chunk, nil if nothing. Removing it
// is what keeps two chunks of equal bytes apart: the second one to come finds
// nothing and is sent whole, so that in total each record goes out twice.
func (m *memory) take(id chunkID) []*outcome {
	e, ok := m.entries[id]
	if !ok {
		return nil
	}
	r := m.remove(e)
	if time.Since(r.at) > rememberFor {
		return nil
	}
	return r.outcomes
}

func (m *memory) put(id chunkID, outcomes []*outcome) {
	if e, ok := m.entries[id]; ok {
		m.remove(e)
	}
	for m.byAge.Len() >= maxRemembered || m.byAge.Len() > 0 && time.Since(oldest(&m.byAge).at) > rememberFor {
		m.remove(m.byAge.Front())
	}
	m.entries[id] = m.byAge.PushBack(&remembered{id: id, at: time.Now(), outcomes: outcomes})
}

func (m *memory) empty() bool { return m.byAge.Len() == 0 }

func (m *memory) remove(e *list.Element) *remembered {
	r, _ := m.byAge.Remove(e).(*remembered)
	delete(m.entries, r.id)
	return r
}

func oldest(l *list.List) *remembered {
	r, _ := l.Front().Value.(*remembered)
	return r
}
