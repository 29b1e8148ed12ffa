package lease

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// Held: what has become safe is committed at the next checkpoint_interval, once. What is
// only read, or only handed over, is not.
func TestHeldCommitsWhatIsSafe(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.put(t, 3)
		r.begin(t)
		advance(4 * time.Second) // handed over at 4 s, safe at 6 s
		require.Equal(t, 3, r.collect())
		r.put(t, 2) // read, not handed over
		advance(5 * time.Second)
		r.requireWritten(t, r.cursor(0)) // where the reading began
		advance(time.Second + 100*time.Millisecond)
		r.requireWritten(t, r.cursor(0), r.cursor(3))
		advance(time.Minute)
		_, tries := r.stored.has()
		require.Equal(t, 2, tries, "what is stored is not written again")
		r.requireHeld(t)
		require.Equal(t, []string{""}, r.stored.opened, "the start has no checkpoint")
	})
}

// Revoked: the reading stops, what is queued is dropped, what was handed over is waited for
// and committed. Until then the lease has not ended.
func TestRevokedWaitsForWhatWasHandedOver(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		l := r.beginWith(t, 2)
		r.put(t, 4)
		advance(time.Second) // they are queued
		revoked := time.Now()
		require.True(t, l.Revoke())
		require.False(t, l.Revoke(), "it was said before")
		advance(900 * time.Millisecond)
		r.requireHeld(t)
		require.Zero(t, r.collect(), "what was queued is the next owner's")
		pulls := r.srv.Stats().Total().Requests
		advance(time.Minute)
		r.requireEnd(t, Released, revoked, time.Second)
		r.requireWritten(t, r.cursor(0), r.cursor(2))
		require.Equal(t, pulls, r.srv.Stats().Total().Requests, "nothing is read any more")
	})
}

// An engine that is paused makes nothing safe: the shard goes to its next owner all the same.
func TestRevokedEndsWhilePaused(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		l := r.beginWith(t, 1)
		r.Queues.Pause()
		revoked := time.Now()
		l.Revoke()
		advance(time.Minute)
		r.requireEnd(t, Released, revoked, handoffDelay+releaseBound)
		r.requireWritten(t, r.cursor(0))
	})
}

// The last commit of a release is tried until the time of a release is over. The pause that
// an earlier failure asked for does not count.
func TestRevokedTriesToCommit(t *testing.T) {
	for name, mends := range map[string]time.Duration{"at last": 6 * time.Second, "too late": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.stored.err = &sls.Error{Class: sls.ClassRetry, RetryAfter: time.Hour}
				l := r.beginWith(t, 1)
				advance(checkpointInterval)
				_, tries := r.stored.has()
				require.Equal(t, 1, tries)
				revoked := time.Now()
				l.Revoke()
				r.stored.set(func() { r.stored.err = &sls.Error{Class: sls.ClassRetry} })
				time.AfterFunc(mends, func() { r.stored.set(func() { r.stored.err = nil }) })
				advance(time.Minute)
				_, tries = r.stored.has()
				require.Greater(t, tries, 3)
				if mends == time.Hour {
					r.requireEnd(t, Released, revoked, handoffDelay+releaseBound)
					r.requireWritten(t)
				} else {
					r.requireWritten(t, r.cursor(1))
				}
			})
		})
	}
}

// With checkpoint delivered a release asks for a barrier, and waits for one that takes long.
func TestRevokedHastensTheBarrier(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.withBarrier(t, time.Hour, 20*time.Second)
		l := r.beginWith(t, 1)
		l.Revoke()
		advance(30 * time.Second)
		r.requireWritten(t, r.cursor(0), r.cursor(1))
	})
}

// What a barrier makes safe is committed within a second.
func TestBarrierIsCommittedSoon(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.Config.CheckpointInterval = time.Hour
		r.withBarrier(t, 5*time.Second, 0)
		r.beginWith(t, 1)
		advance(9 * time.Second)
		r.requireWritten(t, r.cursor(0), r.cursor(1))
	})
}

// withBarrier makes only a barrier safe, with an engine that delivers at a time.
func (r *rig) withBarrier(t *testing.T, interval, delivers time.Duration) {
	t.Helper()
	r.Queues = handover.NewQueues(1<<20, 0, true, r.Source.Budget)
	engine := &slowEngine{began: time.Now(), delivers: time.Now().Add(delivers)}
	r.Barrier = handover.NewBarrier(r.Queues, engine, interval, 0, r.Metrics.Barrier, r.Log)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Barrier.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// slowEngine is an engine that has delivered nothing until a time, and then everything.
type slowEngine struct{ began, delivers time.Time }

func (e *slowEngine) Report(context.Context) (handover.Report, error) {
	report := handover.Report{Uptime: int64(time.Since(e.began).Seconds()), Records: 1, Chunks: 1}
	if !time.Now().Before(e.delivers) {
		report.Chunks, report.Empty = 0, true
	}
	return report, nil
}

// Finished: a read-only shard that is read to its end stays held. The owner hears of the end
// once, when it is committed, and that does not wait for checkpoint_interval.
func TestFinishedStaysHeld(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.readOnly = true
		r.Config.CheckpointInterval = time.Hour
		l := r.beginWith(t, 2)
		advance(handoffDelay - 200*time.Millisecond)
		require.Zero(t, r.owner.completed())
		require.False(t, l.Complete())
		advance(400 * time.Millisecond)
		r.requireWritten(t, r.cursor(0), r.cursor(2))
		require.Equal(t, 1, r.owner.completed())
		require.True(t, l.Complete())
		advance(time.Hour)
		require.Equal(t, 1, r.owner.completed(), "it is said once")
		r.requireHeld(t)
	})
}

// Nobody hears of an end that is not stored: SLS would hand out the children without it.
func TestFinishedWaitsForTheCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.readOnly = true
		r.stored.err = &sls.Error{Class: sls.ClassRetry}
		l := r.beginWith(t, 1)
		advance(time.Minute)
		require.Zero(t, r.owner.completed())
		require.False(t, l.Complete())
		r.stored.set(func() { r.stored.err = nil })
		advance(10 * time.Second)
		require.Equal(t, 1, r.owner.completed())
		r.requireHeld(t)
	})
}

// An owner that needs the shard no more ends the lease, but only after everything of it was
// handed over.
func TestFinishedEndsWithItsOwner(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.readOnly, r.owner.over = true, true
		r.put(t, 1)
		r.begin(t)
		advance(time.Minute)
		r.requireHeld(t)
		require.Equal(t, 1, r.collect())
		handedOver := time.Now()
		advance(time.Minute)
		r.requireEnd(t, Over, handedOver, handoffDelay)
		require.Equal(t, 1, r.owner.completed())
	})
}

// With checkpoint off nothing is written but the end of a read-only shard: without it SLS
// never hands out the children.
func TestCheckpointOffStoresTheEnd(t *testing.T) {
	for name, readOnly := range map[string]bool{"read-only": true, "written to": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.readOnly, r.stored.off = readOnly, true
				r.beginWith(t, 2)
				advance(time.Minute)
				if readOnly {
					r.requireWritten(t, r.cursor(2))
				} else {
					r.requireWritten(t)
				}
				r.requireHeld(t)
			})
		})
	}
}

// Lost: nothing is handed over or committed any more, and a commit under way is cut off.
func TestLostDropsEverything(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		l := r.beginWith(t, 2)
		r.put(t, 3)
		r.stored.set(func() { r.stored.hangs = true })
		advance(6 * time.Second) // since 5 s a commit has been under way
		_, tries := r.stored.has()
		lost := time.Now()
		l.Lose()
		require.Zero(t, r.collect(), "what was queued is another's")
		advance(time.Minute)
		r.requireEnd(t, Over, lost, 0)
		r.requireWritten(t, r.cursor(0))
		_, after := r.stored.has()
		require.Equal(t, tries, after)
	})
}

// A lease that has run out commits nothing, even if nobody has ended it: the shard may be
// another's. It goes on when a late heartbeat renews it.
func TestNothingIsCommittedPastTheClock(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.beginWith(t, 1)
		r.clock.Renew(time.Now(), time.Second)
		advance(time.Minute)
		r.requireWritten(t, r.cursor(0))
		r.clock.Renew(time.Now(), time.Hour)
		advance(checkpointInterval)
		r.requireWritten(t, r.cursor(0), r.cursor(1))
	})
}

// A refused checkpoint ends the lease: the shard is another's, and nothing is tried again.
func TestRefusedCommitDropsTheShard(t *testing.T) {
	for name, err := range map[string]error{
		"lease lost": &sls.Error{Class: sls.ClassLeaseLost, Code: "ConsumerNotMatch"},
		"shard gone": &sls.Error{Class: sls.ClassPermanent, Code: "ShardNotExist"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				began := time.Now()
				r.stored.err = err
				r.put(t, 1)
				r.begin(t)
				advance(time.Minute)
				r.requireEnd(t, Dropped, began, 0)
				_, tries := r.stored.has()
				require.Equal(t, 1, tries)
				require.Zero(t, r.collect())
			})
		})
	}
}

// A commit that fails is tried again, after the pause that the server asks for. One that
// hangs is cut off after CommitTimeout.
func TestFailedCommitIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		began := time.Now()
		r.stored.err = &sls.Error{Class: sls.ClassRetry, RetryAfter: 30 * time.Second}
		r.put(t, 1)
		r.begin(t)
		advance(time.Second)
		r.stored.set(func() { r.stored.err, r.stored.hangs = nil, true })
		advance(31 * time.Second)
		r.stored.set(func() { r.stored.hangs = false })
		advance(20 * time.Second)
		r.requireWritten(t, r.cursor(0))
		require.Len(t, r.stored.tried, 3)
		for i, at := range []time.Duration{0, 30 * time.Second, 30*time.Second + CommitTimeout} {
			// The next look is a checkpoint_interval later at most.
			require.InDelta(t, at.Seconds(), r.stored.tried[i].Sub(began).Seconds(), checkpointInterval.Seconds()+0.1)
		}
		r.requireHeld(t)
	})
}

// A stop commits what is safe at once, and tries that for stopBound at most.
func TestStopCommits(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		after time.Duration
	}{"at once": {nil, 0}, "not for ever": {&sls.Error{Class: sls.ClassRetry}, stopBound}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.Config.CheckpointInterval = time.Hour
				r.beginWith(t, 1)
				advance(time.Minute)
				r.stored.set(func() { r.stored.err = c.err })
				r.stopReading()
				stopped := time.Now()
				advance(time.Minute)
				r.requireEnd(t, Over, stopped, c.after)
				if c.err == nil {
					r.requireWritten(t, r.cursor(0), r.cursor(1))
				}
			})
		})
	}
}

// A look for the checkpoints of others is counted, and does not hold up a stop.
func TestForeignCheckpointsAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.stored.foreign = 2
		r.begin(t)
		advance(3*checkpointInterval - time.Second)
		require.Equal(t, 2, r.stored.looks)
		require.Equal(t, 4, int(r.count("checkpoints_foreign_total")))
		r.stored.set(func() { r.stored.lookHangs = true })
		advance(3 * time.Second)
		require.Equal(t, 3, r.stored.looks)
		r.stopReading()
		stopped := time.Now()
		advance(time.Minute)
		r.requireEnd(t, Over, stopped, 0)
	})
}

// A reader may end the lease: its shard does not exist any more, or is a range of cursors
// that cannot be read.
func TestReaderEndsTheLease(t *testing.T) {
	for code, how := range map[string]Outcome{"ShardNotExist": Dropped, "InvalidCursor": Over} {
		t.Run(code, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *rig) {
				r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { c.Fail(http.StatusBadRequest, code, "no") })
				one, err := shard.ParseRange("0:" + r.cursor(0) + ":" + r.cursor(5))
				require.NoError(t, err)
				began := time.Now()
				r.beginAt(t, one)
				advance(time.Minute)
				r.requireEnd(t, how, began, 0)
			})
		})
	}
}

// An earlier lease of the shard cannot move the checkpoint of the next one.
func TestLeasesOfOneShardAreApart(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.put(t, 2)
		first := r.begin(t)
		advance(time.Second)
		require.Equal(t, 2, r.collect())
		first.Lose()
		r.begin(t)
		advance(time.Minute)
		r.requireWritten(t, r.cursor(0))
		require.Equal(t, 2, r.collect(), "the next lease reads again what was not committed")
		advance(time.Minute)
		r.requireWritten(t, r.cursor(0), r.cursor(2))
	})
}

func TestClock(t *testing.T) {
	var c Clock
	now := time.Now()
	require.True(t, c.Expired(now), "before the first heartbeat")
	c.Renew(now, time.Minute)
	require.Equal(t, now.Add(time.Minute), c.Deadline())
	require.False(t, c.Expired(now.Add(time.Minute-1)))
	require.True(t, c.Expired(now.Add(time.Minute)))
}
