package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"fluent-bit-sls/tests/demo"
)

// Bounds of what one feed has on its way, in chunks and bytes: the size of the
// engine's storage, and the memory of a campaign.
const (
	maxOpenChunks = 40
	maxOpenBytes  = 12 << 20
	maxChunkBytes = 2_000_000
)

// chunk is a chunk in the engine's store: it stays until it is acknowledged.
type chunk struct {
	feed     *feed
	number   int // within the feed
	tag      string
	data     []byte
	from, to uint32 // its records
	flushes  int
	due      time.Duration // not handed to the plugin before
}

// feed is what one input of the engine produces for one output section, and the
// chunk store between them. The store outlives host processes, as Fluent Bit's
// filesystem storage does.
type feed struct {
	number    int
	logstore  string
	named     bool // its records name their logstore, logstore is where the others go
	templates *templates
	clock     func() time.Duration
	register  func(*chunk) // told of each chunk before its first flush

	mu      sync.Mutex // guards what follows
	shape   *rand.Rand // what chunks are like: drawn from for nothing else, so the seed decides it
	luck    *rand.Rand // in which order and when they are flushed
	waiting []*chunk
	open    int // chunks not acknowledged
	bytes   int // of these
	records uint32
	chunks  int
	closed  bool // makes no new chunks
}

func newFeed(c *config, number int, logstore string, k *checker) *feed {
	return &feed{
		number: number, logstore: logstore, named: number == namedFeed, templates: k.templates, clock: k.ledger.now, register: k.sent,
		shape: c.stream(fmt.Sprint("chunks ", number)), luck: c.stream(fmt.Sprint("luck ", number)),
	}
}

// take returns a chunk that may be flushed now, of the store or a new one; nil
// when there is none at the moment. done says that there will be no more.
func (f *feed) take() (c *chunk, done bool) {
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
	fresh := !f.closed && f.open < maxOpenChunks && f.bytes < maxOpenBytes && f.records < maxPerFeed-200_000
	switch {
	case len(due) > 0 && (!fresh || f.luck.IntN(3) > 0):
		c = due[f.luck.IntN(len(due))]
		f.remove(c)
	case fresh:
		c = f.make()
	default:
		return nil, false
	}
	c.flushes++
	return c, false
}

func (f *feed) remove(c *chunk) {
	for i, other := range f.waiting {
		if other == c {
			last := len(f.waiting) - 1
			f.waiting[i] = f.waiting[last]
			f.waiting = f.waiting[:last]
			return
		}
	}
}

// giveBack puts a chunk back that was not acknowledged, to be flushed again
// after the engine's back-off.
func (f *feed) giveBack(c *chunk, retry bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.due = f.clock()
	if retry {
		c.due += time.Duration(10+f.luck.IntN(100*min(c.flushes, 8))) * time.Millisecond
	}
	f.waiting = append(f.waiting, c)
}

// settle forgets a chunk: acknowledged, or dropped.
func (f *feed) settle(c *chunk) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	f.bytes -= len(c.data)
}

// close ends the making of chunks.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

func (f *feed) pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// make generates the next chunk: one record, a handful, a few hundred, or as
// many as fit into bytes. f.mu is held.
func (f *feed) make() *chunk {
	records, bytes := 1, maxChunkBytes
	switch n := f.shape.IntN(20); {
	case n < 2:
	case n < 8:
		records = 2 + f.shape.IntN(50)
	case n < 18:
		records = 100 + f.shape.IntN(1500)
	default:
		records, bytes = 100_000, 100_000+f.shape.IntN(maxChunkBytes-100_000)
	}
	c := &chunk{feed: f, number: f.chunks, from: f.records}
	c.tag = fmt.Sprintf("kube.var.log.f%d.%d", f.number, f.shape.IntN(5))
	form := eventForm{v1: f.shape.IntN(10) == 0, long: f.shape.IntN(10) == 0, metadata: f.shape.IntN(10) == 0}
	grouped := !form.v1 && f.shape.IntN(20) == 0
	if grouped {
		c.data = form.appendMarker(c.data, groupStart)
	}
	seq := c.from
	for ; int(seq-c.from) < records && len(c.data) < bytes; seq++ {
		id := recordID{feed: uint32(f.number), seq: seq}
		c.data = form.append(c.data, firstSecond+id.feed, id.seq, func(dst []byte) []byte {
			return f.templates.appendRecord(dst, id)
		})
	}
	if grouped {
		c.data = form.appendMarker(c.data, groupEnd)
	}
	c.to, f.records = seq, seq
	f.chunks++
	f.open++
	f.bytes += len(c.data)
	f.register(c)
	return c
}

// eventForm is how the events of a chunk are written: engines have done it in
// several ways.
type eventForm struct {
	v1       bool // [time, record], from before Fluent Bit v2.1
	long     bool // ext 8 for the time
	metadata bool
}

// append appends
//
//	v2 event = array(2) array(2) EventTime map(metadata) record
//	v1 event = array(2) EventTime record
//
// with an empty map where record is nil.
func (e eventForm) append(dst []byte, sec, nsec uint32, record func([]byte) []byte) []byte {
	dst = appendArrayHead(dst, 2)
	if !e.v1 {
		dst = appendArrayHead(dst, 2)
	}
	dst = appendEventTime(dst, sec, nsec, e.long)
	switch {
	case e.v1:
	case e.metadata:
		dst = demo.AppendString(demo.AppendString(appendMapHead(dst, 1), "stream"), "stderr")
	default:
		dst = appendMapHead(dst, 0)
	}
	if record == nil {
		return appendMapHead(dst, 0)
	}
	return record(dst)
}

// appendMarker appends the start or the end of a group as the engine's OpenTelemetry
// input writes them: a start is known by the schema in its metadata.
func (e eventForm) appendMarker(dst []byte, sec uint32) []byte {
	dst = appendEventTime(appendArrayHead(appendArrayHead(dst, 2), 2), sec, 0, e.long)
	if sec == groupEnd {
		return appendMapHead(appendMapHead(dst, 0), 0)
	}
	dst = appendMapHead(dst, 3)
	dst = demo.AppendString(demo.AppendString(dst, "schema"), "otlp")
	dst = appendInt(demo.AppendString(dst, "resource_id"), 0)
	dst = appendInt(demo.AppendString(dst, "scope_id"), 0)
	return appendMapHead(demo.AppendString(appendMapHead(dst, 1), "resource"), 0)
}
