package consumer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// pausing is an engine at its mem_buf_limit for some rounds of two seconds: it resumes,
// asks a second later, pauses a tenth of a second after that, and is full for the rest.
func (a *agent) pausing(rounds int, each func(round int)) {
	for i := range rounds {
		a.Resume()
		advance(time.Second)
		a.collect()
		advance(100 * time.Millisecond)
		a.Pause()
		advance(900 * time.Millisecond)
		each(i)
	}
}

// Checkpoints follow the hand-over while the engine pauses and resumes.
func TestCheckpointsMoveWhileTheEnginePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a", "checkpoint_interval", "1s")
		a.pausing(30, func(round int) {
			// This round's and the two before have had 0.1, 1.2 and 2.3 s.
			require.Equal(t, max(len(a.got)-2, 0), r.committed(0), "round %d", round)
			r.put(0, 1)
		})
		require.Len(t, a.got, 29)
	})
}

// A shard that the group wants back is released as soon as what was handed over is safe,
// not when releaseBound is over, and nothing of it comes twice.
func TestReleaseWhileTheEnginePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a := r.agent("a")
		collectFor(3, a)
		b := r.agent("b")
		revoked := -1
		a.pausing(30, func(round int) {
			if a.log.count("revoked=[0]")+a.log.count("revoked=[1]") > 0 && revoked < 0 {
				revoked = round
			}
			if revoked >= 0 && round >= revoked+2 {
				require.Equal(t, 1, a.log.count("shard released"), "4 s have two times 1.1 that count")
				return
			}
			r.put(0, 1)
			r.put(1, 1)
		})
		require.Positive(t, revoked)
		a.Resume()
		collectFor(30, a, b)
		requireOwnersOnly(t, r)
		require.NotEmpty(t, b.got)
		require.Zero(t, requireAll(t, r.seq, a, b))
	})
}

// A paused engine does not keep a shard from its next owner for longer than releaseBound.
func TestReleaseDuringAPauseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(0, 1)
		r.put(1, 1)
		a := r.agent("a")
		for len(a.got) < 2 {
			collectFor(1, a)
		}
		a.Pause()
		b := r.agent("b")
		for a.log.count("revoked=[") < 2 {
			advance(100 * time.Millisecond)
		}
		advance(11800 * time.Millisecond)
		require.Zero(t, a.log.count("shard released"))
		advance(300 * time.Millisecond)
		require.Equal(t, 1, a.log.count("shard released"), "handoff_delay and releaseBound")
		collectFor(30, b)
		require.Len(t, b.got, 1, "it is read again")
	})
}

// The children of a split are read although the engine never stops pausing.
func TestSplitWhileTheEnginePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		a.pausing(5, func(int) { r.put(0, 1) })
		r.split(0)
		r.put(1, 2)
		r.put(2, 2)
		a.pausing(6, func(int) {})
		require.Equal(t, 1, a.log.count("shard finished"))
		require.Zero(t, requireAll(t, 9, a))
	})
}

// A barrier stops the hand-over, so the pauses that come of it stop, too: it ends
// although the engine was full when it began.
func TestBarrierWhileTheEnginePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		sim := &engineSim{}
		a := r.delivering(sim, "checkpoint_interval", "5s", "handoff_delay", "300ms")
		for i := range 1200 {
			if i%10 == 0 {
				r.put(0, 1)
				sim.take(len(a.collect()))
			}
			if full := sim.holds()-sim.ring >= 3; full != sim.paused {
				if sim.paused = full; full {
					a.Pause()
				} else {
					a.Resume()
				}
			}
			sim.step(i%15 == 0)
		}
		require.Greater(t, a.Stats().Barriers, int64(5))
		require.LessOrEqual(t, r.committed(0), len(a.got)-sim.holds())
		require.Greater(t, r.committed(0), 20)
	})
}
