package journal

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Config says where an instance keeps its file.
type Config struct {
	Folder      string // the option state_path
	Name        string // of the instance: the section's alias or name
	Size        int64  // bytes the file may take, at least MinSize
	Fingerprint uint64 // of everything that decides how a chunk is cut and encoded
}

// MinSize has room for what is under way.
const MinSize = 1 << 20

// Journal is the memory of one instance. It is safe for concurrent use. A file that
// another process has, or that cannot be opened, is tried again each second.
type Journal struct {
	cfg      Config
	log      *slog.Logger
	capacity int // frames that fit beside the head
	origins  *origins
	boot     uint64

	// mu guards what follows. It is held while the file is written, which takes
	// microseconds, and while a full one is replaced, which takes milliseconds. It is
	// taken per chunk and per request, never under a lock of the engine.
	mu        sync.Mutex
	store     store
	index     index
	due       time.Time // when the file is tried again
	told      string    // what was last logged about it
	shrinkAt  time.Time // a full file is not replaced before, as that has just failed
	young     uint64
	errors    uint64
	unlocated map[*Chunk]struct{} // chunks that a flush has, and whose file is not known
	closed    bool
	out       []byte // frames to be written
}

// New opens the file of an instance. What is wrong with it is logged: it costs the
// memory only.
func New(cfg Config, log *slog.Logger) *Journal {
	cfg.Size = max(cfg.Size, MinSize)
	j := &Journal{
		cfg: cfg, log: log, capacity: int(cfg.Size/frameSize) - 1,
		origins: newOrigins(), boot: thisBoot().mark(),
		store: newStore(filePath(cfg.Folder, cfg.Name)), index: newIndex(0),
		unlocated: map[*Chunk]struct{}{},
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ownLocked()
	return j
}

// Path is where the file of an instance of that name is.
func (c *Config) Path() string { return filePath(c.Folder, c.Name) }

// retryEvery is how often a file is tried that is not ours yet.
const retryEvery = time.Second

// ownLocked makes the file ours, if it is not and it is time to try.
func (j *Journal) ownLocked() {
	now := time.Now()
	if j.store.file != nil || j.closed || now.Before(j.due) {
		return
	}
	j.due = now.Add(retryEvery)
	held := 0
	err := j.openLocked(&held)
	switch {
	case errors.Is(err, errLocked):
		j.tellLocked(slog.LevelWarn, "state_path: another process has the file, nothing is remembered until it ends")
	case err != nil:
		j.tellLocked(slog.LevelError, "state_path: the file cannot be used, nothing is remembered", "error", err)
	default:
		j.tellLocked(slog.LevelInfo, "state_path: what is delivered is remembered", "statements", held)
	}
}

// tellLocked logs what has become of the file, once.
func (j *Journal) tellLocked(level slog.Level, text string, args ...any) {
	if j.told == text {
		return
	}
	j.told = text
	j.log.Log(context.Background(), level, text, append(args, "file", j.store.path)...)
}

// openLocked takes the lock, opens the file, and finds out what it states.
func (j *Journal) openLocked(held *int) error {
	if j.store.lock == nil {
		if err := j.store.own(); err != nil {
			return err
		}
	}
	frames, aside, err := j.store.open(thisBoot())
	if aside != nil {
		j.log.Warn("state_path: what lay there is set aside", "file", j.store.path, "as", j.store.path+".broken", "error", aside)
	}
	if err != nil {
		return err
	}
	x, err := j.store.load(frames)
	if err != nil {
		j.store.forget()
		return err
	}
	x.inherit(j.boot)
	x.forgotten += j.index.forgotten
	*held = x.live.count()
	j.index = x
	return nil
}

// Chunk is what is known of one chunk, from its first flush to its last answer. nil
// knows nothing and takes note of nothing.
type Chunk struct {
	journal  *Journal
	id       ID
	from     Origin         // zero = it lies in memory, or nobody has looked: nothing is stated
	at       uintptr        // where a flush has it, until its file is known; journal.mu guards both
	accepted map[int][]Span // before it began
	sent     map[int][]Number
	segments int // 0 = it is not cut yet; journal.mu guards it
}

// Begin begins the flush of a chunk. earlier is what Begin returned for the flush
// before, if the caller remembers a chunk of this id, else nil. When Begin returns
// earlier, it is the same chunk. When it does not, it is another one of equal bytes:
// then what the caller remembers is not about this one.
//
// Two chunks can be equal to the byte. Their records are there twice and have to arrive
// twice, so nothing counts that is stated of another file.
func (j *Journal) Begin(id ID, chunk []byte, earlier *Chunk) *Chunk {
	from, known := j.origins.quick(chunk)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ownLocked()
	p, stated := j.index.chunks[id.half()]
	if !known && (stated || earlier != nil) {
		from, known = j.origins.find(chunk), true
	}
	if earlier != nil && earlier.from == from {
		return earlier
	}
	c := &Chunk{journal: j, id: id, from: from}
	switch {
	case !known && len(chunk) > 0:
		c.at = addressOf(chunk)
		j.unlocated[c] = struct{}{}
	case stated && from.hash != 0: // what lies in memory dies with the process
		c.readLocked(p)
	}
	return c
}

// readLocked reads what is stated of c.
func (c *Chunk) readLocked(p place) {
	j := c.journal
	frames, err := j.statementsLocked(c, p)
	if err != nil {
		j.tellLocked(slog.LevelError, "state_path: the file cannot be read, chunks are sent whole", "error", err)
	}
	c.accepted = spansBySegment(frames, j.cfg.Fingerprint)
	c.sent = numbersBySegment(frames, j.cfg.Fingerprint)
}

// statementsLocked reads what is stated of c, among what p has: frames damaged since, of
// other chunks of the same half, and of equal ones are not.
func (j *Journal) statementsLocked(c *Chunk, p place) (frames []frame, err error) {
	for n := p.last; n != 0; n = j.index.prev[n] {
		if !j.index.live.has(n) {
			continue // a number that is over
		}
		f, err := j.store.statement(n)
		if err != nil {
			return nil, err
		}
		if f.id == c.id && f.origin == c.from.hash {
			frames = append(frames, f)
		}
	}
	return frames, nil
}

// roomLocked is how many frames the file has room for. If that is less than wanted, it is
// replaced before.
func (j *Journal) roomLocked(wanted int) (room int, err error) {
	if len(j.index.prev)+wanted > j.capacity+1 {
		err = j.shrinkLocked()
	}
	return j.capacity + 1 - len(j.index.prev), err
}

// appendLocked writes frames, which the file has room for.
func (j *Journal) appendLocked(frames []frame) error {
	j.out = j.out[:0]
	for i := range frames {
		j.out = frames[i].append(j.out)
	}
	if err := j.store.write(j.out, uint32(len(j.index.prev))); err != nil {
		return err
	}
	for _, f := range frames {
		j.index.add(f)
	}
	return nil
}

// Accepted is what SLS has accepted of one segment, by position.
type Accepted struct {
	Chunk   *Chunk
	Segment int
	Spans   []Span
	Settled bool // nothing else of the segment is open
}

// Accept puts on file what SLS has accepted with one answer. It returns when the kernel
// has it. An error means that it is not remembered.
func (j *Journal) Accept(list []Accepted) error {
	j.locate(chunksOf(list)...)
	j.mu.Lock()
	defer j.mu.Unlock()
	err := j.acceptLocked(list)
	if err != nil {
		j.errors++
	}
	return err
}

func (j *Journal) acceptLocked(list []Accepted) error {
	if j.store.file == nil {
		return nil // it was logged when it was tried
	}
	frames := j.framesLocked(list)
	if len(frames) == 0 {
		return nil
	}
	room, err := j.roomLocked(len(frames))
	if err != nil {
		return err
	}
	if len(frames) > room {
		j.young += uint64(len(frames) - room)
		frames = frames[:room]
	}
	return j.appendLocked(frames)
}

// lastsLocked tells whether c outlives the process: else nothing is stated of it.
func (c *Chunk) lastsLocked() bool { return c != nil && c.from.hash != 0 }

// framesLocked are the statements to be written, without those about chunks of which
// nothing is stated.
func (j *Journal) framesLocked(list []Accepted) []frame {
	var frames []frame
	now := time.Now()
	for _, a := range list {
		c := a.Chunk
		if !c.lastsLocked() {
			continue
		}
		f := frame{
			kind: kindAccepted, at: now, id: c.id, fingerprint: j.cfg.Fingerprint, origin: c.from.hash,
			segment: uint32(a.Segment), total: uint32(c.segments),
		}
		for spans := a.Spans; len(spans) > 0; spans = spans[min(len(spans), spansPerFrame):] {
			f.settled = a.Settled && len(spans) <= spansPerFrame
			f.spans = [spansPerFrame]Span{}
			copy(f.spans[:], spans)
			frames = append(frames, f)
		}
	}
	return frames
}

// Cut takes note of how many segments a chunk has.
func (c *Chunk) Cut(segments int) {
	if c == nil {
		return
	}
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.segments = segments
}

// Accepted is what an earlier instance has delivered of a segment: spans in order,
// which do not touch. They are not to be changed.
func (c *Chunk) Accepted(segment int) []Span {
	if c == nil {
		return nil
	}
	return c.accepted[segment]
}

// Keep takes note of where a chunk lies that is given back to the engine, so that it is
// known when it returns. A flush has it still.
func (c *Chunk) Keep() {
	if c != nil {
		c.journal.locate(c)
	}
}

// Leave takes note that the flush returns: the chunk's bytes are the engine's again.
func (c *Chunk) Leave() {
	if c == nil {
		return
	}
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.leaveLocked()
}

func (c *Chunk) leaveLocked() {
	c.at = 0
	delete(c.journal.unlocated, c)
}

// chunksOf are the chunks that list is about.
func chunksOf(list []Accepted) []*Chunk {
	chunks := make([]*Chunk, 0, len(list))
	for _, a := range list {
		chunks = append(chunks, a.Chunk)
	}
	return chunks
}

// locate finds the files of chunks. Before Linux 6.11 that takes a list of
// all mappings, so one list serves all chunks that flushes have.
func (j *Journal) locate(wanted ...*Chunk) {
	var chunks []*Chunk
	var at []uintptr
	j.mu.Lock()
	if slices.ContainsFunc(wanted, func(c *Chunk) bool { return c != nil && c.at != 0 }) {
		for c := range j.unlocated {
			chunks, at = append(chunks, c), append(at, c.at)
		}
	}
	j.mu.Unlock()
	if len(chunks) == 0 {
		return
	}
	origins := j.origins.list(at)
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, c := range chunks {
		if c.at != 0 { // a flush has had it throughout
			c.from = origins[i]
			c.leaveLocked()
		}
	}
}

// Stats is how a journal stands.
type Stats struct {
	Held         bool   // the file is this instance's
	Entries      int    // on file, of those that hold
	Errors       uint64 // calls of Accept that failed
	EvictedYoung uint64 // entries that had to go within an hour, for lack of room
	Waiting      int    // numbers of earlier instances whose segments have not come back
	Forgotten    uint64 // numbers of which nobody will know whether they were accepted
}

// Stats needs no synchronisation.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{
		Held: j.store.file != nil, Entries: j.index.live.count() - len(j.index.open), Errors: j.errors, EvictedYoung: j.young,
		Waiting: j.index.waiting(), Forgotten: j.index.forgotten,
	}
}

// Close gives the file up. The next instance goes on with it.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.origins.close()
	return j.store.close()
}

// discardLocked removes a file that cannot be trusted to say what it should.
func (j *Journal) discardLocked() {
	if err := j.store.discard(); err != nil {
		j.log.Error("state_path: a file that cannot be written cannot be removed either: remove it before the next start, or records may be taken for delivered that are not",
			"file", j.store.path, "error", err)
	}
	forgotten := j.index.forgotten + uint64(j.index.waiting())
	j.index = newIndex(0)
	j.index.forgotten = forgotten
}
