package consumer

import (
	"encoding/binary"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// Throttling slows the shard it concerns, nobody else.
func TestThrottlingSlowsOneShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		remove := r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
			if c.Shard == 0 {
				c.Fail(http.StatusForbidden, "ShardReadQuotaExceed", "slow down")
			}
		})
		a := r.agent("a")
		r.put(0, 1)
		r.put(1, 1)
		collectFor(60, a)
		require.Equal(t, []int{2}, ids(a.got))
		require.InDelta(t, 11, a.Stats().Throttled, 3, "up to ten seconds apart")
		require.Greater(t, a.Stats().Pulls, int64(100), "the other shard is not slowed")
		require.Equal(t, 1, a.log.count("throttled"))
		remove()
		collectFor(12, a)
		requireAll(t, 2, a)
	})
}

// An expired checkpoint goes on from fallback_position, loudly and counted.
func TestExpiredCheckpoint(t *testing.T) {
	for fallback, want := range map[string][]int{"begin": {4, 5, 6}, "end": {6}} {
		t.Run(fallback, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(0, 1)
				a := r.agent("a")
				collectFor(8, a)
				require.Equal(t, 1, r.committed(0))
				require.NoError(t, a.Stop(t.Context()))
				for range 4 {
					r.put(0, 1)
				}
				shard := r.srv.Shards(testProject, testLogstore)[0]
				require.NoError(t, r.srv.TrimShard(testProject, testLogstore, 0, shard.Begin+3))

				b := r.agent("b", "fallback_position", fallback, "start_position", "begin")
				collectFor(80, b)
				require.Equal(t, 2, r.committed(0), "the new position is committed, data or not")
				r.put(0, 1)
				collectFor(10, b)
				require.Equal(t, want, ids(b.got))
				require.Equal(t, int64(1), b.Stats().Fallbacks)
				require.Equal(t, 1, b.log.count("going on from fallback_position"))
				require.Equal(t, 3, r.committed(0))
			})
		})
	}
}

// A cursor that stays invalid does not turn into a busy loop.
func TestFallbackIsNotBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
			c.Fail(http.StatusBadRequest, "InvalidCursor", "no")
		})
		a := r.agent("a")
		advance(10 * time.Minute)
		require.Less(t, a.Stats().Fallbacks, int64(60))
	})
}

// A shard that is gone is dropped until the group assigns it again.
func TestGoneShardIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		remove := r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
			if c.Shard == 0 {
				c.Fail(http.StatusBadRequest, "ShardNotExist", "gone")
			}
		})
		a := r.agent("a")
		advance(time.Second)
		require.Equal(t, []int{1}, a.held())
		require.Equal(t, 1, a.log.count("does not exist any more"))
		advance(9 * time.Second)
		require.Equal(t, 1, a.log.count("does not exist any more"), "until the next assignment")
		remove()
		r.put(0, 1)
		collectFor(12, a)
		requireAll(t, 1, a)
	})
}

// Any other error is tried again for ever, further and further apart, and said
// once a minute.
func TestErrorsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("a")
		advance(time.Second)
		remove := r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { c.FailHTML(http.StatusBadGateway) })
		r.put(0, 1)
		advance(10 * time.Minute)
		require.InDelta(t, 32, a.Stats().FetchErrors, 10)
		require.InDelta(t, 10, a.log.count("cannot read shard"), 2)
		require.Positive(t, a.log.count("repeated="))
		require.Zero(t, a.Stats().LeasesLost)
		remove()
		collectFor(31, a)
		requireAll(t, 1, a)
	})
}

// An answer larger than the client reads is asked for in smaller parts.
func TestTooLargeAnswerIsAskedForInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		for range 8 {
			r.put(0, 1)
		}
		r.srv.Hook(slsfake.OpPullLogs, slsfake.First(3, func(c *slsfake.Call) {
			c.Answer(http.StatusOK, http.Header{
				"X-Log-Cursor": {c.Cursor}, "X-Log-Count": {"8"}, "X-Log-Bodyrawsize": {strconv.Itoa(1 << 30)},
				"X-Log-Compresstype": {"lz4"},
			}, []byte("x"))
		}))
		a := r.agent("a")
		collectFor(1, a)
		require.Zero(t, requireAll(t, 8, a))
		require.Zero(t, a.Stats().FetchErrors)
	})
}

// What can be read of a corrupt log group is delivered; the rest is counted
// and logged with cursor and offset, and reading goes on.
func TestCorruptLogGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 2)
		r.put(0, 2)
		r.put(0, 2)
		cursors := r.srv.Shards(testProject, testLogstore)[0]
		r.srv.Hook(slsfake.OpPullLogs, slsfake.First(1, func(c *slsfake.Call) {
			list := corruptList(r)
			c.Answer(http.StatusOK, http.Header{
				"X-Log-Cursor": {slsfake.EncodeCursor(cursors.End)}, "X-Log-Count": {"3"},
				"X-Log-Bodyrawsize":  {strconv.Itoa(len(list))},
				"X-Log-Compresstype": {"lz4"},
			}, sls.Compress(sls.LZ4, nil, list))
		}))
		a := r.agent("a")
		collectFor(8, a)
		require.Equal(t, []int{1, 2, 3, 5, 6}, ids(a.got))
		require.Equal(t, int64(1), a.Stats().DecodeErrors)
		require.Equal(t, 1, a.log.count("corrupt log group"))
		require.Regexp(t, `corrupt log group.* cursor=`+slsfake.EncodeCursor(cursors.Begin)+` group=1 error="corrupt input at byte \d+`, a.log.String())
		require.Equal(t, 3, r.committed(0))
	})
}

// corruptList is all groups of shard 0 as a LogGroupList, the second log of
// the second group damaged.
func corruptList(r *rig) []byte {
	var list []byte
	i := 0
	for g := range r.srv.Groups(testProject, testLogstore) {
		data := append([]byte(nil), g.Data...)
		if i == 1 {
			first := 2 + int(data[1]) // tag, length, the first Log
			data[first+2] = 0x07      // its Time becomes a field of no wire type
		}
		list = append(list, 0x0a)
		list = binary.AppendUvarint(list, uint64(len(data)))
		list = append(list, data...)
		i++
	}
	return list
}

// A pull that returns nothing while its cursor moves is committed too.
func TestMovedCursorIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		end := r.srv.Shards(testProject, testLogstore)[0].End
		r.srv.Hook(slsfake.OpPullLogs, slsfake.First(1, func(c *slsfake.Call) {
			c.Answer(http.StatusOK, http.Header{
				"X-Log-Cursor": {slsfake.EncodeCursor(end)}, "X-Log-Count": {"0"}, "X-Log-Bodyrawsize": {"0"},
			}, nil)
		}))
		a := r.agent("a")
		collectFor(6, a)
		require.Empty(t, a.got)
		require.Equal(t, 1, r.committed(0))
	})
}
