// Package judge says whether an output has kept its promises: by what the emulator stores,
// what was handed over, and the history of the writes and of the processes.
package judge

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/output/store"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// Judge compares what was handed to the plugin with what the emulator stores.
// It reads the emulator's logs whenever a chunk is acknowledged, and trims them there: a
// campaign of millions of records has to fit into memory.
type Judge struct {
	server    *slsfake.Server
	history   *History
	failures  *report.Failures
	memory    Memory
	templates *record.Templates
	hashSeed  maphash.Seed

	mu          sync.Mutex // guards what follows
	feeds       []feedRecords
	contentHash []uint64 // by template, the hash of its contents as first stored; 0 = none yet
	stored      int
	again       map[record.ID][]uint32 // the writes after the first of records stored twice
	Fallbacks   map[string]int         // records in the default logstore, by the one that they named
	Order       *orderWatch
}

// feedRecords is what is known of one feed's records.
type feedRecords struct {
	logstore string
	named    bool // records say which logstore they belong to; logstore has the others
	battered bool // its memory is destroyed again and again: records may come twice, not be lost
	stored   int
	first    []uint32 // by record, the number of the write that stored it first; 0 = not stored
	chunks   []chunkRecords
}

// chunkRecords are the records from..to-1 of a feed.
type chunkRecords struct {
	from, to uint32
	acked    time.Duration // 0 = not yet
	gone     bool          // given up by the engine
	twin     bool          // of an earlier one: what follows is counted there
	copies   int           // chunks of these bytes
	acks     int           // of these, acknowledged
}

// chunkOf returns the number of the chunk that a record is in.
func (f *feedRecords) chunkOf(seq uint32) int {
	chunk, _ := slices.BinarySearchFunc(f.chunks, seq+1, func(c chunkRecords, end uint32) int { return cmp.Compare(c.to, end) })
	return chunk
}

// NewJudge returns one for feeds that go to these logstores.
func NewJudge(server *slsfake.Server, l *History, t *record.Templates, f *report.Failures, m Memory, logstores []string) *Judge {
	k := &Judge{
		server: server, history: l, failures: f, memory: m, templates: t, hashSeed: maphash.MakeSeed(),
		contentHash: make([]uint64, record.TemplateCount), again: map[record.ID][]uint32{}, Fallbacks: map[string]int{},
		Order: newOrderWatch(),
	}
	for n, name := range logstores {
		k.feeds = append(k.feeds, feedRecords{logstore: name, named: n == record.NamedFeed})
	}
	return k
}

// Sent registers a chunk before it is handed to the plugin for the first time.
func (k *Judge) Sent(c *store.Chunk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := &k.feeds[c.Feed.Number]
	f.chunks = append(f.chunks, chunkRecords{from: c.From, to: c.To, copies: 1, twin: c.Twin != nil})
	if c.Twin != nil {
		f.chunks[c.Twin.Number].copies++
		return
	}
	f.first = append(f.first, make([]uint32, c.To-c.From)...)
}

// Batter says that what is remembered of a feed is destroyed again and again.
func (k *Judge) Batter(feed int) { k.feeds[feed].battered = true }

// GivenUp is called when the engine has dropped a chunk that was not acknowledged.
func (k *Judge) GivenUp(c *store.Chunk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.feeds[c.Feed.Number].chunks[c.Number].gone = true
}

// Acked is called when the plugin has answered FLB_OK for a chunk: all its
// records must be stored now.
func (k *Judge) Acked(c *store.Chunk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := &k.feeds[c.Feed.Number]
	for _, name := range f.stores() {
		k.readLocked(name)
	}
	of := c
	if c.Twin != nil {
		of = c.Twin
	}
	chunk := &f.chunks[of.Number]
	if c.Flushes > 0 && f.chunks[c.Number].acked == 0 {
		chunk.acks++
	}
	f.chunks[c.Number].acked = k.history.Now()
	missing := 0
	var example uint32
	for seq := c.From; seq < c.To; seq++ {
		if k.copiesLocked(c.Feed.Number, seq) < chunk.acks {
			missing++
			example = seq
		}
	}
	if missing > 0 {
		k.failures.Addf("early OK: chunk %d of feed %d was acknowledged (flush %d) while %d of its %d records are not stored, record %d.%d for one",
			c.Number, c.Feed.Number, c.Flushes, missing, c.To-c.From, c.Feed.Number, example)
	}
	k.checkOrderLocked(c)
}

// readLocked takes note of what a logstore has got since the last call.
func (k *Judge) readLocked(logstore string) {
	next := map[int]int64{}
	for l := range k.server.EachLog(plan.Project, logstore) {
		k.takeLocked(logstore, &l)
		next[l.Shard] = l.Cursor + 1
	}
	for shard, cursor := range next {
		if err := k.server.TrimShard(plan.Project, logstore, shard, cursor); err != nil {
			k.failures.Addf("the emulator forgets a shard: %v", err)
		}
	}
}

// takeLocked takes note of one stored log.
func (k *Judge) takeLocked(logstore string, l *slsfake.Log) {
	k.stored++
	id, err := k.identifyLocked(logstore, l)
	if err != nil {
		k.failures.Addf("stored in %s by request %s: %v", logstore, l.RequestID, err)
		return
	}
	number, err := requestNumber(l.RequestID)
	var incarnation int32
	if err == nil {
		incarnation, err = k.history.accepted(number, id.Feed, l)
	}
	if err != nil {
		k.failures.Addf("record %d.%d, stored by request %s: %v", id.Feed, id.Seq, l.RequestID, err)
		return
	}
	k.feeds[id.Feed].stored++
	first := &k.feeds[id.Feed].first[id.Seq]
	if *first == 0 {
		*first = uint32(number)
		k.notePlaceLocked(id, number, incarnation, l)
		return
	}
	k.again[id] = append(k.again[id], uint32(number))
}

// identifyLocked tells which record l is, and checks that it holds what that
// record held.
func (k *Judge) identifyLocked(logstore string, l *slsfake.Log) (id record.ID, err error) {
	if l.TimeNs == nil {
		return id, fmt.Errorf("a log without nanoseconds: %v", l.Contents)
	}
	id = record.ID{Feed: l.Time - record.FirstSecond, Seq: *l.TimeNs}
	if int64(id.Feed) >= int64(len(k.feeds)) || int(id.Seq) >= len(k.feeds[id.Feed].first) {
		return id, fmt.Errorf("a log that was never sent, time %d.%09d: %v", l.Time, *l.TimeNs, l.Contents)
	}
	template := k.templates.Of(id)
	f, app := &k.feeds[id.Feed], k.templates.All[template].App
	if homes := f.destinations(app); !slices.Contains(homes, logstore) {
		return id, fmt.Errorf("record %d.%d belongs to %s", id.Feed, id.Seq, strings.Join(homes, " or "))
	}
	if f.named && app != "" && logstore == f.logstore {
		k.Fallbacks[app]++
	}
	want := k.templates.All[template].Pairs + 2
	if want == 1 { // a record without contents
		want = 0
	}
	if len(l.Contents) != want {
		return id, fmt.Errorf("record %d.%d has %d contents instead of %d", id.Feed, id.Seq, len(l.Contents), want)
	}
	if want > 0 {
		err = k.compareLocked(id, template, l.Contents)
	}
	return id, err
}

// compareLocked checks the contents of a record: its identity at both ends, and between
// them the same as in the first log of this template. So a mix-up of buffers shows. Whether
// the first log is right is for other tests.
func (k *Judge) compareLocked(id record.ID, template int, contents []slsfake.Pair) error {
	var buf [24]byte
	text := id.Text(buf[:0])
	head, tail := contents[0], contents[len(contents)-1]
	if head.Key != "id" || head.Value != string(text) || tail.Key != "end" || tail.Value != string(text) {
		return fmt.Errorf("record %s is torn: begins %q, ends %q", text, head, tail)
	}
	var h maphash.Hash
	h.SetSeed(k.hashSeed)
	for _, p := range contents[1 : len(contents)-1] {
		_, _ = h.WriteString(p.Key)
		_ = h.WriteByte(0xff) // in no UTF-8
		_, _ = h.WriteString(p.Value)
		_ = h.WriteByte(0xff)
	}
	sum := h.Sum64()
	if k.contentHash[template] == 0 {
		k.contentHash[template] = sum
	}
	if k.contentHash[template] != sum {
		return fmt.Errorf("record %s has other contents than others of its template %d", text, template)
	}
	return nil
}

// Progress is what is known so far.
func (k *Judge) Progress() (sent, stored, duplicated int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.feeds {
		sent += len(f.first)
	}
	for _, writes := range k.again {
		duplicated += len(writes)
	}
	return sent, k.stored, duplicated
}

// Conclude reads what is left, when nothing is written any more, and judges.
func (k *Judge) Conclude() (Summary, map[string]int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	stores := map[string]bool{}
	for i := range k.feeds {
		for _, name := range k.feeds[i].stores() {
			stores[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stores)) {
		k.readLocked(name)
	}
	s := Summary{memory: k.memory, Stored: k.stored, ambiguous: k.history.ambiguous()}
	for number := range k.feeds {
		f := &k.feeds[number]
		sent, lost, gone := k.lostLocked(number)
		if s.GivenUp += gone; f.battered {
			s.Battered.Sent += sent
			s.Battered.Lost += lost
			s.Battered.Stored += f.stored
			s.Stored -= f.stored
			s.Battered.Duplicated += f.stored - (sent - lost)
			continue
		}
		s.Sent += sent
		s.Lost += lost
	}
	causes := map[string]int{}
	unexplained := map[duplicate]int{}
	for id, more := range k.again {
		if k.feeds[id.Feed].battered {
			continue
		}
		s.Duplicated += len(more)
		k.explainLocked(id, more, causes, unexplained)
	}
	for d, n := range unexplained {
		causes["UNEXPLAINED"] += n
		k.failures.Addf("unexplained: %d duplicates in chunk %d of feed %d%s", n, d.chunk, d.feed, d.writes)
	}
	s.Failures = k.failures.Count()
	return s, causes
}

// copiesLocked is how often a record is stored.
func (k *Judge) copiesLocked(feed int, seq uint32) int {
	if k.feeds[feed].first[seq] == 0 {
		return 0
	}
	return 1 + len(k.again[record.ID{Feed: uint32(feed), Seq: seq}])
}

// lostLocked counts the records of a feed, as often as they are to be stored, and those that
// are not, and reports these by chunk. What the engine has given up may be missing, and is
// not among those sent then.
func (k *Judge) lostLocked(feed int) (sent, lost, gone int) {
	f := &k.feeds[feed]
	for number, c := range f.chunks {
		if c.twin {
			continue
		}
		missing := 0
		var example uint32
		for seq := c.from; seq < c.to; seq++ {
			if n := c.copies - k.copiesLocked(feed, seq); n > 0 {
				missing += n
				example = seq
			}
		}
		sent += c.copies * int(c.to-c.from)
		if missing == 0 {
			continue
		}
		if c.gone {
			gone += missing
			sent -= missing
			continue
		}
		lost += missing
		state := "never acknowledged"
		if c.acked > 0 {
			state = fmt.Sprintf("acknowledged at %.1fs", c.acked.Seconds())
		}
		k.failures.Addf("lost: %d of the %d records of chunk %d of feed %d (%s), record %d.%d for one",
			missing, c.copies*int(c.to-c.from), number, feed, state, feed, example)
	}
	return sent, lost, gone
}

// duplicate is what unexplained duplicates of one kind have in common.
type duplicate struct {
	feed, chunk int
	writes      string // described
}

// explainLocked finds the causes of a record's duplicates, and counts those that
// have none.
func (k *Judge) explainLocked(id record.ID, more []uint32, causes map[string]int, unexplained map[duplicate]int) {
	f := &k.feeds[id.Feed]
	numbers := []int{int(f.first[id.Seq])}
	for _, n := range more {
		numbers = append(numbers, int(n))
	}
	slices.Sort(numbers)
	chunk := f.chunkOf(id.Seq)
	acked := f.chunks[chunk].acked
	if acked == 0 {
		acked = math.MaxInt64
	}
	found, n := k.history.explain(numbers, acked, k.memory)
	for _, cause := range found {
		causes[cause]++
	}
	if n > 0 {
		unexplained[duplicate{int(id.Feed), chunk, k.history.describe(numbers...)}] += n
	}
}

// Summary is what a campaign amounts to, in records unless said otherwise.
type Summary struct {
	memory     Memory
	Sent       int // different records handed to the plugin
	Stored     int // as often as they are stored
	Lost       int // not stored at all
	Duplicated int // stored once too often, each time counted
	ambiguous  int // requests accepted without a clear answer
	GivenUp    int // not stored, as the engine has dropped their chunks: not among Sent
	Failures   int
	// Battered are the feeds whose memory is destroyed, which are not in the sums above.
	Battered struct{ Sent, Stored, Lost, Duplicated int }
}

// Line is the last line of a campaign.
func (s Summary) Line(seed uint64) string {
	line := fmt.Sprintf("campaign%s: sent %d, stored %d, lost %d, duplicated %d", s.memory, s.Sent, s.Stored, s.Lost, s.Duplicated)
	if s.memory == ExactlyOnce { // no request is an excuse
		return fmt.Sprintf("%s, seed %d", line, seed)
	}
	return fmt.Sprintf("%s, ambiguous %d, seed %d", line, s.ambiguous, seed)
}
