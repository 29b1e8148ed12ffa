// Package store plays the engine's part before an output: it makes chunks and keeps them,
// over the ends of processes, until they are acknowledged.
package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/plan"
)

// Bounds of what one feed has on its way, in chunks and bytes: the size of the
// engine's storage, and the memory of a campaign.
const (
	maxOpenChunks = 40
	maxOpenBytes  = 12 << 20
	maxChunkBytes = 2_000_000
)

// Chunk is a chunk in the engine's store: it stays until it is acknowledged.
type Chunk struct {
	Feed     *Feed
	Number   int // within the feed
	Tag      string
	Data     []byte
	From, To uint32 // its records
	Flushes  int
	Path     string        // of its file; "" = it is in memory
	Twin     *Chunk        // an earlier one of equal bytes; nil = none
	due      time.Duration // not handed to the plugin before
}

// Feed is what one input of the engine produces for one output section, and the chunk store
// between them. The store survives host processes, as filesystem storage does.
type Feed struct {
	Number    int
	Logstore  string
	Named     bool // its records name their logstore, logstore is where the others go
	Attacks        // on what is remembered of its chunks
	templates *record.Templates
	clock     func() time.Duration
	register  func(*Chunk) // told of each chunk before its first flush

	mu      sync.Mutex // guards what follows
	shape   *rand.Rand // what chunks are like: drawn from for nothing else, so the seed decides it
	luck    *rand.Rand // in which order and when they are flushed
	waiting []*Chunk
	open    int // chunks not acknowledged
	bytes   int // of these
	records uint32
	chunks  int
	closed  bool // makes no new chunks
	last    *Chunk
	jump    time.Duration
	files   files
}

// Attacks are what a feed does beside making chunks.
type Attacks struct {
	Twins   bool // makes chunks of equal bytes now and then
	GivesUp bool // drops chunks that came back, as retry_limit and storage.total_limit_size do
	HoldAll bool // its other output is down for the whole run
	Small   bool // makes small chunks, of which more are held
	Jumps   bool // the clock that names its files jumps
}

// NewFeed returns one that sends to a logstore. clock is the campaign's; register is told of
// each chunk before its first flush.
func NewFeed(c *plan.Plan, number int, logstore string, t *record.Templates, clock func() time.Duration, register func(*Chunk)) *Feed {
	return &Feed{
		Number: number, Logstore: logstore, Named: number == record.NamedFeed, templates: t, clock: clock, register: register,
		shape: c.Stream(fmt.Sprint("chunks ", number)), luck: c.Stream(fmt.Sprint("luck ", number)),
	}
}

// Take returns a chunk that may be flushed now, of the store or a new one; nil
// when there is none at the moment. done says that there will be no more.
func (f *Feed) Take() (c *Chunk, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed && f.open == 0 {
		return nil, true
	}
	now := f.clock()
	due := f.waiting[:0:0]
	for _, c := range f.waiting {
		if c.due <= now {
			due = append(due, c)
		}
	}
	fresh := !f.closed && f.open < maxOpenChunks && f.bytes < maxOpenBytes && f.records < record.MaxPerFeed-200_000
	switch {
	case len(due) > 0 && (!fresh || f.luck.IntN(3) > 0):
		c = due[f.luck.IntN(len(due))]
		f.remove(c)
	case fresh && f.Twins && f.chunks > 0 && f.luck.IntN(4) == 0:
		c = f.twin()
	case fresh:
		c = f.make()
	default:
		return nil, false
	}
	c.Flushes++
	return c, false
}

func (f *Feed) remove(c *Chunk) {
	for i, other := range f.waiting {
		if other == c {
			last := len(f.waiting) - 1
			f.waiting[i] = f.waiting[last]
			f.waiting = f.waiting[:last]
			return
		}
	}
}

// GiveBack puts a chunk back that was not acknowledged, to be flushed again
// after the engine's back-off. A feed that gives chunks up drops it now and then, or, as an
// engine without room does, all that wait: gone are those that never come back.
func (f *Feed) GiveBack(c *Chunk, retry bool) (gone []*Chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.due = f.clock()
	if retry {
		c.due += time.Duration(10+f.luck.IntN(100*min(c.Flushes, 8))) * time.Millisecond
	}
	f.waiting = append(f.waiting, c)
	if !retry || !f.GivesUp || f.closed {
		return nil
	}
	switch n := f.luck.IntN(200); {
	case n == 0:
		gone, f.waiting = f.waiting, nil
	case n < 10:
		gone = append(gone, c)
		f.remove(c)
	}
	for _, c := range gone {
		f.open--
		f.bytes -= len(c.Data)
		f.files.remove(c)
	}
	return gone
}

// Undeleted puts a chunk back that was acknowledged, and whose file outlives its engine.
func (f *Feed) Undeleted(c *Chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.due = f.clock() + 300*time.Millisecond // in the next engine
	f.waiting = append(f.waiting, c)
}

// Discard forgets a chunk: acknowledged, or dropped. If another output has not got it, its
// file stays.
func (f *Feed) Discard(c *Chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	f.bytes -= len(c.Data)
	if c.Path != "" && !f.closed && (f.HoldAll || f.luck.IntN(2) == 0) {
		f.files.hold(c, f.most())
	} else {
		f.files.remove(c)
	}
}

// Restart is called when an engine starts or reloads. What lies in files goes to all outputs
// again, to those too that have had it.
func (f *Feed) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.files.backlog() {
		c.due = f.clock() + time.Duration(f.luck.IntN(1000))*time.Millisecond
		f.waiting = append(f.waiting, c)
		f.open++
		f.bytes += len(c.Data)
	}
}

// Close ends the making of chunks. The other output recovers and takes all it has not got.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for _, c := range f.files.backlog() {
		f.files.remove(c)
	}
}

// Pending is how many chunks are not acknowledged.
func (f *Feed) Pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// make generates the next chunk: one record, a handful, a few hundred, or as
// many as fit into bytes. f.mu is held.
func (f *Feed) make() *Chunk {
	records, bytes := 1, maxChunkBytes
	switch n := f.shape.IntN(20); {
	case n < 2:
	case n < 8:
		records = 2 + f.shape.IntN(50)
	case f.Small:
		records = 50 + f.shape.IntN(100)
	case n < 18:
		records = 100 + f.shape.IntN(1500)
	default:
		records, bytes = 100_000, 100_000+f.shape.IntN(maxChunkBytes-100_000)
	}
	c := &Chunk{Feed: f, Number: f.chunks, From: f.records}
	c.Tag = fmt.Sprintf("kube.var.log.f%d.%d", f.Number, f.shape.IntN(5))
	form := record.Form{V1: f.shape.IntN(10) == 0, Long: f.shape.IntN(10) == 0, Metadata: f.shape.IntN(10) == 0}
	grouped := !form.V1 && f.shape.IntN(20) == 0
	if grouped {
		c.Data = form.AppendMarker(c.Data, record.GroupStart)
	}
	seq := c.From
	for ; int(seq-c.From) < records && len(c.Data) < bytes; seq++ {
		id := record.ID{Feed: uint32(f.Number), Seq: seq}
		c.Data = form.Append(c.Data, record.FirstSecond+id.Feed, id.Seq, func(dst []byte) []byte {
			return f.templates.AppendRecord(dst, id)
		})
	}
	if grouped {
		c.Data = form.AppendMarker(c.Data, record.GroupEnd)
	}
	c.To, f.records = seq, seq
	f.last = c
	f.begin(c)
	return c
}

// twin makes a chunk that is equal to the byte to the one made before. f.mu is held.
func (f *Feed) twin() *Chunk {
	of := f.last
	c := &Chunk{Feed: f, Number: f.chunks, Tag: of.Tag, Data: of.Data, From: of.From, To: of.To, Twin: of}
	f.begin(c)
	return c
}

// begin puts a new chunk into the store. f.mu is held.
func (f *Feed) begin(c *Chunk) {
	f.chunks++
	f.open++
	f.bytes += len(c.Data)
	at := time.Now()
	if f.Jumps {
		if f.luck.IntN(20) == 0 {
			f.jump = time.Duration(f.luck.IntN(5)-2) * 13 * time.Hour
		}
		at = at.Add(f.jump)
	}
	f.files.write(c, at)
	f.register(c)
}
