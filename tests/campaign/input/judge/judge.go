// Package judge says whether the inputs have kept their promises: by what was written, what
// they handed over, who held the shards and what was committed.
package judge

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"time"

	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// Summary is what the attack on the input has come to, in records unless said
// otherwise.
type Summary struct {
	written     int
	handed      int // again and again ones among them
	Lost        int // that no host has for good
	Duplicated  int // that hosts have once too often, each time counted
	uncommitted int // handed over and not covered by the checkpoint where a shard's reading began anew: no more may come twice
	Disorder    int // stretches of a hash key that came before what was written earlier
	owners      int // commits and hand-overs of a shard by who did not hold it
	InTime      int // hand-overs of hosts that keep pausing whose commit was due
	Failures    int

	Slowest time.Duration // of these commits
}

// Line is the last line of the attack.
func (s Summary) Line(checkpoint string, seed uint64) string {
	return fmt.Sprintf("campaign input %s: written %d, handed over %d, lost %d, duplicated %d (at most %d uncommitted), order violations %d, double owners %d, seed %d",
		checkpoint, s.written, s.handed, s.Lost, s.Duplicated, s.uncommitted, s.Disorder, s.owners, seed)
}

// Judge compares what was handed over with what was written, the checkpoints with what the
// hosts had, and both with who held the shards. It runs when nothing moves any more.
type Judge struct {
	written  *source.Written
	history  *History
	failures *report.Failures
	delivery bool // a host has what its output has delivered
	FromEnd  bool // start_position
	commits  map[int][]slsfake.CheckpointWrite
	grants   map[int][]slsfake.Grant
	begins   map[int][]time.Time     // of the stretches of each shard
	first    map[int]uint32          // where the reading of shards began that were there before the group
	next     [source.KeyCount]uint32 // record of each hash key to come

	sum    Summary
	Causes map[string]int // of what came twice
}

// NewJudge returns one. With delivery a host has what its output has delivered. commits and
// grants are the emulator's, in their order.
func NewJudge(w *source.Written, l *History, f *report.Failures, delivery bool, commits []slsfake.CheckpointWrite, grants []slsfake.Grant) *Judge {
	j := &Judge{
		written: w, history: l, failures: f, delivery: delivery, Causes: map[string]int{},
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

// Conclude judges.
func (j *Judge) Conclude() Summary {
	j.sum.written, j.sum.handed = int(j.written.Total), j.history.records
	if !j.delivery {
		for _, h := range j.history.handovers {
			life := &j.history.incarnations[j.history.Members[h.Consumer].incarnation]
			if !life.keeps(h.At).After(life.end) {
				h.Taken = h.At
			}
		}
	}
	slices.SortStableFunc(j.history.refusals, func(a, b refusal) int { return a.from.Compare(b.from) })
	j.starts()
	j.stretches()
	j.count()
	for _, shard := range j.written.ShardIDs() {
		j.checkpoints(shard)
		j.progress(shard)
	}
	if j.sum.Duplicated > j.sum.uncommitted {
		j.failures.Addf("%d records came twice, and only %d were not committed where a shard's reading began anew", j.sum.Duplicated, j.sum.uncommitted)
	}
	j.sum.Failures = j.failures.Count()
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

// stretches goes through the hand-overs in their order. What a member hands over of a shard
// has no gap. A gap means that the reading of the shard began anew: then it must have begun at
// the checkpoint.
func (j *Judge) stretches() {
	slices.SortStableFunc(j.history.handovers, func(a, b *Handover) int { return a.At.Compare(b.At) })
	shards := map[int]*stretch{}
	for _, h := range j.history.handovers {
		for _, s := range h.Spans {
			cur := shards[s.Shard]
			if cur == nil {
				cur = &stretch{consumer: -1}
				shards[s.Shard] = cur
			}
			held := j.holder(s.Shard, h.At)
			if held.Consumer != j.history.Members[h.Consumer].name {
				j.sum.owners++
				j.failures.Addf("shard %d is handed over at %s by %s, and held by %q since %s",
					s.Shard, clockTime(h.At), j.history.Members[h.Consumer].name, held.Consumer, clockTime(held.At))
			}
			if cur.consumer != h.Consumer || cur.next != s.From {
				j.begin(cur, s, h, held.At)
			}
			h.causes = append(h.causes, cur.cause)
			cur.next, cur.last, cur.most = s.To, h.At, max(cur.most, s.To)
		}
	}
}

// begin judges where a stretch begins.
func (j *Judge) begin(cur *stretch, s source.Span, h *Handover, granted time.Time) {
	cur.cause = "lease lost"
	if cur.consumer >= 0 && cur.consumer != h.Consumer {
		life := j.history.incarnations[j.history.Members[cur.consumer].incarnation]
		if cur.cause = "owner changed"; life.end.Before(h.At) {
			cur.cause = life.how
		}
	}
	since := granted
	if cur.last.After(since) {
		since = cur.last
	}
	if !slices.Contains(j.checkpointsWithin(s.Shard, since, h.At), s.From) {
		j.failures.Addf("reading shard %d begins anew at its record %d at %s (%s after record %d by %s): no checkpoint was there since %s",
			s.Shard, s.From, clockTime(h.At), j.history.Members[h.Consumer].name, cur.next, j.name(cur.consumer), clockTime(since))
	}
	cur.consumer = h.Consumer
	j.begins[s.Shard] = append(j.begins[s.Shard], h.At)
	j.sum.uncommitted += int(cur.most - min(s.From, cur.most))
}

func (j *Judge) name(consumer int) string {
	if consumer < 0 {
		return "nobody"
	}
	return j.history.Members[consumer].name
}

// checkpointsWithin returns the places a shard's checkpoint was at in that time,
// as ordinals of the shard's records.
func (j *Judge) checkpointsWithin(shard int, from, to time.Time) []uint32 {
	at := []uint32{j.first[shard]}
	for _, c := range j.commits[shard] {
		if c.At.After(to) {
			break
		}
		ordinal := j.written.Ordinal(shard, c.Number)
		if c.At.After(from) {
			at = append(at, ordinal)
		} else {
			at = []uint32{ordinal}
		}
	}
	return at
}

// holder returns the lease of a shard at that time.
func (j *Judge) holder(shard int, at time.Time) slsfake.Grant {
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
func (j *Judge) count() {
	var have []*Handover
	for _, h := range j.history.handovers {
		if !h.Taken.IsZero() {
			have = append(have, h)
		}
	}
	slices.SortStableFunc(have, func(a, b *Handover) int { return a.Taken.Compare(b.Taken) })
	seen := map[int][]bool{}
	for shard, n := range j.written.Counts {
		seen[shard] = make([]bool, n)
	}
	for _, h := range have {
		for i, s := range h.Spans {
			for n := s.From; n < s.To; n++ {
				if seen[s.Shard][n] {
					j.sum.Duplicated++
					j.Causes[h.causes[i]]++
				}
				seen[s.Shard][n] = true
			}
			j.inOrder(h, s)
		}
	}
	for _, shard := range j.written.ShardIDs() {
		j.missing(shard, seen[shard][j.first[shard]:])
	}
}

// inOrder notes what a span brings of each hash key.
func (j *Judge) inOrder(h *Handover, s source.Span) {
	j.written.EachGroup(s.Shard, s.From, s.To, func(g *source.WrittenGroup, from, to uint32) {
		if at := g.FirstSeq + from; at > j.next[g.Key] {
			j.sum.Disorder++
			j.failures.Addf("order: record %d of hash key %d came at %s (shard %d, by %s) before record %d",
				at, g.Key, clockTime(h.At), s.Shard, j.history.Members[h.Consumer].name, j.next[g.Key])
		}
		j.next[g.Key] = max(j.next[g.Key], g.FirstSeq+to)
	})
}

func (j *Judge) missing(shard int, seen []bool) {
	lost, example := 0, 0
	for n, ok := range seen {
		if !ok {
			lost++
			example = n
		}
	}
	if lost > 0 {
		j.sum.Lost += lost
		j.failures.Addf("lost: %d of the %d records of shard %d, its record %d for one", lost, len(seen), shard, example)
	}
}

// checkpoints goes through the checkpoints of a shard. Each is written by the holder, none is
// behind the one before, none is ahead of what the hosts keep. Of those that were placed
// before anybody held the shard only the last counts, which may be behind the others: starts
// judges them.
func (j *Judge) checkpoints(shard int) {
	safe := j.safe(shard)
	have, last := j.first[shard], int64(0)
	for _, c := range j.commits[shard] {
		if j.placed(&c) {
			last = c.Number
			continue
		}
		if held := j.holder(shard, c.At); c.Force || c.Owner != c.Consumer || held.Consumer != c.Consumer {
			j.sum.owners++
			j.failures.Addf("shard %d is committed at %s by %s (force %t), and held by %q since %s",
				shard, clockTime(c.At), c.Consumer, c.Force, held.Consumer, clockTime(held.At))
		}
		if c.Number < last {
			j.failures.Addf("the checkpoint of shard %d goes back at %s, by %s", shard, clockTime(c.At), c.Consumer)
		}
		last = c.Number
		asked := j.history.asked[c.RequestID]
		for len(safe) > 0 && !safe[0].at.After(asked) {
			if safe[0].From <= have {
				have = max(have, safe[0].To)
			}
			safe = safe[1:]
		}
		if n := j.written.Ordinal(shard, c.Number); n > have {
			j.failures.Addf("checkpoint ahead: %s commits %d records of shard %d at %s, and the hosts have %d of them for good",
				c.Consumer, n, shard, clockTime(asked), have)
			have = n
		}
	}
}

// safeSpan is a span that may be committed from that time on.
type safeSpan struct {
	source.Span
	at time.Time
}

// safe lists when what of a shard may be committed.
func (j *Judge) safe(shard int) (all []safeSpan) {
	for _, h := range j.history.handovers {
		at := h.Taken
		if !j.delivery {
			at = j.history.incarnations[j.history.Members[h.Consumer].incarnation].keeps(h.At)
		} else if at.IsZero() {
			continue
		}
		for _, s := range h.Spans {
			if s.Shard == shard {
				all = append(all, safeSpan{Span: s, at: at})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b safeSpan) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.From, b.From)) })
	return all
}

func clockTime(t time.Time) string { return t.Format("15:04:05.000") }
