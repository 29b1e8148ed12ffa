package main

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// inputSummary is what the attack on the input has come to, in records unless said
// otherwise.
type inputSummary struct {
	written     int
	handed      int // again and again ones among them
	lost        int // that no host has for good
	duplicated  int // that hosts have once too often, each time counted
	uncommitted int // handed over and not covered by the checkpoint where a shard's reading began anew: no more may come twice
	disorder    int // stretches of a hash key that came before what was written earlier
	owners      int // commits and hand-overs of a shard by who did not hold it
	inTime      int // hand-overs of hosts that keep pausing whose commit was due
	failures    int

	slowest time.Duration // of these commits
}

func (s inputSummary) line(checkpoint string, seed uint64) string {
	return fmt.Sprintf("campaign input %s: written %d, handed over %d, lost %d, duplicated %d (at most %d uncommitted), order violations %d, double owners %d, seed %d",
		checkpoint, s.written, s.handed, s.lost, s.duplicated, s.uncommitted, s.disorder, s.owners, seed)
}

// judge holds what was handed over against what was written, the checkpoints
// against what the hosts had, and both against who held the shards. It runs when
// nothing moves any more.
type judge struct {
	written  *written
	ledger   *inputLedger
	failures *failures
	delivery bool // a host has what its output has delivered
	fromEnd  bool // start_position
	commits  map[int][]slsfake.CheckpointWrite
	grants   map[int][]slsfake.Grant
	begins   map[int][]time.Time // of the stretches of each shard
	first    map[int]uint32      // where the reading of shards began that were there before the group
	next     [inputKeys]uint32   // record of each hash key to come

	sum    inputSummary
	causes map[string]int // of what came twice
}

func newJudge(w *written, l *inputLedger, f *failures, delivery bool, commits []slsfake.CheckpointWrite, grants []slsfake.Grant) *judge {
	j := &judge{
		written: w, ledger: l, failures: f, delivery: delivery, causes: map[string]int{},
		commits: map[int][]slsfake.CheckpointWrite{}, grants: map[int][]slsfake.Grant{}, begins: map[int][]time.Time{},
		first: map[int]uint32{},
	}
	for _, c := range commits {
		j.commits[c.Shard] = append(j.commits[c.Shard], c)
	}
	for _, g := range grants {
		j.grants[g.Shard] = append(j.grants[g.Shard], g)
	}
	return j
}

// conclude judges.
func (j *judge) conclude() inputSummary {
	j.sum.written, j.sum.handed = int(j.written.total), j.ledger.records
	if !j.delivery {
		for _, h := range j.ledger.handovers {
			life := &j.ledger.lives[j.ledger.members[h.consumer].life]
			if !life.keeps(h.at).After(life.end) {
				h.taken = h.at
			}
		}
	}
	slices.SortStableFunc(j.ledger.troubles, func(a, b trouble) int { return a.from.Compare(b.from) })
	j.starts()
	j.stretches()
	j.count()
	for _, shard := range j.written.shardIDs() {
		j.checkpoints(shard)
		j.progress(shard)
	}
	if j.sum.duplicated > j.sum.uncommitted {
		j.failures.addf("%d records came twice, and only %d were not committed where a shard's reading began anew", j.sum.duplicated, j.sum.uncommitted)
	}
	j.sum.failures = j.failures.count()
	return j.sum
}

// stretch is what one member has handed over of a shard without a gap.
type stretch struct {
	consumer int
	next     uint32 // ordinal of the record to follow
	last     time.Time
	most     uint32 // ordinal behind all that anybody has handed over
	cause    string
}

// stretches goes through the hand-overs in their order. What a member hands over
// of a shard has no gap; where it has, the shard's reading has begun anew, and
// must have done so at the checkpoint.
func (j *judge) stretches() {
	slices.SortStableFunc(j.ledger.handovers, func(a, b *handover) int { return a.at.Compare(b.at) })
	shards := map[int]*stretch{}
	for _, h := range j.ledger.handovers {
		for _, s := range h.spans {
			cur := shards[s.shard]
			if cur == nil {
				cur = &stretch{consumer: -1}
				shards[s.shard] = cur
			}
			held := j.holder(s.shard, h.at)
			if held.Consumer != j.ledger.members[h.consumer].name {
				j.sum.owners++
				j.failures.addf("shard %d is handed over at %s by %s, and held by %q since %s",
					s.shard, clockTime(h.at), j.ledger.members[h.consumer].name, held.Consumer, clockTime(held.At))
			}
			if cur.consumer != h.consumer || cur.next != s.from {
				j.begin(cur, s, h, held.At)
			}
			h.causes = append(h.causes, cur.cause)
			cur.next, cur.last, cur.most = s.to, h.at, max(cur.most, s.to)
		}
	}
}

// begin judges where a stretch begins.
func (j *judge) begin(cur *stretch, s span, h *handover, granted time.Time) {
	cur.cause = "lease lost"
	if cur.consumer >= 0 && cur.consumer != h.consumer {
		life := j.ledger.lives[j.ledger.members[cur.consumer].life]
		if cur.cause = "owner changed"; life.end.Before(h.at) {
			cur.cause = life.how
		}
	}
	since := granted
	if cur.last.After(since) {
		since = cur.last
	}
	if !slices.Contains(j.checkpointsWithin(s.shard, since, h.at), s.from) {
		j.failures.addf("reading shard %d begins anew at its record %d at %s (%s after record %d by %s): no checkpoint was there since %s",
			s.shard, s.from, clockTime(h.at), j.ledger.members[h.consumer].name, cur.next, j.name(cur.consumer), clockTime(since))
	}
	cur.consumer = h.consumer
	j.begins[s.shard] = append(j.begins[s.shard], h.at)
	j.sum.uncommitted += int(cur.most - min(s.from, cur.most))
}

func (j *judge) name(consumer int) string {
	if consumer < 0 {
		return "nobody"
	}
	return j.ledger.members[consumer].name
}

// checkpointsWithin returns the places a shard's checkpoint was at in that time,
// as ordinals of the shard's records.
func (j *judge) checkpointsWithin(shard int, from, to time.Time) []uint32 {
	at := []uint32{j.first[shard]}
	for _, c := range j.commits[shard] {
		if c.At.After(to) {
			break
		}
		ordinal := j.written.ordinal(shard, c.Number)
		if c.At.After(from) {
			at = append(at, ordinal)
		} else {
			at = []uint32{ordinal}
		}
	}
	return at
}

// holder returns the lease of a shard at that time.
func (j *judge) holder(shard int, at time.Time) slsfake.Grant {
	grants := j.grants[shard]
	n := sort.Search(len(grants), func(i int) bool { return grants[i].At.After(at) })
	if n == 0 {
		return slsfake.Grant{Shard: shard}
	}
	return grants[n-1]
}

// count goes through what the hosts have in the order in which they got it: what
// is missing, what is there twice, and whether each hash key came in its order,
// over splits and merges.
func (j *judge) count() {
	var have []*handover
	for _, h := range j.ledger.handovers {
		if !h.taken.IsZero() {
			have = append(have, h)
		}
	}
	slices.SortStableFunc(have, func(a, b *handover) int { return a.taken.Compare(b.taken) })
	seen := map[int][]bool{}
	for shard, n := range j.written.counts {
		seen[shard] = make([]bool, n)
	}
	for _, h := range have {
		for i, s := range h.spans {
			for n := s.from; n < s.to; n++ {
				if seen[s.shard][n] {
					j.sum.duplicated++
					j.causes[h.causes[i]]++
				}
				seen[s.shard][n] = true
			}
			j.inOrder(h, s)
		}
	}
	for _, shard := range j.written.shardIDs() {
		j.missing(shard, seen[shard][j.first[shard]:])
	}
}

// inOrder notes what a span brings of each hash key.
func (j *judge) inOrder(h *handover, s span) {
	j.written.eachGroup(s.shard, s.from, s.to, func(g *writtenGroup, from, to uint32) {
		if at := g.firstSeq + from; at > j.next[g.key] {
			j.sum.disorder++
			j.failures.addf("order: record %d of hash key %d came at %s (shard %d, by %s) before record %d",
				at, g.key, clockTime(h.at), s.shard, j.ledger.members[h.consumer].name, j.next[g.key])
		}
		j.next[g.key] = max(j.next[g.key], g.firstSeq+to)
	})
}

func (j *judge) missing(shard int, seen []bool) {
	lost, example := 0, 0
	for n, ok := range seen {
		if !ok {
			lost++
			example = n
		}
	}
	if lost > 0 {
		j.sum.lost += lost
		j.failures.addf("lost: %d of the %d records of shard %d, its record %d for one", lost, len(seen), shard, example)
	}
}

// checkpoints goes through the checkpoints of a shard: each by who held it, none
// behind the one before, and none ahead of what the hosts have for good.
func (j *judge) checkpoints(shard int) {
	safe := j.safe(shard)
	have, last := j.first[shard], int64(0)
	for _, c := range j.commits[shard] {
		placed := j.placed(&c)
		if held := j.holder(shard, c.At); !placed && (c.Force || c.Owner != c.Consumer || held.Consumer != c.Consumer) {
			j.sum.owners++
			j.failures.addf("shard %d is committed at %s by %s (force %t), and held by %q since %s",
				shard, clockTime(c.At), c.Consumer, c.Force, held.Consumer, clockTime(held.At))
		}
		if c.Number < last {
			j.failures.addf("the checkpoint of shard %d goes back at %s, by %s", shard, clockTime(c.At), c.Consumer)
		}
		last = c.Number
		asked := j.ledger.asked[c.RequestID]
		for len(safe) > 0 && !safe[0].at.After(asked) {
			if safe[0].from <= have {
				have = max(have, safe[0].to)
			}
			safe = safe[1:]
		}
		if n := j.written.ordinal(shard, c.Number); n > have {
			j.failures.addf("checkpoint ahead: %s commits %d records of shard %d at %s, and the hosts have %d of them for good",
				c.Consumer, n, shard, clockTime(asked), have)
			have = n
		}
	}
}

// safeSpan is a span that may be committed from that time on.
type safeSpan struct {
	span
	at time.Time
}

// safe lists when what of a shard may be committed.
func (j *judge) safe(shard int) (all []safeSpan) {
	for _, h := range j.ledger.handovers {
		at := h.taken
		if !j.delivery {
			at = j.ledger.lives[j.ledger.members[h.consumer].life].keeps(h.at)
		} else if at.IsZero() {
			continue
		}
		for _, s := range h.spans {
			if s.shard == shard {
				all = append(all, safeSpan{span: s, at: at})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b safeSpan) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.from, b.from)) })
	return all
}

func clockTime(t time.Time) string { return t.Format("15:04:05.000") }
