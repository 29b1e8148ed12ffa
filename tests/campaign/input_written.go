package main

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

	"fluent-bit-sls/tests/slsfake"
)

// inputKeys is how many hash keys are written with: each is an order to keep.
const inputKeys = 48

// written is what was written to the logstore that is read: which record went
// where. Records are numbered from 0 in the order of writing.
type written struct {
	seed uint64

	mu     sync.RWMutex // guards what follows; held while a group is written
	total  uint32
	groups []writtenGroup // in the order of writing, so by number of the first record
	shards map[int][]int  // by shard its groups, in the order of their cursors
	keys   [inputKeys]uint32
	counts map[int]uint32 // records by shard
	old    map[int]uint32 // of these, what was there before the group
}

// writtenGroup is one log group. All its records have one hash key.
type writtenGroup struct {
	first    uint32 // number of its first record
	count    uint32
	key      int
	firstSeq uint32 // of its first record, among those of its key
	shard    int
	number   int64  // that its cursor stands for
	ordinal  uint32 // of its first record, within the shard
}

func newWritten(seed uint64) *written {
	return &written{seed: seed, shards: map[int][]int{}, counts: map[int]uint32{}}
}

// hashKey spreads the keys over the shards' ranges.
func hashKey(key int) string {
	return fmt.Sprintf("%016x%016x", mix(uint64(key)+1), mix(uint64(key)+1e6))
}

// write writes a group of n records of a key.
func (w *written) write(server *slsfake.Server, key, n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := writtenGroup{first: w.total, count: uint32(n), key: key, firstSeq: w.keys[key]}
	var err error
	g.shard, g.number, err = server.Append(project, inputLogstore, hashKey(key), w.encode(g))
	if err != nil {
		return err
	}
	g.ordinal = w.counts[g.shard]
	w.counts[g.shard] += g.count
	w.shards[g.shard] = append(w.shards[g.shard], len(w.groups))
	w.groups = append(w.groups, g)
	w.total += g.count
	w.keys[key] += g.count
	return nil
}

// encode makes the LogGroup:
//
//	LogGroup { repeated Log Logs = 1 }
//	Log      { uint32 Time = 1; repeated LogContent Contents = 2; fixed32 TimeNs = 4 }
//	LogContent { string Key = 1; string Value = 2 }
func (w *written) encode(g writtenGroup) []byte {
	var list, log, pair []byte
	for i := range g.count {
		log = protowire.AppendVarint(protowire.AppendTag(log[:0], 1, protowire.VarintType), uint64(firstSecond+g.key))
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
func (w *written) contents(g writtenGroup, i uint32) [3]slsfake.Pair {
	n := g.first + i
	pad := filler[:mix(w.seed^uint64(n))%uint64(len(filler))]
	return [3]slsfake.Pair{
		{Key: "id", Value: strconv.Itoa(g.key) + "." + strconv.FormatUint(uint64(g.firstSeq+i), 10)},
		{Key: "pad", Value: strings.ToValidUTF8(pad, "")},
		{Key: "end", Value: strconv.FormatUint(uint64(n), 10)},
	}
}

// find returns the group that record n is in, near a group it may be in.
func (w *written) find(n uint32, near int) (int, bool) {
	if n >= w.total {
		return 0, false
	}
	if g := w.groups[near]; n >= g.first && n-g.first < g.count {
		return near, true
	}
	return sort.Search(len(w.groups), func(i int) bool { return w.groups[i].first > n }) - 1, true
}

// ordinal is how many records of a shard lie before the cursor that number stands
// for.
func (w *written) ordinal(shard int, number int64) uint32 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	groups := w.shards[shard]
	at := sort.Search(len(groups), func(i int) bool { return w.groups[groups[i]].number >= number })
	if at == len(groups) {
		return w.counts[shard]
	}
	return w.groups[groups[at]].ordinal
}

// eachGroup calls fn for the parts of groups that make up the records from..to-1
// of a shard.
func (w *written) eachGroup(shard int, from, to uint32, fn func(g *writtenGroup, from, to uint32)) {
	groups := w.shards[shard]
	at := sort.Search(len(groups), func(i int) bool { return w.groups[groups[i]].ordinal > from }) - 1
	for ; at < len(groups) && from < to; at++ {
		g := &w.groups[groups[at]]
		end := min(to, g.ordinal+g.count)
		fn(g, from-g.ordinal, end-g.ordinal)
		from = end
	}
}

// shardIDs are the shards that have got something, in order.
func (w *written) shardIDs() []int {
	var ids []int
	for id := range w.shards {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (w *written) size() uint32 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.total
}

// writer writes records at a rate, in bursts and pauses, until ctx ends.
type writer struct {
	*inputWorld
	random *rand.Rand
	rate   float64 // records a second
}

func (w *writer) run(ctx context.Context) {
	begin := time.Now()
	for ctx.Err() == nil {
		// A campaign of some length has silences, and catches up behind them.
		if w.random.IntN(100) == 0 {
			wait(ctx, min(2*time.Second, w.time/5))
		}
		due := uint32(time.Since(begin).Seconds() * w.rate)
		for w.written.size() < due && ctx.Err() == nil {
			n := 1 + w.random.IntN(20)
			if w.random.IntN(3) == 0 {
				n = 20 + w.random.IntN(300)
			}
			if err := w.written.write(w.server, w.random.IntN(inputKeys), n); err != nil {
				w.failures.addf("the emulator takes no logs: %v", err)
				return
			}
		}
		wait(ctx, 20*time.Millisecond)
	}
}
