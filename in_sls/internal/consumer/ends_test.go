package consumer

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// These tests are about readings that ended too early: all that SLS received before
// stop_position has to be read.

// SLS hands out the children of a shard once it knows where that one ends. So the end is
// written with checkpoint off, too, and when stop_position lies behind it.
func TestBoundedReadingOfSplitsWithoutCheckpoints(t *testing.T) {
	for name, fails := range map[string]int32{"server is well": 0, "heartbeats fail after the parent": 3} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.splitBeforeAndAfter(time.Hour)
				r.put(3, 1) // after stop_position
				var told atomic.Bool
				var failed atomic.Int32
				r.srv.Hook(slsfake.OpUpdateCheckpoint, func(*slsfake.Call) { told.Store(true) })
				r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
					if told.Load() && failed.Add(1) <= fails {
						c.Fail(http.StatusInternalServerError, "InternalServerError", "no")
					}
				})
				a := r.agent("a", "checkpoint", "off", "stop_position", "30m")
				collectFor(120, a)
				require.Zero(t, requireAll(t, 6, a))
				require.True(t, a.ended(), a.log)
			})
		})
	}
}

// A shard that is split just before stop_position is known to end before that.
func TestBoundedReadingOfALateSplitWithoutCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		stop := time.Now().Add(15 * time.Second)
		a := r.agent("a", "checkpoint", "off", "stop_position", stop.Format(time.RFC3339))
		advance(time.Until(stop.Add(-time.Second)))
		r.put(0, 1)
		r.split(0)
		r.put(1, 1)
		collectFor(60, a)
		require.Zero(t, requireAll(t, 3, a))
		require.True(t, a.ended(), a.log)
	})
}

// A shard that has logs from after stop_position is not read to its end. With checkpoint
// off the group learns nothing of it.
func TestBoundedReadingWithoutCheckpointsTellsOnlyTheEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 2)
		advance(time.Hour)
		r.put(0, 1)
		r.split(0)
		a := r.agent("a", "checkpoint", "off", "stop_position", "30m")
		collectFor(60, a)
		require.Equal(t, []int{1, 2}, ids(a.got))
		require.True(t, a.ended(), a.log)
		require.Empty(t, r.srv.Checkpoints(testProject, testLogstore, testGroup))
	})
}

// A logstore that was created before stop_position, but after the last look, is read.
func TestBoundedPatternLooksAgainAfterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 2)
		stop := time.Now().Add(50 * time.Second).Format(time.RFC3339)
		a := r.agent("a", "stop_position", stop, "logstore", "", "logstore_pattern", "app.*")
		collectFor(20, a)
		r.srv.CreateLogstore(testProject, "app-2", 1)
		r.putTo("app-2", 2)
		collectFor(200, a)
		require.Zero(t, requireAll(t, 4, a))
		require.True(t, a.ended(), a.log)
	})
}

// Logstores past those that are read at once have their turn when others have ended.
func TestBoundedPatternOfManyLogstores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		for i := range maxLogstores {
			r.srv.CreateLogstore(testProject, fmt.Sprintf("b-%d", i), 1)
		}
		r.srv.CreateLogstore(testProject, "c-1", 1)
		r.putTo("c-1", 2)
		advance(time.Minute)
		r.srv.Hook(slsfake.OpListLogstores, func(c *slsfake.Call) {
			if c.N > 3 && c.N < 7 { // a list is three pages
				c.FailHTML(http.StatusBadGateway)
			}
		})
		a := r.agent("a", "stop_position", "end", "logstore", "", "logstore_pattern", "[bc]-.*", "consumer_group", "none")
		collectFor(200, a)
		require.Zero(t, requireAll(t, 2, a))
		require.True(t, a.ended(), a.log)
	})
}

// A list without a shard says that something is wrong, not that all has been read.
func TestNoShardsAreNotTheEnd(t *testing.T) {
	for _, group := range []string{testGroup, "none"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1)
			r.put(0, 2)
			advance(time.Minute)
			r.srv.Hook(slsfake.OpListShards, slsfake.First(1, func(c *slsfake.Call) { c.Answer(http.StatusOK, nil, []byte("[]")) }))
			a := r.agent("a", "stop_position", "10s", "consumer_group", group)
			collectFor(100, a)
			require.Zero(t, requireAll(t, 2, a), group)
			require.True(t, a.ended(), a.log)
		})
	}
}

// An answer without data that leads nowhere is not the end of a shard that has more,
// be it read-only, bounded or a range.
func TestEmptyAnswerIsNotTheEnd(t *testing.T) {
	for name, props := range map[string]func(r *rig) []string{
		"stop_position":                 func(*rig) []string { return []string{"stop_position", "10s"} },
		"stop_position without a group": func(*rig) []string { return []string{"stop_position", "10s", "consumer_group", "none"} },
		"replay":                        func(r *rig) []string { return []string{"replay", "0:" + r.cursor(0, 0) + ":" + r.cursor(0, 2)} },
		"replay past the end":           func(r *rig) []string { return []string{"replay", "0:" + r.cursor(0, 0) + ":" + r.cursor(0, 9)} },
		"read-only": func(r *rig) []string {
			r.split(0)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(0, 1)
				r.put(0, 1)
				empty := func(c *slsfake.Call) { c.Answer(http.StatusOK, pulled(c.Cursor, 0, 0), nil) }
				r.srv.Hook(slsfake.OpPullLogs, slsfake.First(3, empty))
				more := props(r)
				if name == "read-only" {
					r.put(1, 1)
				}
				advance(time.Minute)
				a := r.agent("a", more...)
				collectFor(100, a)
				require.Zero(t, requireAll(t, r.seq, a))
				require.Equal(t, name != "read-only", a.ended(), a.log)
			})
		})
	}
}

// While the clocks are within 2 s of each other an answer that comes just before
// stop_position by ours may hold what SLS received after it.
func TestLateAnswerWithClocksApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		stop := time.Now().Add(30 * time.Second)
		r.srv.SetClockOffset(1900 * time.Millisecond)
		a := r.agent("a", "stop_position", stop.Format(time.RFC3339))
		collectFor(20, a)
		r.put(0, 1)
		advance(time.Until(stop.Add(-2600 * time.Millisecond)))
		a.collect()
		r.srv.Hook(slsfake.OpPullLogs, slsfake.First(1, func(c *slsfake.Call) { c.Delay(2100 * time.Millisecond) }))
		advance(time.Until(stop.Add(-time.Second)))
		r.put(0, 1)
		collectFor(20, a)
		require.Equal(t, []int{1}, ids(a.got))
		require.True(t, a.ended(), a.log)
	})
}
