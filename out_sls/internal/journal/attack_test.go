package journal

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// world plays the engine, SLS and what kills them, at random: chunks of few different
// bytes with two segments of four logs, flushed by several workers, kept by another
// output or not, handed back, given up never. Every log has to arrive at least once for
// each chunk that has it.
type world struct {
	*folder
	random  *rand.Rand
	j       *Journal
	chunks  []*simChunk
	memory  map[ID]*simMemory
	flushes []*simFlush
	stored  map[string]int // by content, segment and log: copies
	made    map[string]int // by content: chunks
	ended   map[string]int
	unclear int // logs whose answer was lost
	equal   bool
}

const (
	simSegments = 2
	simLogs     = 4
)

type simChunk struct {
	content string
	bytes   []byte
	busy    bool
	held    bool // by another output: it comes again after a kill
}

// simMemory is what an instance remembers of a chunk that it has handed back.
type simMemory struct {
	chunk *Chunk
	done  [simSegments][simLogs]bool
}

// simFlush is a flush under way.
type simFlush struct {
	of   *simChunk
	id   ID
	note *Chunk
	done [simSegments][simLogs]bool
	next int // segment
	fail bool
}

// killed is thrown where SIGKILL strikes.
type killed struct{}

func (w *world) strike() {
	if w.random.IntN(60) == 0 {
		panic(killed{})
	}
}

func (w *world) boot() {
	w.j = w.start()
	w.j.store.writeAt = func(f *os.File, b []byte, at int64) (int, error) {
		w.strike()
		n, err := f.WriteAt(b, at)
		w.strike()
		return n, err
	}
	w.memory, w.flushes = map[ID]*simMemory{}, nil
	for _, c := range w.chunks {
		c.busy, c.held = false, false
	}
}

func (w *world) step() {
	defer func() {
		switch v := recover(); v {
		case nil:
		case killed{}:
			w.restart()
		default:
			panic(v)
		}
	}()
	w.strike()
	switch n := w.random.IntN(10); {
	case n == 0 && len(w.chunks) < 6:
		w.make()
	case n < 4:
		w.flush()
	case len(w.flushes) > 0:
		w.advance(w.flushes[w.random.IntN(len(w.flushes))])
	}
}

func (w *world) restart() {
	// The panic can have come with the lock held, which does not outlive the process.
	w.j.closed = true
	w.j.origins.close()
	_ = w.j.store.close()
	w.boot()
}

func (w *world) make() {
	content := fmt.Sprint("content ", w.random.IntN(3))
	if !w.equal {
		content = fmt.Sprint("content ", len(w.made))
	}
	w.made[content]++
	w.chunks = append(w.chunks, &simChunk{content: content, bytes: w.chunk(content, before())})
}

func (w *world) flush() {
	if len(w.chunks) == 0 {
		return
	}
	c := w.chunks[w.random.IntN(len(w.chunks))]
	if c.busy || c.held {
		return
	}
	f := &simFlush{of: c, id: Identify("tag", c.bytes)}
	m := w.memory[f.id]
	if m == nil {
		f.note = w.j.Begin(f.id, c.bytes, nil)
	} else if f.note = w.j.Begin(f.id, c.bytes, m.chunk); f.note == m.chunk {
		f.done = m.done
		delete(w.memory, f.id)
	}
	for s := range simSegments {
		for _, run := range f.note.Accepted(s) {
			for l := run.First; l < run.First+run.Logs; l++ {
				f.done[s][l] = true
			}
		}
	}
	c.busy = true
	f.note.Cut(simSegments)
	w.flushes = append(w.flushes, f)
}

// advance sends what is missing of the next segment, a part of it at times.
func (w *world) advance(f *simFlush) {
	if f.next == simSegments {
		w.end(f)
		return
	}
	s := f.next
	f.next++
	first, last := 0, simLogs
	if w.random.IntN(3) == 0 {
		first, last = w.random.IntN(simLogs), w.random.IntN(simLogs+1)
		f.fail = true
	}
	var spans []Span
	for l := first; l < last; l++ {
		if !f.done[s][l] {
			spans = append(spans, Span{l, 1})
		}
	}
	if len(spans) == 0 {
		return
	}
	switch w.random.IntN(4) {
	case 0: // it never arrives, or SLS throttles
		f.fail = true
		return
	case 1: // it arrives, and the answer does not
		f.fail = true
		w.store(f, s, spans)
		w.unclear += len(spans)
		return
	}
	w.store(f, s, spans)
	w.unclear += len(spans) // until it is on file
	w.strike()
	require.NoError(w.t, w.j.Accept([]Accepted{{Chunk: f.note, Segment: s, Spans: spans, Settled: !f.fail}}))
	w.unclear -= len(spans)
	for _, run := range spans {
		f.done[s][run.First] = true
	}
}

func (w *world) store(f *simFlush, segment int, spans []Span) {
	for _, s := range spans {
		w.stored[fmt.Sprint(f.of.content, segment, s.First)]++
	}
}

func (w *world) end(f *simFlush) {
	for i, other := range w.flushes {
		if other == f {
			w.flushes = append(w.flushes[:i], w.flushes[i+1:]...)
			break
		}
	}
	f.of.busy = false
	defer f.note.Leave()
	for _, segment := range f.done {
		for _, done := range segment {
			if !done {
				f.note.Keep()
				w.memory[f.id] = &simMemory{f.note, f.done}
				return
			}
		}
	}
	if w.random.IntN(3) == 0 {
		f.of.held = true
		return
	}
	w.strike() // FLB_OK goes through a pipe, the file is deleted later
	w.ended[f.of.content]++
	for i, c := range w.chunks {
		if c == f.of {
			w.chunks = append(w.chunks[:i], w.chunks[i+1:]...)
			break
		}
	}
}

func TestNothingIsLostWhateverKills(t *testing.T) {
	for name, world := range map[string]world{
		"all different":             {},
		"all different, old kernel": {folder: &folder{slow: true}},
		"some equal":                {equal: true},
		"some equal, old kernel":    {equal: true, folder: &folder{slow: true}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(50) {
				w := world
				slow := w.folder != nil && w.slow
				w.folder = newFolder(t)
				w.slow, w.random = slow, rand.New(rand.NewPCG(seed, 1))
				w.stored, w.made, w.ended = map[string]int{}, map[string]int{}, map[string]int{}
				w.boot()
				for range 400 {
					w.step()
				}
				w.judge(seed)
				w.kill(w.j)
			}
		})
	}
}

// judge counts what is stored of the chunks that have gone.
func (w *world) judge(seed uint64) {
	copies, wanted := 0, 0
	for content, n := range w.made {
		for s := range simSegments {
			for l := range simLogs {
				stored := w.stored[fmt.Sprint(content, s, l)]
				copies += stored
				wanted += n
				require.GreaterOrEqual(w.t, stored, w.ended[content], "seed %d: %s, log %d of segment %d is lost", seed, content, l, s)
				if stored < n {
					copies += n - stored // still to be sent
				}
			}
		}
	}
	if !w.equal {
		require.LessOrEqual(w.t, copies-wanted, w.unclear, "seed %d: sent twice without need", seed)
	}
}
