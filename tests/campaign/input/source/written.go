// Package source writes the logs that inputs read, and reads back what they hand over. It
// shares no code with the plugins.
package source

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// Logstore is the one that is read.
const Logstore = "read"

// firstSecond is the second of the records of the first hash key; each has one of its own.
const firstSecond = 1_700_000_000

// KeyCount is how many hash keys are written with: each is an order to keep.
const KeyCount = 48

// Written is what was written to the logstore that is read: which record went
// where. Records are numbered from 0 in the order of writing.
type Written struct {
	seed uint64

	mu     sync.RWMutex // guards what follows; held while a group is written
	Total  uint32
	groups []WrittenGroup // in the order of writing, so by number of the first record
	shards map[int][]int  // by shard its groups, in the order of their cursors
	keys   [KeyCount]uint32
	Counts map[int]uint32 // records by shard
	Old    map[int]uint32 // of these, what was there before the group
}

// WrittenGroup is one log group. All its records have one hash key.
type WrittenGroup struct {
	first    uint32 // number of its first record
	count    uint32
	Key      int
	FirstSeq uint32 // of its first record, among those of its key
	shard    int
	number   int64  // that its cursor stands for
	ordinal  uint32 // of its first record, within the shard
}

// NewWritten returns an empty one. The seed decides what the records hold.
func NewWritten(seed uint64) *Written {
	return &Written{seed: seed, shards: map[int][]int{}, Counts: map[int]uint32{}}
}

// HashKey spreads the keys over the shards' ranges.
func HashKey(key int) string {
	return fmt.Sprintf("%016x%016x", plan.Mix(uint64(key)+1), plan.Mix(uint64(key)+1e6))
}

// Write writes a group of n records of a key.
func (w *Written) Write(server *slsfake.Server, key, n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := WrittenGroup{first: w.Total, count: uint32(n), Key: key, FirstSeq: w.keys[key]}
	var err error
	g.shard, g.number, err = server.Append(plan.Project, Logstore, HashKey(key), w.encode(g))
	if err != nil {
		return err
	}
	g.ordinal = w.Counts[g.shard]
	w.Counts[g.shard] += g.count
	w.shards[g.shard] = append(w.shards[g.shard], len(w.groups))
	w.groups = append(w.groups, g)
	w.Total += g.count
	w.keys[key] += g.count
	return nil
}

// encode makes the LogGroup:
//
//	LogGroup { repeated Log Logs = 1 }
//	Log      { uint32 Time = 1; repeated LogContent Contents = 2; fixed32 TimeNs = 4 }
//	LogContent { string Key = 1; string Value = 2 }
func (w *Written) encode(g WrittenGroup) []byte {
	var list, log, pair []byte
	for i := range g.count {
		log = protowire.AppendVarint(protowire.AppendTag(log[:0], 1, protowire.VarintType), uint64(firstSecond+g.Key))
		for _, p := range w.contents(g, i) {
			pair = protowire.AppendString(protowire.AppendTag(pair[:0], 1, protowire.BytesType), p.Key)
			pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), p.Value)
			log = protowire.AppendBytes(protowire.AppendTag(log, 2, protowire.BytesType), pair)
		}
		log = protowire.AppendFixed32(protowire.AppendTag(log, 4, protowire.Fixed32Type), g.first+i)
		list = protowire.AppendBytes(protowire.AppendTag(list, 1, protowire.BytesType), log)
	}
	return list
}

const filler = "GET /index.html status=200 杭州 latency=0.031 \"quoted\" back\\slash upstream timeout by peer 10.1.2.3 retry 0123456789 abcdefghijklmnopqrstuvwxyz"

// contents are those of the ith record of a group. All follows from the seed and
// the record's number, so that a piece of another one shows.
func (w *Written) contents(g WrittenGroup, i uint32) [3]slsfake.Pair {
	n := g.first + i
	pad := filler[:plan.Mix(w.seed^uint64(n))%uint64(len(filler))]
	return [3]slsfake.Pair{
		{Key: "id", Value: strconv.Itoa(g.Key) + "." + strconv.FormatUint(uint64(g.FirstSeq+i), 10)},
		{Key: "pad", Value: strings.ToValidUTF8(pad, "")},
		{Key: "end", Value: strconv.FormatUint(uint64(n), 10)},
	}
}

// find returns the group that record n is in, near a group it may be in.
func (w *Written) find(n uint32, near int) (int, bool) {
	if n >= w.Total {
		return 0, false
	}
	if g := w.groups[near]; n >= g.first && n-g.first < g.count {
		return near, true
	}
	return sort.Search(len(w.groups), func(i int) bool { return w.groups[i].first > n }) - 1, true
}

// Ordinal is how many records of a shard lie before the cursor that number stands
// for.
func (w *Written) Ordinal(shard int, number int64) uint32 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	groups := w.shards[shard]
	at := sort.Search(len(groups), func(i int) bool { return w.groups[groups[i]].number >= number })
	if at == len(groups) {
		return w.Counts[shard]
	}
	return w.groups[groups[at]].ordinal
}

// EachGroup calls fn for the parts of groups that make up the records from..to-1
// of a shard.
func (w *Written) EachGroup(shard int, from, to uint32, fn func(g *WrittenGroup, from, to uint32)) {
	groups := w.shards[shard]
	at := sort.Search(len(groups), func(i int) bool { return w.groups[groups[i]].ordinal > from }) - 1
	for ; at < len(groups) && from < to; at++ {
		g := &w.groups[groups[at]]
		end := min(to, g.ordinal+g.count)
		fn(g, from-g.ordinal, end-g.ordinal)
		from = end
	}
}

// ShardIDs are the shards that have got something, in order.
func (w *Written) ShardIDs() []int {
	var ids []int
	for id := range w.shards {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Size is how many records were written.
func (w *Written) Size() uint32 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.Total
}

// Writer writes records at a rate, in bursts and pauses, until ctx ends.
type Writer struct {
	Written  *Written
	Server   *slsfake.Server
	Failures *report.Failures
	Random   *rand.Rand
	Rate     float64       // records a second
	Silence  time.Duration // without any, now and then
}

// Run writes until ctx ends.
func (w *Writer) Run(ctx context.Context) {
	begin := time.Now()
	for ctx.Err() == nil {
		if w.Random.IntN(100) == 0 {
			plan.Wait(ctx, w.Silence) // what is due is made up for
		}
		due := uint32(time.Since(begin).Seconds() * w.Rate)
		for w.Written.Size() < due && ctx.Err() == nil {
			n := 1 + w.Random.IntN(20)
			if w.Random.IntN(3) == 0 {
				n = 20 + w.Random.IntN(300)
			}
			if err := w.Written.Write(w.Server, w.Random.IntN(KeyCount), n); err != nil {
				w.Failures.Addf("the emulator takes no logs: %v", err)
				return
			}
		}
		plan.Wait(ctx, 20*time.Millisecond)
	}
}
