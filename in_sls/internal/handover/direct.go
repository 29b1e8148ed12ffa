package handover

import (
	"slices"
	"time"
)

// With direct hand-over the input appends to the engine itself, as the engine's own inputs
// do: in pieces, as data comes, and it gets a result. It may do so on its own thread only,
// in the callback that comes once a second. So it stays there for most of the second.

const (
	// stay is how long HandOver stays in the engine's callback. The engine calls again a
	// second after it called. What is left is for pauses, resumes and the exit.
	stay = 950 * time.Millisecond
	// emptyEvery is how often the engine empties its ring buffer, at the least.
	emptyEvery = 250 * time.Millisecond
	// afterResume is how long after a resume nothing is handed over. By then the engine
	// has emptied the ring, or it has paused the input again.
	afterResume = emptyEvery + 50*time.Millisecond
	// pieceSize is the most bytes of an append, but for a larger event.
	pieceSize = 1 << 20

	// LeastDirectDelay is the least handoff_delay with direct hand-over. News of a pause
	// may be as late as a callback stays, and what was appended since the engine paused
	// lies in the ring until it resumes. A delay of stay and the time of one emptying has
	// seen an emptying that no such pause can have taken away.
	LeastDirectDelay = stay + emptyEvery
)

// Engine takes events while it calls the input. Its methods are called on the thread of
// that call only.
type Engine interface {
	// Append hands whole events over under a tag, "" for the section's own. With an error
	// the engine has nothing of them. It keeps neither tag nor events.
	Append(tag string, events []byte) error
	// News reports whether the engine waits to say something: a pause, a resume, the exit.
	// It is false where that cannot be known.
	News() bool
}

// piece is what one append hands over.
type piece struct {
	tag    string
	events []byte
	parts  []part
}

// part is what one queue has given for a piece.
type part struct {
	of      *Queue
	end     int // of it in the piece
	records int
}

// quota bounds what is appended in any quarter of a second. That is what may lie in the ring
// when the engine pauses the input, beyond its mem_buf_limit. A quota for one quarter after
// the other would let two of them stand side by side: at the end of one and the beginning of
// the next.
type quota struct {
	each   int // bytes in a quarter
	used   int // in the slices
	slices [quarterSlices + 1]int
	newest int       // number of the newest slice, from 0
	begun  time.Time // of slice 0
}

const (
	quarterSlices = 50
	sliceTime     = emptyEvery / quarterSlices
)

// room is how many bytes may be appended now.
func (q *quota) room(now time.Time) int {
	if q.begun.IsZero() {
		q.begun = now
	}
	n := int(now.Sub(q.begun) / sliceTime)
	for range min(n-q.newest, len(q.slices)) {
		q.newest++
		q.used -= q.slices[q.newest%len(q.slices)]
		q.slices[q.newest%len(q.slices)] = 0
	}
	q.newest = max(q.newest, n)
	return q.each - q.used
}

// take notes what was appended since room was called.
func (q *quota) take(n int) {
	q.slices[q.newest%len(q.slices)] += n
	q.used += n
}

// more is when there is more room than now.
func (q *quota) more() time.Time {
	for old := q.newest - quarterSlices; old < q.newest; old++ {
		if old >= 0 && q.slices[old%len(q.slices)] > 0 {
			return q.begun.Add(time.Duration(old+len(q.slices)) * sliceTime)
		}
	}
	return q.begun.Add(time.Duration(q.newest+len(q.slices)) * sliceTime)
}

// HandOver appends what is queued, and what comes meanwhile, for most of a second. The
// engine's callback calls it once a second. It returns earlier when the input is paused or
// closed, when the engine has news, and when the engine does not take a piece. That piece
// is appended again at the next call, before anything else.
func (h *Queues) HandOver(engine Engine) {
	begun := time.Now()
	if engine.News() || !h.begin(begun) {
		return
	}
	end := begun.Add(stay)
	timer := time.NewTimer(stay)
	defer timer.Stop()
	for now := begun; now.Before(end) && !engine.News(); now = time.Now() {
		var pushed <-chan struct{}
		until := now.Add(emptyEvery)
		if room := h.quota.room(now); room <= 0 {
			until = h.quota.more()
		} else if ready, open := h.fill(min(room, pieceSize), now); !open {
			return
		} else if ready {
			if !h.append(engine) {
				return
			}
			continue
		} else {
			pushed = h.pushed
		}
		if until.After(end) {
			until = end
		}
		timer.Reset(until.Sub(now))
		select {
		case <-pushed:
		case <-timer.C:
		}
	}
}

// begin begins a call of HandOver. It returns false when nothing may be handed over. That
// the engine calls, and has no news, shows that it has not paused the input since it called
// last or resumed.
func (h *Queues) begin(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.paused || now.Sub(h.resumed) < afterResume {
		return false
	}
	if !h.copying {
		h.emptying.prove(now)
	}
	return true
}

// fill makes the next piece, of limit bytes at most or one larger event. One that was not
// taken goes before it. open is false when the input is paused or closed.
func (h *Queues) fill(limit int, now time.Time) (ready, open bool) {
	var got taken
	func() {
		h.mu.Lock()
		defer h.mu.Unlock() // also after a panic: the next call is to work
		if open = !h.paused; !open {
			return
		}
		if h.copying {
			if ready = h.refreshLocked(now); ready || h.copying {
				return
			}
		}
		if h.suspended {
			return
		}
		got.parts = h.piece.parts[:0]
		h.piece.events = h.collectLocked(h.piece.events[:0], limit, now, &got)
		h.piece.tag, h.piece.parts = got.tag, got.parts
		ready = len(h.piece.events) > 0
		h.copying = ready
		h.records += int64(got.records)
	}()
	h.free(got.done)
	return ready, open
}

// refreshLocked cuts out of a piece that was not taken what is of leases that have ended
// since: another member may be handing it over. It returns whether the piece may be appended.
// Not while a lease has run out that may still go on, and not when nothing is left.
func (h *Queues) refreshLocked(now time.Time) bool {
	p := &h.piece
	if slices.ContainsFunc(p.parts, func(s part) bool { return !s.of.closed && s.of.expired(now) }) {
		return false
	}
	events, parts, begin := p.events[:0], p.parts[:0], 0
	for _, s := range p.parts {
		of := p.events[begin:s.end]
		begin = s.end
		if s.of.closed {
			h.records -= int64(s.records)
			continue
		}
		events = append(events, of...)
		parts = append(parts, part{s.of, len(events), s.records})
	}
	p.events, p.parts = events, parts
	h.copying = len(events) > 0
	return h.copying
}

// append hands the piece over. The time that it takes is no time in which the engine can
// have emptied the ring of it.
func (h *Queues) append(engine Engine) bool {
	begun := time.Now()
	err := engine.Append(h.piece.tag, h.piece.events)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed = time.Now()
	if err != nil {
		h.failed.Add(1)
		h.emptying.stop()
		return false
	}
	h.copying = false
	h.emptying.without(h.changed.Sub(begun), h.changed)
	h.quota.take(len(h.piece.events))
	if cap(h.piece.events) > 4*pieceSize { // of one large event
		h.piece.events = nil
	}
	return true
}

// wake lets a HandOver that waits look again.
func (h *Queues) wake() {
	select {
	case h.pushed <- struct{}{}:
	default:
	}
}
