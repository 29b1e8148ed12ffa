package standalone

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/tests/slsfake"
)

func position(t *testing.T, raw string) shard.Position {
	t.Helper()
	p, err := shard.ParsePosition(raw, time.Now())
	require.NoError(t, err)
	return p
}

// Parents first: the children of a shard begin when everything of it is safe, and then at
// once. Three generations.
func TestParentsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(t, 0, "ab")
		r.split(t, 0) // 1, 2
		r.put(t, 1, "cd")
		r.split(t, 1) // 3, 4
		r.put(t, 3, "e")
		r.run(t, New(Config{InOrder: true, Start: position(t, "begin"), Interval: time.Hour}, r.Maker))
		advance(time.Second)
		require.Equal(t, []string{"0"}, r.held())
		require.Equal(t, "ab", r.collect())
		advance(handoffDelay - 200*time.Millisecond)
		require.Equal(t, []string{"0"}, r.held(), "what was handed over is not safe yet")
		advance(400 * time.Millisecond)
		require.Equal(t, []string{"1", "2"}, r.held())
		advance(time.Second)
		require.Equal(t, "cd", r.collect())
		advance(handoffDelay + 200*time.Millisecond)
		require.Equal(t, []string{"2", "3", "4"}, r.held())
		advance(time.Second)
		require.Equal(t, "e", r.collect())
		require.False(t, r.ended.Load(), "more may be written")
	})
}

// Without order nothing waits.
func TestOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(t, 0, "a")
		r.split(t, 0)
		r.run(t, New(Config{Start: position(t, "begin"), Interval: time.Hour}, r.Maker))
		advance(100 * time.Millisecond)
		require.Equal(t, []string{"0", "1", "2"}, r.held())
	})
}

// A parent that is not among the chosen shards is not waited for, and not read.
func TestParentsThatAreNotChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(t, 0, "a")
		r.split(t, 0)
		r.put(t, 1, "b")
		r.put(t, 2, "c")
		r.run(t, New(Config{Shards: []int{1}, InOrder: true, Start: position(t, "begin"), Interval: time.Hour}, r.Maker))
		advance(time.Second)
		require.Equal(t, []string{"1"}, r.held())
		require.Equal(t, "b", r.collect())
	})
}

// A child that waits begins where start_position was when the reading began. A shard that
// came later begins at its beginning.
func TestWhereChildrenBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(t, 0, "a")
		r.split(t, 0) // 1, 2
		r.put(t, 1, "b")
		r.run(t, New(Config{InOrder: true, Start: position(t, "end"), Interval: 10 * time.Second}, r.Maker))
		advance(10 * time.Millisecond)
		require.Equal(t, []string{"0"}, r.held())
		r.put(t, 1, "c")
		r.split(t, 2) // 3, 4
		r.put(t, 3, "d")
		for range 30 {
			advance(time.Second)
			r.collect()
		}
		require.ElementsMatch(t, []byte("cd"), []byte(r.got))
	})
}

// Chosen shards that are read-only come to an end. One that is missing may still come: it is
// waited for, and the log says so once.
func TestChosenShardsEnd(t *testing.T) {
	for name, chosen := range map[string][]int{"all there": {0}, "one missing": {0, 3}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(t, 0, "a")
				r.split(t, 0) // 1, 2
				r.run(t, New(Config{Shards: chosen, InOrder: true, Start: position(t, "begin"), Interval: 5 * time.Second}, r.Maker))
				advance(12 * time.Second)
				require.Zero(t, r.log.count("the reading has ended"), "nothing is handed over")
				require.Equal(t, "a", r.collect())
				advance(time.Minute)
				require.Equal(t, len(chosen) == 1, r.ended.Load())
				require.Equal(t, len(chosen)-1, r.log.count("missing=[3]"))
				if len(chosen) == 2 {
					r.split(t, 1) // 3, 4
					advance(10 * time.Second)
					require.Equal(t, []string{"3"}, r.held())
				}
			})
		})
	}
}

// stop_position ends the reading once every shard has come to it, and not before its time.
func TestStopPositionEndsTheReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(t, 0, "a")
		stop, err := shard.ParseStop(time.Now().Add(time.Minute).Format(time.RFC3339), time.Now())
		require.NoError(t, err)
		r.Source.Config.Stop = stop
		r.run(t, New(Config{Start: position(t, "begin"), Stop: stop, Interval: 10 * time.Second}, r.Maker))
		advance(59 * time.Second)
		r.put(t, 1, "b")
		advance(30 * time.Second)
		require.False(t, r.ended.Load(), "two logs are not handed over")
		require.Len(t, r.collect(), 2)
		advance(30 * time.Second)
		require.True(t, r.ended.Load())
	})
}

// A list or a cursor that cannot be had is asked for again, and nothing is begun meanwhile:
// where a child begins must not be guessed.
func TestFailuresAreTriedAgain(t *testing.T) {
	for _, op := range []slsfake.Op{slsfake.OpListShards, slsfake.OpGetCursor} {
		t.Run(string(op), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(t, 0, "a")
				r.split(t, 0)
				remove := r.srv.Hook(op, func(c *slsfake.Call) { c.Fail(http.StatusServiceUnavailable, "ServerBusy", "busy") })
				r.run(t, New(Config{InOrder: true, Start: position(t, "0"), Interval: time.Hour}, r.Maker))
				advance(time.Minute)
				require.Empty(t, r.held())
				remove()
				advance(time.Minute)
				require.Equal(t, "a", r.collect())
			})
		})
	}
}

// The reading ends with its context, leases included.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.run(t, New(Config{Start: position(t, "begin"), Interval: time.Hour}, r.Maker))
		advance(time.Second)
		require.Equal(t, []string{"0", "1"}, r.held())
		r.stop()
		synctest.Wait()
		require.True(t, r.ended.Load())
		require.Empty(t, r.held())
	})
}
