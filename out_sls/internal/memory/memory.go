package memory

import (
	"container/list"
	"hash/maphash"
	"sync"
	"time"
)

// Bounds of what is remembered. The engine hands a chunk back after its own back-off, at
// most scheduler.cap (2000 s by default) later.
const (
	maxRemembered = 4096
	rememberFor   = time.Hour
)

// Memory holds the outcomes of chunks that the engine was given back with RETRY. The
// engine gives a chunk no identity: its bytes and tag are one. It is safe for concurrent
// use.
type Memory struct {
	seeds [2]maphash.Seed

	// mu guards what follows, every Flush and every Outcome. It is taken per segment and
	// per request, never per record, and no other lock is taken under it.
	mu     sync.Mutex
	chunks map[chunkID]*list.Element
	byAge  list.List // of *remembered, oldest first
}

// chunkID is a 128-bit hash of tag and bytes under seeds of this process.
type chunkID [2]uint64

type remembered struct {
	id       chunkID
	at       time.Time
	outcomes []*Outcome // by segment number
}

// New returns a memory of nothing.
func New() *Memory {
	return &Memory{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, chunks: map[chunkID]*list.Element{}}
}

// Begin starts a flush of a chunk, with what is remembered of it. The chunk is hashed
// only while something is remembered, which is seldom.
func (m *Memory) Begin(tag string, chunk []byte) *Flush {
	f := &Flush{memory: m, pending: 1, done: make(chan struct{})}
	m.mu.Lock()
	empty := m.byAge.Len() == 0
	m.mu.Unlock()
	if empty {
		return f
	}
	id := m.identify(tag, chunk)
	m.mu.Lock()
	defer m.mu.Unlock()
	f.known = m.takeLocked(id)
	return f
}

// Keep remembers what has become of the chunk of f, which goes back to the engine.
// Outcomes that are still pending are remembered as what they come to.
func (m *Memory) Keep(f *Flush, tag string, chunk []byte) {
	id := m.identify(tag, chunk)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepLocked(id, f.outcomes)
}

// identify hashes a chunk. It needs no lock.
func (m *Memory) identify(tag string, chunk []byte) chunkID {
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

// takeLocked removes and returns what is known of a chunk, nil if nothing. Removing it
// keeps two chunks of equal bytes apart: the second one finds nothing and is sent whole.
// In total each record then goes out twice, as it should.
func (m *Memory) takeLocked(id chunkID) []*Outcome {
	e, ok := m.chunks[id]
	if !ok {
		return nil
	}
	r := m.removeLocked(e)
	if time.Since(r.at) > rememberFor {
		return nil
	}
	return r.outcomes
}

func (m *Memory) keepLocked(id chunkID, outcomes []*Outcome) {
	if e, ok := m.chunks[id]; ok {
		m.removeLocked(e)
	}
	for m.byAge.Len() >= maxRemembered || m.byAge.Len() > 0 && time.Since(oldest(&m.byAge).at) > rememberFor {
		m.removeLocked(m.byAge.Front())
	}
	m.chunks[id] = m.byAge.PushBack(&remembered{id: id, at: time.Now(), outcomes: outcomes})
}

func (m *Memory) removeLocked(e *list.Element) *remembered {
	r, _ := m.byAge.Remove(e).(*remembered)
	delete(m.chunks, r.id)
	return r
}

func oldest(l *list.List) *remembered {
	r, _ := l.Front().Value.(*remembered)
	return r
}
