package consumer

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

const endedLine = "all there was to read has been read"

// ended reports whether the engine has come to its end by itself.
func (a *agent) ended() bool {
	select {
	case <-a.done:
		return a.log.count(endedLine) == 1
	default:
		return false
	}
}

// Everything received before stop_position and nothing else, in every form; the
// reading ends by itself and the checkpoints stay.
func TestStopPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		begin := time.Now()
		for i := range 6 {
			r.put(i%2, 1)
			advance(time.Hour)
		}
		n := 0
		for stop, want := range map[string]int{
			"end": 6,
			"70m": 5, // records come at 0 h, 1 h ... 5 h, and it is 6 h
			"7h":  0,
			"0":   0,
			begin.Add(3 * time.Hour).Format(time.RFC3339):                          3,
			strconv.FormatInt(begin.Add(4*time.Hour).Unix(), 10):                   4,
			begin.Add(2*time.Hour + time.Millisecond).Format(time.RFC3339Nano):     3,
			begin.Add(3*time.Hour - 500*time.Millisecond).Format(time.RFC3339Nano): 3,
		} {
			for _, group := range []string{"none", "g" + strconv.Itoa(n)} {
				n++
				a := r.agent("a", "consumer_group", group, "stop_position", stop)
				collectFor(15, a)
				require.ElementsMatch(t, numbers(1, want), ids(a.got), stop)
				require.True(t, a.ended(), "%s: %s", stop, a.log)
				require.Zero(t, a.Stats().ShardsHeld)
				require.NoError(t, a.Stop(t.Context()))
				if group != "none" {
					points := r.srv.Checkpoints(testProject, testLogstore, group)
					require.Len(t, points, 2, "the checkpoints are kept")
				}
			}
		}
	})
}

// A time to come: logs from before it are read as they come, later ones are not, also with
// an answer on its way at that moment.
func TestStopPositionToCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		stop := time.Now().Add(time.Minute)
		a := r.agent("a", "stop_position", stop.Format(time.RFC3339))
		want := 0
		for i := range 70 {
			if r.put(i%2, 1); time.Now().Before(stop) {
				want = r.seq
			}
			collectFor(1, a)
			if i == 56 {
				r.srv.Hook(slsfake.OpPullLogs, slsfake.First(2, func(c *slsfake.Call) { c.Delay(5 * time.Second) }))
			}
		}
		collectFor(10, a)
		require.Equal(t, want, len(a.got))
		require.Zero(t, requireAll(t, want, a))
		require.True(t, a.ended())
	})
}

// Two members: the one that is done waits for the other, and reads the rest
// when the other dies.
func TestBoundedReadingOfAGroupEndsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		stop := time.Now().Add(100 * time.Second).Format(time.RFC3339)
		a, b := r.agent("a", "stop_position", stop), r.agent("b", "stop_position", stop)
		b.Pause()
		collectFor(80, a, b)
		require.Len(t, r.holds("b"), 1)
		for i := range 10 {
			r.put(i%2, 1)
		}
		collectFor(50, a, b)
		require.Len(t, a.got, 5)
		require.False(t, a.ended(), "b has a shard that it has not read")
		require.Equal(t, 1, a.log.count("shard read up to stop_position"))
		require.NoError(t, b.Stop(t.Context()))
		collectFor(90, a)
		require.Zero(t, requireAll(t, 10, a))
		require.True(t, a.ended())
	})
}

// Parents, then their children, then the end.
func TestBoundedReadingOfSplits(t *testing.T) {
	for _, group := range []string{"fluent-bit", "none"} {
		t.Run(group, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.splitBeforeAndAfter(time.Hour)
				r.put(4, 1)
				a := r.agent("a", "stop_position", "30m", "consumer_group", group)
				collectFor(120, a)
				require.Zero(t, requireAll(t, 6, a))
				require.True(t, a.ended(), a.log)
			})
		})
	}
}

// A second run with a later bound goes on where the first one ended.
func TestBoundedReadingGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		advance(time.Hour)
		r.put(0, 1)
		advance(time.Hour)
		a := r.agent("a", "stop_position", "90m")
		collectFor(20, a)
		b := r.agent("b", "stop_position", "30m")
		collectFor(90, b)
		require.Equal(t, []int{1}, ids(a.got))
		require.Equal(t, []int{2}, ids(b.got))
		require.True(t, a.ended() && b.ended())
	})
}

// With a pattern the end comes when every logstore has been read.
func TestBoundedReadingOfAPattern(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.srv.CreateLogstore(testProject, "app-2", 1)
		r.put(0, 2)
		r.putTo("app-2", 2)
		advance(time.Minute)
		a := r.agent("a", "stop_position", "end", "logstore", "", "logstore_pattern", "app.*")
		advance(3 * time.Second)
		r.put(0, 1)
		collectFor(100, a)
		require.Zero(t, requireAll(t, 4, a))
		require.True(t, a.ended(), a.log)
	})
}

func (r *rig) cursor(shard, group int) string {
	return slsfake.EncodeCursor(r.srv.Shards(testProject, testLogstore)[shard].Begin + int64(group))
}

// The ranges and nothing else, those of a shard in their order, and no group.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		for range 10 {
			r.put(0, 1)
		}
		r.put(1, 1) // 11
		span := func(shard, from, to int) string {
			return strconv.Itoa(shard) + ":" + r.cursor(shard, from) + ":" + r.cursor(shard, to)
		}
		a := r.agent("a", "replay", span(0, 7, 9)+", "+span(1, 0, 1)+","+span(0, 2, 5)+","+span(0, 3, 3), "fetch_max_groups", "1")
		collectFor(20, a)
		require.ElementsMatch(t, []int{8, 9, 3, 4, 5, 11}, ids(a.got))
		var first []int
		for _, id := range ids(a.got) {
			if id != 11 {
				first = append(first, id)
			}
		}
		require.Equal(t, []int{8, 9, 3, 4, 5}, first)
		require.True(t, a.ended())
		require.Empty(t, r.srv.ConsumerGroups(testProject, testLogstore))
	})
}

// A range whose data has expired is not replaced by other data.
func TestReplayOfExpiredData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		for range 5 {
			r.put(0, 1)
		}
		replay := "0:" + r.cursor(0, 1) + ":" + r.cursor(0, 4) + ",0:" + r.cursor(0, 3) + ":" + r.cursor(0, 4)
		require.NoError(t, r.srv.TrimShard(testProject, testLogstore, 0, r.srv.Shards(testProject, testLogstore)[0].Begin+2))
		a := r.agent("a", "replay", replay)
		collectFor(10, a)
		require.Equal(t, []int{4}, ids(a.got))
		require.Equal(t, 1, a.log.count("this range cannot be read"))
		require.True(t, a.ended())
	})
}
