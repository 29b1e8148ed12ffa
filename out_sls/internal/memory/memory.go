package memory

import (
	"container/list"
	"sync"
	"time"

	"fluent-bit-sls/out_sls/internal/journal"
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
	journal *journal.Journal // nil: nothing outlives the process

	// mu guards what follows, every Flush and every Outcome. It is taken per segment and
	// per request, never per record. Under it only sequence.Table.mu is taken.
	mu     sync.Mutex
	chunks map[journal.ID]*list.Element
	byAge  list.List // of *remembered, oldest first
}

type remembered struct {
	id       journal.ID
	at       time.Time
	outcomes []*Outcome // by segment number
	note     *journal.Chunk
}

// New returns a memory that keeps what is delivered in j, which may be nil.
func New(j *journal.Journal) *Memory {
	return &Memory{journal: j, chunks: map[journal.ID]*list.Element{}}
}

// Begin starts a flush of a chunk, with what is remembered of it. Without a journal the
// chunk is hashed only while something is remembered, which is seldom.
func (m *Memory) Begin(tag string, chunk []byte) *Flush {
	f := &Flush{memory: m, pending: 1, done: make(chan struct{})}
	m.mu.Lock()
	empty := m.byAge.Len() == 0
	m.mu.Unlock()
	if empty && m.journal == nil {
		return f
	}
	id := journal.Identify(tag, chunk)
	m.mu.Lock()
	earlier := m.findLocked(id)
	m.mu.Unlock()
	if m.journal != nil {
		var note *journal.Chunk
		if earlier != nil {
			note = earlier.note
		}
		if f.note = m.journal.Begin(id, chunk, note); f.note != note {
			return f // another chunk of equal bytes is remembered, or none
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f.known = m.takeLocked(earlier)
	return f
}

// Keep remembers what has become of the chunk of f, which goes back to the engine.
// Outcomes that are still pending are remembered as what they come to.
func (m *Memory) Keep(f *Flush, tag string, chunk []byte) {
	f.note.Keep()
	id := journal.Identify(tag, chunk)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keepLocked(&remembered{id: id, at: time.Now(), outcomes: f.outcomes, note: f.note})
}

// findLocked is what is known of a chunk, nil if nothing.
func (m *Memory) findLocked(id journal.ID) *remembered {
	e, ok := m.chunks[id]
	if !ok {
		return nil
	}
	r, _ := e.Value.(*remembered)
	if time.Since(r.at) > rememberFor {
		m.removeLocked(e)
		return nil
	}
	return r
}

// takeLocked removes and returns what was found, unless another flush has. Removing it
// keeps two chunks of equal bytes apart: the second one finds nothing and is sent whole.
// In total each record then goes out twice, as it should.
func (m *Memory) takeLocked(found *remembered) []*Outcome {
	if found == nil || m.findLocked(found.id) != found {
		return nil
	}
	m.removeLocked(m.chunks[found.id])
	return found.outcomes
}

func (m *Memory) keepLocked(r *remembered) {
	if e, ok := m.chunks[r.id]; ok {
		m.removeLocked(e)
	}
	for m.byAge.Len() >= maxRemembered || m.byAge.Len() > 0 && time.Since(oldest(&m.byAge).at) > rememberFor {
		m.removeLocked(m.byAge.Front())
	}
	m.chunks[r.id] = m.byAge.PushBack(r)
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
