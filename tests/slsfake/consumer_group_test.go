package slsfake

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const groupURI = "/logstores/store/consumergroups/group"

func (c *client) createGroup(timeout int, order bool) {
	c.t.Helper()
	res := c.sendJSON("POST", "/logstores/store/consumergroups",
		map[string]any{"consumerGroup": "group", "timeout": timeout, "order": order})
	require.Equal(c.t, 200, res.status, "%s", res.body)
}

func (c *client) tryBeat(name string, listed ...int) result {
	c.t.Helper()
	if listed == nil {
		listed = []int{}
	}
	return c.sendJSON("POST", groupURI+"?type=heartbeat&consumer="+name, listed)
}

// beat must be answered with a list.
func (c *client) beat(name string, listed ...int) []int {
	c.t.Helper()
	res := c.tryBeat(name, listed...)
	require.Equal(c.t, 200, res.status, "%s", res.body)
	var held []int
	require.NoError(c.t, decodeJSON(res.body, &held))
	return held
}

func (c *client) commit(name string, shard int, cursor string, force bool) result {
	c.t.Helper()
	return c.sendJSON("POST", fmt.Sprintf("%s?type=checkpoint&consumer=%s&forceSuccess=%v", groupURI, name, force),
		map[string]any{"shard": shard, "checkpoint": cursor})
}

func TestConsumerGroups(t *testing.T) {
	s, c := newServer(t, Config{})
	const uri = "/logstores/store/consumergroups"
	for _, tc := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"consumerGroup":"gg","timeout":10,"order":true}`, 200, ""},
		{`{"consumerGroup":"gg","timeout":10,"order":true}`, 400, "ConsumerGroupAlreadyExist"},
		{`{"consumerGroup":"g2","timeout":10,"order":false}`, 200, ""},
		{`{"consumerGroup":"g3","timeout":10}`, 400, "JsonInfoInvalid"},
		{`{"consumerGroup":"g3","order":true}`, 400, "JsonInfoInvalid"},
		{`{"timeout":9,"order":true}`, 400, "JsonInfoInvalid"},
		{`{"consumerGroup":"g3","timeout":0,"order":true}`, 400, "ParameterInvalid"},
		{`{"consumerGroup":"G3","timeout":9,"order":true}`, 400, "ParameterInvalid"},
		{`{"consumerGroup":"g3","timeout":"9","order":true}`, 400, "JsonInfoInvalid"},
		{`nonsense`, 400, "JsonInfoInvalid"},
	} {
		res := c.do(req{
			method: "POST", uri: uri, body: []byte(tc.body),
			headers: map[string]string{"Content-Type": "application/json", "x-log-bodyrawsize": "0"},
		})
		require.Equal(t, tc.status, res.status, "%s: %s", tc.body, res.body)
		require.Equal(t, tc.code, res.code, tc.body)
		if tc.status == 200 {
			require.Equal(t, "0", res.header.Get("Content-Length"))
		}
	}
	list := func() string { return string(c.get(uri, nil).body) }
	require.JSONEq(t, `[{"name":"g2","timeout":10,"order":false},{"name":"gg","timeout":10,"order":true}]`, list())

	require.Equal(t, 200, c.sendJSON("PUT", uri+"/gg", map[string]any{"order": false}).status)
	require.Equal(t, 200, c.sendJSON("PUT", uri+"/g2", map[string]any{"timeout": 5, "order": true}).status)
	require.Equal(t, "ParameterInvalid", c.sendJSON("PUT", uri+"/gg", map[string]any{"timeout": -5}).code)
	require.Equal(t, 404, c.sendJSON("PUT", uri+"/none", map[string]any{"timeout": 5}).status)
	require.JSONEq(t, `[{"name":"g2","timeout":5,"order":true},{"name":"gg","timeout":10,"order":false}]`, list())

	require.Equal(t, 200, c.do(req{method: "DELETE", uri: uri + "/gg"}).status)
	require.Equal(t, "ConsumerGroupNotExist", c.do(req{method: "DELETE", uri: uri + "/gg"}).code)
	require.Len(t, s.ConsumerGroups("proj", "store"), 1)
	require.Nil(t, s.ConsumerGroups("proj", "none"))
	require.Equal(t, "LogStoreNotExist", c.get("/logstores/none/consumergroups", nil).code)
	require.Equal(t, "[]", string(c.get(groupURI[:len(groupURI)-6], nil).body[:1])+"]")
}

func TestConsumerGroupLimit(t *testing.T) {
	_, c := newServer(t, Config{})
	for i := range 31 {
		res := c.sendJSON("POST", "/logstores/store/consumergroups",
			map[string]any{"consumerGroup": fmt.Sprint("g", i), "timeout": 5, "order": i%2 == 0})
		if i < 30 {
			require.Equal(t, 200, res.status)
		} else {
			require.Equal(t, "ConsumerGroupQuotaExceed", res.code)
		}
	}
}

func TestHeartbeatRefusals(t *testing.T) {
	_, c := newServer(t, Config{})
	require.Equal(t, "ConsumerGroupNotExist", c.tryBeat("a").code)
	require.Equal(t, 404, c.tryBeat("a").status)
	c.createGroup(10, false)
	require.Equal(t, "ParameterInvalid", c.tryBeat("").code)
	require.Equal(t, "JsonInfoInvalid", c.sendJSON("POST", groupURI+"?type=heartbeat&consumer=a", map[string]int{}).code)
	res := c.do(req{
		method: "POST", uri: groupURI + "?type=heartbeat&consumer=a", body: []byte("[]"),
		headers: map[string]string{"Content-Type": "text/plain"},
	})
	require.Equal(t, 415, res.status)
	res = c.tryBeat("a", 0)
	require.Equal(t, 400, res.status)
	require.Equal(t, "NotExistConsumerWithBody", res.code)
	require.Equal(t, []int{0, 1}, c.beat("a"))
	require.Equal(t, "[]", string(c.tryBeat("b").body), "an empty list is [], not null")
}

// A shard goes over only once its owner has stopped listing it.
func TestHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		c.createGroup(10, false)
		require.Equal(t, []int{0, 1}, c.beat("a"))
		require.Empty(t, c.beat("b"), "both are held")
		require.Equal(t, []int{0}, c.beat("a", 0, 1), "told to give 1 up")
		require.Empty(t, c.beat("b"), "a still lists 1")
		require.Equal(t, []int{0}, c.beat("a", 0, 1))
		m := s.ConsumerGroups("proj", "store")[0].Members
		require.Equal(t, []int{0}, m[0].Holds)
		require.Equal(t, []int{1}, m[0].Revoked)
		require.Equal(t, []int{0, 1}, m[0].Listed)
		require.Equal(t, 10*time.Second, m[0].Expires.Sub(m[0].LastHeartbeat))
		// The old owner may still commit what it is finishing.
		require.Equal(t, 200, c.commit("a", 1, c.cursor(1, "begin"), false).status)
		require.Equal(t, "ConsumerNotMatch", c.commit("b", 1, c.cursor(1, "begin"), false).code)

		require.Equal(t, []int{0}, c.beat("a", 0), "let go")
		require.Equal(t, []int{1}, c.beat("b"))
		require.Equal(t, "ConsumerNotMatch", c.commit("a", 1, c.cursor(1, "begin"), false).code)
		require.Equal(t, 200, c.commit("b", 1, c.cursor(1, "begin"), false).status)
		// Stable from here on.
		require.Equal(t, []int{0}, c.beat("a", 0))
		require.Equal(t, []int{1}, c.beat("b", 1))
		// Listing what was never given is no way to get it.
		require.Equal(t, []int{0}, c.beat("a", 0, 1, 99))
		require.Equal(t, []int{1}, c.beat("b", 1))
	})
}

// A revoked shard whose owner dies is handed over when the owner expires, and
// an answer that got lost does not lose the shard.
func TestLeaseExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		c.createGroup(10, false)
		require.Equal(t, []int{0, 1}, c.beat("a"))
		require.Equal(t, []int{0, 1}, c.beat("a"), "as if the answer had been lost")
		require.Equal(t, []int{0, 1}, c.beat("a", 0, 1))
		require.Empty(t, c.beat("b"))
		<-time.After(5 * time.Second)
		require.Empty(t, c.beat("b"))
		<-time.After(5*time.Second - time.Nanosecond)
		require.Empty(t, c.beat("b"), "a is alive until its timeout")
		<-time.After(time.Nanosecond)
		require.Equal(t, []int{0, 1}, c.beat("b"), "a expired")
		require.Len(t, s.ConsumerGroups("proj", "store")[0].Members, 1)

		<-time.After(10 * time.Second)
		require.Equal(t, "ConsumerNotExist", c.commit("b", 0, c.cursor(0, "begin"), false).code,
			"expired, though no heartbeat came since")
		require.Equal(t, []int{0, 1}, c.beat("b"))

		// The dead one comes back: it has to begin anew.
		require.Equal(t, "ConsumerNotExist", c.commit("a", 0, c.cursor(0, "begin"), false).code)
		require.Equal(t, 404, c.commit("a", 0, c.cursor(0, "begin"), false).status)
		require.Equal(t, "NotExistConsumerWithBody", c.tryBeat("a", 0, 1).code)
		require.Empty(t, c.beat("a"))
		require.Equal(t, []int{0}, c.beat("b", 0, 1))
		require.Equal(t, []int{0}, c.beat("b", 0))
		require.Equal(t, []int{1}, c.beat("a"))

		s.ExpireConsumer("proj", "store", "group", "a")
		require.Equal(t, []int{0, 1}, c.beat("b", 0))
		// A shorter timeout takes effect at once.
		require.Equal(t, 200, c.sendJSON("PUT", groupURI, map[string]int{"timeout": 1}).status)
		<-time.After(time.Second)
		require.Empty(t, s.ConsumerGroups("proj", "store")[0].Members)
	})
}

func TestCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		s.CreateLogstore("proj", "store", 3)
		require.Equal(t, "ConsumerGroupNotExist", c.commit("a", 0, "MQ==", true).code)
		require.Equal(t, 404, c.get(groupURI, nil).status)
		c.createGroup(60, false)
		require.Equal(t, "[]", string(c.get(groupURI, nil).body))
		c.beat("a")
		c.beat("b")
		require.Equal(t, []int{0, 1}, c.beat("a", 0, 1))
		require.Equal(t, []int{2}, c.beat("b"))
		begin := c.cursor(0, "begin")
		first, _ := DecodeCursor(begin)
		for _, tc := range []struct {
			name, consumer string
			shard          int
			cursor         string
			force          bool
			status         int
			code           string
		}{
			{"owner", "a", 0, begin, false, 200, ""},
			{"not the owner", "b", 0, begin, false, 400, "ConsumerNotMatch"},
			{"not the owner, forced", "b", 0, begin, true, 200, ""},
			{"unknown consumer", "z", 0, begin, false, 404, "ConsumerNotExist"},
			{"unknown consumer, forced", "z", 0, begin, true, 200, ""},
			{"no consumer", "", 0, begin, false, 400, "ParameterInvalid"},
			{"no consumer, forced", "", 0, begin, true, 200, ""},
			{"not base64", "a", 0, "???", false, 400, "InvalidShardCheckPoint"},
			{"not decimal", "a", 0, "YWJj", false, 400, "InvalidShardCheckPoint"},
			{"empty", "a", 0, "", false, 400, "InvalidShardCheckPoint"},
			{"beyond the end", "a", 0, EncodeCursor(first + 1), false, 400, "InvalidShardCheckPoint"},
			{"before the begin", "a", 0, EncodeCursor(first - 1), false, 200, ""},
			{"no shard", "a", 9, begin, true, 404, "ShardNotExist"},
		} {
			res := c.commit(tc.consumer, tc.shard, tc.cursor, tc.force)
			require.Equal(t, tc.status, res.status, "%s: %s", tc.name, res.body)
			require.Equal(t, tc.code, res.code, tc.name)
			if tc.status == 200 {
				require.Equal(t, "0", res.header.Get("Content-Length"), tc.name)
			}
		}
		require.Equal(t, "ParameterInvalid", c.sendJSON("POST", groupURI+"?type=checkpoint&consumer=a",
			map[string]any{"checkpoint": begin}).code, "no shard")
		require.Equal(t, "ParameterInvalid", c.sendJSON("POST", groupURI+"?type=checkpoint&consumer=a&forceSuccess=maybe",
			map[string]any{"checkpoint": begin, "shard": 0}).code)

		cps := s.Checkpoints("proj", "store", "group")
		require.Equal(t, map[int]Checkpoint{0: {
			Cursor: EncodeCursor(first - 1), Number: first - 1, Consumer: "a", UpdateTime: cps[0].UpdateTime,
		}}, cps)
		history := s.CheckpointHistory("proj", "store", "group")
		require.Len(t, history, 5)
		require.Equal(t, []any{"b", "a", true, 0, first}, []any{
			history[1].Consumer, history[1].Owner, history[1].Force, history[1].Shard, history[1].Number,
		})
		require.NotEmpty(t, history[4].RequestID)
		require.Equal(t, time.Now().UTC(), history[4].UpdateTime.UTC())
		require.JSONEq(t, fmt.Sprintf(`[{"shard":0,"checkpoint":%q,"updateTime":%d,"consumer":"a"},
			{"shard":1,"checkpoint":"","updateTime":0,"consumer":"a"},
			{"shard":2,"checkpoint":"","updateTime":0,"consumer":"b"}]`,
			EncodeCursor(first-1), time.Now().UnixMicro()), string(c.get(groupURI, nil).body))
		require.Empty(t, s.Checkpoints("proj", "store", "none"))
	})
}

func TestDeletedGroup(t *testing.T) {
	s, c := newServer(t, Config{})
	c.createGroup(60, false)
	c.beat("a")
	require.Equal(t, 200, c.commit("a", 0, c.cursor(0, "begin"), false).status)
	require.Equal(t, 200, c.do(req{method: http.MethodDelete, uri: groupURI}).status)
	require.Equal(t, "ConsumerGroupNotExist", c.tryBeat("a", 0, 1).code)
	c.createGroup(60, false)
	require.Equal(t, "NotExistConsumerWithBody", c.tryBeat("a", 0, 1).code)
	require.Empty(t, s.Checkpoints("proj", "store", "group"))
}
