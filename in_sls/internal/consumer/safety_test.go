package consumer

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A checkpoint is never ahead of what has been handed over for handoff_delay,
// not counting pauses, whatever happens in whatever order: records of
// any size, splits, pauses, failures of the network, members that come, go and
// die. And nothing is lost.
func TestCheckpointIsNeverAheadOfTheHandOver(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		s := newScenario(t, rand.New(rand.NewPCG(seed, 0)))
		for range 400 {
			s.step()
		}
		s.finish()
		s.check()
	})
}

// scenario runs agents at random and keeps a history of its own.
type scenario struct {
	*rig
	rnd    *rand.Rand
	agents []*watched
	gone   []*watched
	named  int
	splits int
	down   bool
	// strangers are pulls of shards by others than their owners.
	strangers func() []string
}

// watched is an agent with the times of its hand-overs and pauses.
type watched struct {
	*agent
	paused bool
	pauses []time.Time         // begin, end, begin, end, ...
	times  map[int][]time.Time // record -> when it was handed over
}

func newScenario(t *testing.T, rnd *rand.Rand) *scenario {
	t.Helper()
	s := &scenario{rig: newRig(t, 2), rnd: rnd}
	s.strangers = watchReaders(s.rig)
	s.join()
	return s
}

func (s *scenario) join() {
	s.named++
	s.agents = append(s.agents, &watched{
		agent: s.agent("m"+strconv.Itoa(s.named), "handoff_delay", "2s", "checkpoint_interval", "1s",
			"heartbeat_timeout", "6s", "buffer_size", "64k", "memory_limit", "1M", "fetch_max_groups", "3"),
		times: map[int][]time.Time{},
	})
}

func (s *scenario) step() {
	w := s.agents[s.rnd.IntN(len(s.agents))]
	switch n := s.rnd.IntN(100); {
	case n < 30:
		s.write()
	case n < 60:
		w.take()
	case n < 85:
		advance(time.Duration(s.rnd.IntN(1500)) * time.Millisecond)
	case n < 90:
		w.toggle()
	case n < 94:
		s.down = !s.down && s.rnd.IntN(2) == 0
		s.srv.SetDown(s.down)
	case n < 96 && s.splits < 5 && !s.down:
		s.splits++
		s.split(s.anyWritable())
	case n < 98 && len(s.agents) < 3:
		s.join()
	case len(s.agents) > 1:
		s.leave(w)
	}
}

func (s *scenario) anyWritable() int {
	var ids []int
	for _, sh := range s.srv.Shards(testProject, testLogstore) {
		if !sh.ReadOnly {
			ids = append(ids, sh.ID)
		}
	}
	return ids[s.rnd.IntN(len(ids))]
}

func (s *scenario) write() {
	if s.down {
		return
	}
	size := s.rnd.IntN(2000)
	if s.rnd.IntN(10) == 0 {
		size = 30 << 10
	}
	s.putSized(s.anyWritable(), 1+s.rnd.IntN(5), size)
}

// take is a call of the engine; it calls nobody who is paused.
func (w *watched) take() {
	now := time.Now()
	for _, rec := range w.collect() {
		w.times[rec.ID] = append(w.times[rec.ID], now)
	}
}

func (w *watched) toggle() {
	if w.paused = !w.paused; w.paused {
		w.Pause()
	} else {
		w.Resume()
	}
	w.pauses = append(w.pauses, time.Now())
}

// leave stops a member, or kills it.
func (s *scenario) leave(w *watched) {
	s.agents = slices.DeleteFunc(s.agents, func(other *watched) bool { return other == w })
	s.gone = append(s.gone, w)
	if !w.paused { // either way: from now on nothing becomes safe
		w.pauses = append(w.pauses, time.Now())
	}
	if s.rnd.IntN(2) == 0 {
		w.abandon()
		synctest.Wait()
		return
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	_ = w.Stop(ctx) // the network may be down
}

// finish lets everybody who is left read to the end.
func (s *scenario) finish() {
	s.down = false
	s.srv.SetDown(false)
	for _, w := range s.agents {
		if w.paused {
			w.toggle()
		}
	}
	for range 240 {
		advance(500 * time.Millisecond)
		for _, w := range s.agents {
			w.take()
		}
	}
}

// safeAt is the earliest time at which a record handed over by w is safe: delay
// later, not counting pauses.
func (w *watched) safeAt(handed time.Time, delay time.Duration) (time.Time, bool) {
	at := handed.Add(delay)
	for i := 0; i < len(w.pauses) && w.pauses[i].Before(at); i += 2 {
		if i+1 == len(w.pauses) {
			return time.Time{}, false
		}
		begin, end := w.pauses[i], w.pauses[i+1]
		if begin.Before(handed) {
			begin = handed
		}
		at = at.Add(max(end.Sub(begin), 0))
	}
	return at, true
}

func (s *scenario) check() {
	s.t.Helper()
	agents := map[string]*watched{}
	var all []*agent
	for _, w := range append(s.agents, s.gone...) {
		agents[w.name] = w
		all = append(all, w.agent)
	}
	duplicates := requireAll(s.t, s.seq, all...)
	requireParentsFirst(s.t, s.rig)
	requireOwnersOnly(s.t, s.rig)
	require.Empty(s.t, s.strangers())
	earliest := s.earliestSafe(agents)
	type place struct {
		shard  int
		cursor int64
	}
	at := map[place][]int{}
	for _, l := range s.srv.Logs(testProject, testLogstore) {
		id, err := strconv.Atoi(l.Contents[0].Value)
		require.NoError(s.t, err)
		p := place{l.Shard, l.Cursor}
		at[p] = append(at[p], id)
	}
	history := s.srv.CheckpointHistory(testProject, testLogstore, testGroup)
	for _, c := range history {
		begin := s.srv.Shards(testProject, testLogstore)[c.Shard].Begin
		for n := begin; n < c.Number; n++ {
			for _, id := range at[place{c.Shard, n}] {
				when, ok := earliest[id]
				require.True(s.t, ok, "record %d committed by %s, never safe", id, c.Consumer)
				require.False(s.t, c.UpdateTime.Before(when), "record %d committed at %v, safe at %v", id, c.UpdateTime, when)
			}
		}
	}
	s.t.Logf("%d records, %d duplicates, %d commits, %d members, %d shards", s.seq, duplicates, len(history), s.named,
		len(s.srv.Shards(testProject, testLogstore)))
}

// earliestSafe is when each record was first safe with anyone.
func (s *scenario) earliestSafe(agents map[string]*watched) map[int]time.Time {
	earliest := map[int]time.Time{}
	for _, w := range agents {
		for id, times := range w.times {
			for _, handed := range times {
				when, ok := w.safeAt(handed, 2*time.Second)
				if old, seen := earliest[id]; ok && (!seen || when.Before(old)) {
					earliest[id] = when
				}
			}
		}
	}
	return earliest
}
