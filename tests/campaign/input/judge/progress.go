package judge

import (
	"slices"
	"sort"
	"time"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/slsfake"
)

// Some hosts pause their inputs for a moment every two seconds, as an engine with slow outputs
// does. What they keep must be committed in time all the same. So that nothing else delays a
// commit, these hosts are not disturbed otherwise and take all that is ready at each hand-over.
// Time in which SLS refuses their calls does not count.
const (
	PausingEvery  = 2 * time.Second
	PausingDelay  = 2 * time.Second // handoff_delay, the default
	PausingCommit = 500 * time.Millisecond
	// PausingBound is how long after a host keeps something its checkpoint may come,
	// on a busy machine.
	PausingBound = PausingCommit + 5*time.Second

	// callAgain is within what a refused call is made again.
	callAgain = 2 * time.Second
)

// refusal is a time in which SLS refused calls.
type refusal struct {
	consumer string // "" = everybody's
	shard    int    // -1 = whatever they are about
	from, to time.Time
}

// concerns tells whether the commits of a shard by a consumer may be late.
func (t *refusal) concerns(consumer string, shard int) bool {
	return (t.consumer == "" || t.consumer == consumer) && (t.shard < 0 || t.shard == shard)
}

// NoteFault takes note of a call that meets a fault.
func (hs *History) NoteFault(c *slsfake.Call) {
	now := time.Now()
	t := refusal{consumer: c.Consumer, shard: -1, from: now, to: now.Add(faults.RequestTimeout + callAgain)}
	switch c.Op {
	case slsfake.OpHeartbeat:
	case slsfake.OpUpdateCheckpoint:
		t.shard = c.Shard
	default:
		return
	}
	hs.addRefusal(t)
}

// Unreachable takes note of a time in which no call of anybody got through.
func (hs *History) Unreachable(from, to time.Time) {
	hs.addRefusal(refusal{shard: -1, from: from, to: to.Add(callAgain)})
}

func (hs *History) addRefusal(t refusal) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.refusals = append(hs.refusals, t)
}

// progress judges that the checkpoint of a shard does not stand still.
func (j *Judge) progress(shard int) {
	for _, h := range j.history.handovers {
		life := &j.history.incarnations[j.history.Members[h.Consumer].incarnation]
		if life.bound == 0 {
			continue
		}
		for _, s := range h.Spans {
			if s.Shard == shard {
				j.mustCommit(h, s, life)
			}
		}
	}
}

// mustCommit judges what a host was handed over of a shard: it has to be committed in
// time, if the host lives and holds the shard for so long.
func (j *Judge) mustCommit(h *Handover, s source.Span, life *incarnation) {
	kept := life.keeps(h.At)
	if kept.Equal(never) {
		return
	}
	name := j.history.Members[h.Consumer].name
	due := j.dueAfter(name, s.Shard, kept, life.bound)
	held := j.holder(s.Shard, due)
	if !due.Before(life.end) || held.Consumer != name || held.At.After(h.At) || j.begunAnew(s.Shard, h.At, due) {
		return
	}
	j.sum.InTime++
	at, ok := j.committed(s.Shard, s.To)
	if !ok || at.After(due) {
		j.failures.Addf("checkpoint stands still: %d records of shard %d, handed over at %s by %s and kept since %s, are not committed at %s",
			s.To, s.Shard, clockTime(h.At), name, clockTime(kept), clockTime(due))
		return
	}
	j.sum.Slowest = max(j.sum.Slowest, at.Sub(kept))
}

// committed returns when that many records of a shard were first committed.
func (j *Judge) committed(shard int, records uint32) (at time.Time, ok bool) {
	all := j.commits[shard]
	n := sort.Search(len(all), func(i int) bool { return j.written.Ordinal(shard, all[i].Number) >= records })
	if n == len(all) {
		return at, false
	}
	return all[n].At, true
}

// begunAnew tells whether the reading of a shard began anew in that time.
func (j *Judge) begunAnew(shard int, from, to time.Time) bool {
	return slices.ContainsFunc(j.begins[shard], func(t time.Time) bool { return t.After(from) && !t.After(to) })
}

// dueAfter is d after from. Time in which SLS refused a consumer's calls about the shard does
// not count.
func (j *Judge) dueAfter(consumer string, shard int, from time.Time, d time.Duration) time.Time {
	for i := range j.history.refusals { // in order
		t := &j.history.refusals[i]
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
