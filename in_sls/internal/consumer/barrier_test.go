package consumer

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/handover"
)

// A checkpoint is never ahead of what the outputs have delivered: pauses, a loop that is
// held up for long, outputs that do nothing for minutes, in any order. The engine dies at
// the end and nothing is lost.
func TestCheckpointsNeverPassWhatIsDelivered(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, round))
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1)
			sim := &engineSim{}
			a := r.delivering(sim, "checkpoint_interval", "1s", "handoff_delay", "300ms", "buffer_size", "64k")
			slow := rnd.IntN(40) + 1
			for i := range 4000 {
				if i%10 == 0 {
					if rnd.IntN(2) == 0 {
						r.put(0, 1)
					}
					sim.take(len(a.collect()))
				}
				if rnd.IntN(200) == 0 {
					slow = rnd.IntN(400) + 1
				}
				if rnd.IntN(100) == 0 {
					sim.stuck = !sim.stuck && rnd.IntN(3) == 0
				}
				if rnd.IntN(150) == 0 {
					if sim.paused = !sim.paused && rnd.IntN(2) == 0; sim.paused {
						a.Pause()
					} else {
						a.Resume()
					}
				}
				sim.step(rnd.IntN(slow) == 0)
				// Each group is one record: what is committed is a number of them.
				require.LessOrEqual(t, r.committed(0), len(a.got)-sim.holds(), "step %d", i)
			}
			require.Positive(t, a.Stats().Barriers)
			require.Positive(t, r.committed(0))
		})
	}
}

// Without the engine's monitoring nothing starts: no shard is taken from the other members
// of the group, nothing is handed over, and the log says what to set. That the server needs
// some seconds is no error.
func TestDeliveredWaitsForTheMonitoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 3)
		sim := &engineSim{off: true}
		a := r.delivering(sim)
		for range 100 {
			sim.step(true)
			require.Empty(t, a.collect())
		}
		require.Zero(t, a.log.count("checkpoint delivered needs the engine's monitoring"))
		for range 100 {
			sim.step(true)
			require.Empty(t, a.collect())
		}
		require.Equal(t, 1, a.log.count("checkpoint delivered needs the engine's monitoring"))
		require.Empty(t, r.srv.ConsumerGroups(testProject, testLogstore), "nobody has joined")
		sim.off = false
		for range 30 {
			sim.step(true)
			sim.take(len(a.collect()))
		}
		require.Zero(t, requireAll(t, 3, a))
	})
}

// idleEngine is an engine that never has anything: a filter still may.
type idleEngine struct{ began time.Time }

func (e idleEngine) Report(context.Context) (handover.Report, error) {
	return handover.Report{Uptime: int64(time.Since(e.began).Seconds()), Records: 1 << 40}, nil
}

// A filter that holds records back for less than handoff_delay is waited for: what it
// holds is in no report.
func TestDeliveredWaitsForFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		cfg := testConfig(t, "a", "checkpoint", "delivered", "checkpoint_interval", "1s", "handoff_delay", "40s")
		cfg.Monitor = idleEngine{began: time.Now()}
		a := r.start(&agent{t: t, log: &logBuffer{}}, cfg)
		collectFor(3, a)
		require.Len(t, a.got, 1)
		handed := time.Now()
		for r.committed(0) < 1 && time.Since(handed) < 2*time.Minute {
			advance(time.Second)
		}
		require.GreaterOrEqual(t, time.Since(handed), 38*time.Second, "it was handed over in the last three seconds")
		require.Less(t, time.Since(handed), time.Minute)
	})
}

// A pause that came and went between two reports makes the barrier begin again: what they
// said of the ring buffer no longer holds.
func TestShortPausesDuringABarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		cfg := testConfig(t, "a", "checkpoint", "delivered", "checkpoint_interval", "1s", "handoff_delay", "300ms")
		cfg.Monitor = idleEngine{began: time.Now()}
		a := r.start(&agent{t: t, log: &logBuffer{}}, cfg)
		advance(1100 * time.Millisecond)
		require.Len(t, a.collect(), 1)
		for range 60 { // one between any two reports, and longer ago than handoff_delay
			a.Pause()
			a.Resume()
			advance(500 * time.Millisecond)
			require.Equal(t, 0, r.committed(0))
		}
		advance(30 * time.Second)
		require.Equal(t, 1, r.committed(0))
	})
}

// Reading goes on during a barrier, and the hand-over afterwards.
func TestReadingGoesOnDuringABarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		sim := &engineSim{}
		a := r.delivering(sim, "checkpoint_interval", "1s")
		for i := range 1100 {
			if i%10 == 0 {
				r.put(0, 1)
				sim.take(len(a.collect()))
			}
			sim.step(i > 800) // no output takes anything for 80 s
		}
		require.Positive(t, a.log.count("checkpoint delivered waits"))
		require.Greater(t, len(a.got), 60)
		require.Greater(t, r.committed(0), 0)
		m := a.shown()
		require.InDelta(t, a.Stats().Barriers, m["barrier_duration_seconds_count{}"], 0)
		require.InDelta(t, 90, m["barrier_duration_seconds_sum{}"], 20, "the time is that of the outputs, and some")
		queued, _ := a.queues.Close()
		require.Equal(t, int64(r.seq), int64(len(a.got)+queued), "everything written has been read")
	})
}

// A shard that the group wants back is released once what was handed over is delivered.
func TestReleaseWaitsForDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(0, 1)
		r.put(1, 1)
		sim := &engineSim{}
		a := r.delivering(sim, "checkpoint_interval", "10m")
		for i := range 60 {
			if i%10 == 0 {
				sim.take(len(a.collect()))
			}
			sim.step(false)
		}
		require.Len(t, a.got, 2)
		b := r.agent("b")
		for range 600 {
			sim.step(true)
		}
		collectFor(10, b)
		require.Empty(t, b.got, "committed before it was given up")
		require.Len(t, r.holds("b"), 1)
	})
}

// The children of a split wait for one barrier, whatever checkpoint_interval is: it begins
// when the last record of their parent is handed over.
func TestChildrenWaitForOneBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		sim := &engineSim{}
		a := r.delivering(sim, "checkpoint_interval", "10m")
		run := func(until func() bool) (took time.Duration) {
			begin := time.Now()
			for i := 0; !until() && time.Since(begin) < 30*time.Minute; i++ {
				if i%10 == 0 {
					sim.take(len(a.collect()))
				}
				sim.step(true)
			}
			return time.Since(begin)
		}
		r.put(0, 3)
		run(func() bool { return len(a.got) == 3 })
		r.split(0)
		r.put(1, 1)
		r.put(2, 1)
		require.Less(t, run(func() bool { return len(a.got) == 5 }), 25*time.Second)
		r.split(1)
		r.put(3, 1)
		require.Less(t, run(func() bool { return len(a.got) == 6 }), 25*time.Second)
		require.EqualValues(t, 2, a.Stats().Barriers)
		require.Zero(t, requireAll(t, 6, a))
	})
}

// checkpoint off writes nothing, and yet the children of a split are read.
func TestCheckpointOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(0, 2)
		r.put(1, 2)
		a := r.agent("a", "checkpoint", "off")
		collectFor(20, a)
		require.Zero(t, requireAll(t, 4, a))
		require.Empty(t, r.srv.Checkpoints(testProject, testLogstore, testGroup))
		r.split(0)
		r.put(2, 1)
		collectFor(60, a)
		require.Zero(t, requireAll(t, 5, a))
		require.Len(t, r.srv.Checkpoints(testProject, testLogstore, testGroup), 1)
		require.NoError(t, a.Stop(t.Context()))
		require.Len(t, r.srv.Checkpoints(testProject, testLogstore, testGroup), 1)
	})
}

func TestBoundedReadingWithoutCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(0, 2)
		r.put(1, 2)
		advance(time.Minute)
		a := r.agent("a", "checkpoint", "off", "stop_position", "end")
		collectFor(30, a)
		require.Zero(t, requireAll(t, 4, a))
		require.True(t, a.ended())
		require.Empty(t, r.srv.Checkpoints(testProject, testLogstore, testGroup))
	})
}

func TestDeliveredNeedsAGroup(t *testing.T) {
	for _, props := range [][]string{{"consumer_group", "none"}, {"replay", "0:a:b"}} {
		cfg := testConfig(t, "a", append(props, "checkpoint", "delivered")...)
		require.ErrorContains(t, cfg.Validate(), "option checkpoint")
	}
	cfg := testConfig(t, "a", "checkpoint", "delivered")
	_, err := New(cfg, nil, nil)
	require.ErrorContains(t, err, "monitor")
}
