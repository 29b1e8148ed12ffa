package slsfake

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The incidents of the README that no other test plays through.

// A shard that is down refuses the keys of its range and its readers, and nobody else.
func TestOneShardDown(t *testing.T) {
	s, c := newServer(t, Config{})
	s.Hook("", func(call *Call) {
		if call.Shard == 1 {
			call.Fail(500, "InternalServerError", "shard 1 is down")
		}
	})
	write := func(key string) int {
		return c.do(putReq("/logstores/store/shards/route?key="+key, logGroup("x"), "lz4")).status
	}
	low, high := "00000000000000000000000000000000", "80000000000000000000000000000000"
	require.Equal(t, []int{200, 500, 500}, []int{write(low), write(high), write(lastKey)})
	require.NoError(t, s.SplitShard("proj", "store", 1, "")) // others take over its range
	require.Equal(t, []int{200, 200, 200}, []int{write(low), write(high), write(lastKey)})
	require.Equal(t, 500, c.get(shardURI(1, "type=cursor&from=begin"), nil).status)
	require.Equal(t, 200, c.get(shardURI(0, "type=cursor&from=begin"), nil).status)
	c.put("load-balanced writes name no shard")
	c.host = "none.emu.local"
	require.Equal(t, 404, write(high))
}

// The lease runs from when the heartbeat is carried out: a late answer eats into it, a
// late arrival comes after the lease has ended.
func TestSlowHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		c.createGroup(10, false)
		remove := s.Hook(OpHeartbeat, func(call *Call) { call.DelayAfter(8 * time.Second) })
		held := c.beat("a")
		remove()
		require.Equal(t, []int{0, 1}, held)
		require.Equal(t, 2*time.Second, time.Until(s.ConsumerGroups("proj", "store")[0].Members[0].Expires))
		defer s.Hook(OpHeartbeat, func(call *Call) { call.Delay(2 * time.Second) })()
		require.Equal(t, "NotExistConsumerWithBody", c.tryBeat("a", held...).code)
	})
}

// A checkpoint that is acknowledged and lost.
func TestLostCheckpoint(t *testing.T) {
	s, c := newServer(t, Config{})
	c.createGroup(10, false)
	c.beat("a")
	c.put("x")
	require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "begin"), false).status)
	s.Hook(OpUpdateCheckpoint, First(1, func(call *Call) { call.Answer(200, nil, nil) }))
	require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "end"), false).status)
	require.Equal(t, c.cursor(0, "begin"), s.Checkpoints("proj", "store", "group")[0].Cursor)
	require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "end"), false).status)
	require.Equal(t, c.cursor(0, "end"), s.Checkpoints("proj", "store", "group")[0].Cursor)
}

// An operator deletes what is in use.
func TestDeletedInUse(t *testing.T) {
	s, c := newServer(t, Config{})
	c.createGroup(10, false)
	held := c.beat("a")
	require.NoError(t, s.DeleteConsumerGroup("proj", "store", "group"))
	require.Equal(t, "ConsumerGroupNotExist", c.tryBeat("a", held...).code)
	var refused *apiError
	require.True(t, errors.As(s.DeleteConsumerGroup("proj", "store", "group"), &refused))
	require.Equal(t, "ConsumerGroupNotExist", refused.code)

	require.NoError(t, s.DeleteLogstore("proj", "store"))
	require.Equal(t, "LogStoreNotExist", c.do(putReq("/logstores/store", logGroup("x"), "lz4")).code)
	require.ErrorContains(t, s.DeleteLogstore("proj", "store"), "delete logstore proj/store: 404 LogStoreNotExist")
	require.ErrorContains(t, s.DeleteLogstore("none", "store"), "ProjectNotExist")
	require.ErrorContains(t, s.DeleteConsumerGroup("proj", "store", "group"), "LogStoreNotExist")
}
