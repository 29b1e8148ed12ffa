package main

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

	"fluent-bit-sls/tests/slsfake"
)

// checker compares what was handed to the plugin with what the emulator stores.
// It reads the emulator's logs whenever a chunk is acknowledged and lets go of
// them there, so that a campaign of millions of records fits into memory.
type checker struct {
	server    *slsfake.Server
	ledger    *ledger
	failures  *failures
	templates *templates
	hashSeed  maphash.Seed

	mu     sync.Mutex // guards what follows
	feeds  []feedRecords
	like   []uint64 // by template, the hash of its contents as first stored; 0 = none yet
	stored int
	again  map[recordID][]uint32 // the writes after the first of records stored twice
	strays map[string]int        // records in the default logstore, by the one that they named
	order  *orderWatch
}

// feedRecords is what is known of one feed's records.
type feedRecords struct {
	logstore string
	named    bool     // records say which logstore they belong to; logstore has the others
	first    []uint32 // by record, the number of the write that stored it first; 0 = not stored
	chunks   []chunkRecords
}

// chunkRecords are the records from..to-1 of a feed.
type chunkRecords struct {
	from, to uint32
	acked    time.Duration // 0 = not yet
}

// chunkOf returns the number of the chunk that a record is in.
func (f *feedRecords) chunkOf(seq uint32) int {
	chunk, _ := slices.BinarySearchFunc(f.chunks, seq+1, func(c chunkRecords, end uint32) int { return cmp.Compare(c.to, end) })
	return chunk
}

func newChecker(server *slsfake.Server, l *ledger, t *templates, f *failures, logstores []string) *checker {
	k := &checker{
		server: server, ledger: l, failures: f, templates: t, hashSeed: maphash.MakeSeed(),
		like: make([]uint64, templateCount), again: map[recordID][]uint32{}, strays: map[string]int{},
		order: newOrderWatch(),
	}
	for n, name := range logstores {
		k.feeds = append(k.feeds, feedRecords{logstore: name, named: n == namedFeed})
	}
	return k
}

// sent registers a chunk before it is handed to the plugin for the first time.
func (k *checker) sent(c *chunk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := &k.feeds[c.feed.number]
	f.chunks = append(f.chunks, chunkRecords{from: c.from, to: c.to})
	f.first = append(f.first, make([]uint32, c.to-c.from)...)
}

// acked is called when the plugin has answered FLB_OK for a chunk: all its
// records must be stored now.
func (k *checker) acked(c *chunk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := &k.feeds[c.feed.number]
	for _, name := range f.stores() {
		k.readLocked(name)
	}
	f.chunks[c.number].acked = k.ledger.now()
	missing := 0
	var example uint32
	for seq := c.from; seq < c.to; seq++ {
		if f.first[seq] == 0 {
			missing++
			example = seq
		}
	}
	if missing > 0 {
		k.failures.addf("early OK: chunk %d of feed %d was acknowledged (flush %d) while %d of its %d records are not stored, record %d.%d for one",
			c.number, c.feed.number, c.flushes, missing, c.to-c.from, c.feed.number, example)
	}
	k.checkOrderLocked(c)
}

// readLocked takes note of what a logstore has got since the last call.
func (k *checker) readLocked(logstore string) {
	next := map[int]int64{}
	for l := range k.server.EachLog(project, logstore) {
		k.takeLocked(logstore, &l)
		next[l.Shard] = l.Cursor + 1
	}
	for shard, cursor := range next {
		if err := k.server.TrimShard(project, logstore, shard, cursor); err != nil {
			k.failures.addf("the emulator forgets a shard: %v", err)
		}
	}
}

// takeLocked takes note of one stored log.
func (k *checker) takeLocked(logstore string, l *slsfake.Log) {
	k.stored++
	id, err := k.identifyLocked(logstore, l)
	if err != nil {
		k.failures.addf("stored in %s by request %s: %v", logstore, l.RequestID, err)
		return
	}
	number, err := requestNumber(l.RequestID)
	var incarnation int32
	if err == nil {
		incarnation, err = k.ledger.accepted(number, l.Source)
	}
	if err != nil {
		k.failures.addf("record %d.%d, stored by request %s: %v", id.feed, id.seq, l.RequestID, err)
		return
	}
	first := &k.feeds[id.feed].first[id.seq]
	if *first == 0 {
		*first = uint32(number)
		k.notePlaceLocked(id, number, incarnation, l)
		return
	}
	k.again[id] = append(k.again[id], uint32(number))
}

// identifyLocked tells which record l is, and checks that it holds what that
// record held.
func (k *checker) identifyLocked(logstore string, l *slsfake.Log) (id recordID, err error) {
	if l.TimeNs == nil {
		return id, fmt.Errorf("a log without nanoseconds: %v", l.Contents)
	}
	id = recordID{feed: l.Time - firstSecond, seq: *l.TimeNs}
	if int64(id.feed) >= int64(len(k.feeds)) || int(id.seq) >= len(k.feeds[id.feed].first) {
		return id, fmt.Errorf("a log that was never sent, time %d.%09d: %v", l.Time, *l.TimeNs, l.Contents)
	}
	template := k.templates.of(id)
	f, app := &k.feeds[id.feed], k.templates.all[template].app
	if homes := f.homes(app); !slices.Contains(homes, logstore) {
		return id, fmt.Errorf("record %d.%d belongs to %s", id.feed, id.seq, strings.Join(homes, " or "))
	}
	if f.named && app != "" && logstore == f.logstore {
		k.strays[app]++
	}
	want := k.templates.all[template].pairs + 2
	if want == 1 { // a record without contents
		want = 0
	}
	if len(l.Contents) != want {
		return id, fmt.Errorf("record %d.%d has %d contents instead of %d", id.feed, id.seq, len(l.Contents), want)
	}
	if want > 0 {
		err = k.compareLocked(id, template, l.Contents)
	}
	return id, err
}

// compareLocked checks the contents of a record: its identity at both ends, and
// between them the same as in the first log of this template. That the first one
// is right is for other tests; here a mix-up of buffers shows.
func (k *checker) compareLocked(id recordID, template int, contents []slsfake.Pair) error {
	var buf [24]byte
	text := id.text(buf[:0])
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
	if k.like[template] == 0 {
		k.like[template] = sum
	}
	if k.like[template] != sum {
		return fmt.Errorf("record %s has other contents than others of its template %d", text, template)
	}
	return nil
}

// progress is what is known so far.
func (k *checker) progress() (sent, stored, duplicated int) {
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

// conclude reads what is left, when nothing is written any more, and judges.
func (k *checker) conclude() (summary, map[string]int) {
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
	s := summary{stored: k.stored, ambiguous: k.ledger.ambiguous()}
	for number := range k.feeds {
		s.sent += len(k.feeds[number].first)
		s.lost += k.lostLocked(number)
	}
	causes := map[string]int{}
	bare := map[duplicate]int{}
	for id, more := range k.again {
		s.duplicated += len(more)
		k.explainLocked(id, more, causes, bare)
	}
	for d, n := range bare {
		causes["UNEXPLAINED"] += n
		k.failures.addf("unexplained: %d duplicates in chunk %d of feed %d%s", n, d.chunk, d.feed, k.ledger.story(d.first, d.last))
	}
	s.failures = k.failures.count()
	return s, causes
}

// lostLocked counts the lost records of a feed and reports them by chunk.
func (k *checker) lostLocked(feed int) (lost int) {
	f := &k.feeds[feed]
	for number, c := range f.chunks {
		missing := 0
		var example uint32
		for seq := c.from; seq < c.to; seq++ {
			if f.first[seq] == 0 {
				missing++
				example = seq
			}
		}
		if missing == 0 {
			continue
		}
		lost += missing
		state := "never acknowledged"
		if c.acked > 0 {
			state = fmt.Sprintf("acknowledged at %.1fs", c.acked.Seconds())
		}
		k.failures.addf("lost: %d of the %d records of chunk %d of feed %d (%s), record %d.%d for one",
			missing, c.to-c.from, number, feed, state, feed, example)
	}
	return lost
}

// duplicate is what unexplained duplicates of one kind have in common.
type duplicate struct{ feed, chunk, first, last int }

// explainLocked finds the causes of a record's duplicates, and counts those that
// have none.
func (k *checker) explainLocked(id recordID, more []uint32, causes map[string]int, bare map[duplicate]int) {
	f := &k.feeds[id.feed]
	numbers := []int{int(f.first[id.seq])}
	for _, n := range more {
		numbers = append(numbers, int(n))
	}
	slices.Sort(numbers)
	chunk := f.chunkOf(id.seq)
	acked := f.chunks[chunk].acked
	if acked == 0 {
		acked = math.MaxInt64
	}
	found, n := k.ledger.explain(numbers, acked)
	for _, cause := range found {
		causes[cause]++
	}
	if n > 0 {
		bare[duplicate{int(id.feed), chunk, numbers[0], numbers[len(numbers)-1]}] += n
	}
}
