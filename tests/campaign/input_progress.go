package main

import (
	"slices"
	"sort"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// Some hosts pause their inputs for a moment every two seconds, as an engine does whose
// outputs are slow: what they keep must be committed all the same. The bound is exact
// where nothing else holds a commit up, so these hosts meet no other hardship, take all
// that is ready at each hand-over, and the time in which SLS refuses their calls does
// not count.
const (
	pausingEvery  = 2 * time.Second
	pausingDelay  = 2 * time.Second // handoff_delay, the default
	pausingCommit = 500 * time.Millisecond
	// pausingBound is how long after a host keeps something its checkpoint may come,
	// on a busy machine.
	pausingBound = pausingCommit + 5*time.Second

	// callAgain is within what a refused call is made again.
	callAgain = 2 * time.Second
)

// trouble is a time in which SLS refused calls.
type trouble struct {
	consumer string // "" = everybody's
	shard    int    // -1 = whatever they are about
	from, to time.Time
}

// concerns tells whether the commits of a shard by a consumer may be late.
func (t *trouble) concerns(consumer string, shard int) bool {
	return (t.consumer == "" || t.consumer == consumer) && (t.shard < 0 || t.shard == shard)
}

// struck takes note of a call that meets a fault.
func (l *inputLedger) struck(c *slsfake.Call) {
	now := time.Now()
	t := trouble{consumer: c.Consumer, shard: -1, from: now, to: now.Add(requestTimeout + callAgain)}
	switch c.Op {
	case slsfake.OpHeartbeat:
	case slsfake.OpUpdateCheckpoint:
		t.shard = c.Shard
	default:
		return
	}
	l.troubled(t)
}

// away takes note of a time in which no call of anybody got through.
func (l *inputLedger) away(from, to time.Time) {
	l.troubled(trouble{shard: -1, from: from, to: to.Add(callAgain)})
}

func (l *inputLedger) troubled(t trouble) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.troubles = append(l.troubles, t)
}

// progress judges that the checkpoint of a shard does not stand still.
func (j *judge) progress(shard int) {
	for _, h := range j.ledger.handovers {
		life := &j.ledger.lives[j.ledger.members[h.consumer].life]
		if life.bound == 0 {
			continue
		}
		for _, s := range h.spans {
			if s.shard == shard {
				j.mustCommit(h, s, life)
			}
		}
	}
}

// mustCommit judges what a host was handed over of a shard: it has to be committed in
// time, if the host lives and holds the shard for so long.
func (j *judge) mustCommit(h *handover, s span, life *life) {
	kept := life.keeps(h.at)
	if kept.Equal(never) {
		return
	}
	name := j.ledger.members[h.consumer].name
	due := j.untroubled(name, s.shard, kept, life.bound)
	held := j.holder(s.shard, due)
	if !due.Before(life.end) || held.Consumer != name || held.At.After(h.at) || j.begunAnew(s.shard, h.at, due) {
		return
	}
	j.sum.inTime++
	at, ok := j.committed(s.shard, s.to)
	if !ok || at.After(due) {
		j.failures.addf("checkpoint stands still: %d records of shard %d, handed over at %s by %s and kept since %s, are not committed at %s",
			s.to, s.shard, clockTime(h.at), name, clockTime(kept), clockTime(due))
		return
	}
	j.sum.slowest = max(j.sum.slowest, at.Sub(kept))
}

// committed returns when that many records of a shard were first committed.
func (j *judge) committed(shard int, records uint32) (at time.Time, ok bool) {
	all := j.commits[shard]
	n := sort.Search(len(all), func(i int) bool { return j.written.ordinal(shard, all[i].Number) >= records })
	if n == len(all) {
		return at, false
	}
	return all[n].At, true
}

// begunAnew tells whether the reading of a shard began anew in that time.
func (j *judge) begunAnew(shard int, from, to time.Time) bool {
	return slices.ContainsFunc(j.begins[shard], func(t time.Time) bool { return t.After(from) && !t.After(to) })
}

// untroubled is d after from, the time in which SLS refused the calls of a consumer
// about a shard not counted.
func (j *judge) untroubled(consumer string, shard int, from time.Time, d time.Duration) time.Time {
	for i := range j.ledger.troubles { // in order
		t := &j.ledger.troubles[i]
		if !t.concerns(consumer, shard) || !t.to.After(from) {
			continue
		}
		if gap := t.from.Sub(from); gap >= d {
			break
		} else if gap > 0 {
			d -= gap
		}
		from = t.to
	}
	return from.Add(d)
}
