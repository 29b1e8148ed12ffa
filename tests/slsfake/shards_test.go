package slsfake

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
)

func TestSplitAndMerge(t *testing.T) {
	s, c := newServer(t, Config{})
	zero, half := strings.Repeat("0", 32), "8"+strings.Repeat("0", 31)
	quarter := "4" + strings.Repeat("0", 31)

	var list []sdk.Shard
	c.get("/logstores/store/shards", &list)
	require.Len(t, list, 2)
	require.Equal(t, sdk.Shard{
		ShardID: 0, Status: "readwrite", InclusiveBeginKey: zero, ExclusiveBeginKey: half,
		CreateTime: list[0].CreateTime,
	}, list[0])
	require.Equal(t, lastKey, list[1].ExclusiveBeginKey)

	// split answers the old shard, read-only, and then the new ones.
	post := func(shard int, query string) result {
		return c.do(req{method: "POST", uri: shardURI(shard, query)})
	}
	ids := func(res result) string {
		t.Helper()
		require.Equal(t, 200, res.status, "%s", res.body)
		var shards []sdk.Shard
		require.NoError(t, decodeJSON(res.body, &shards))
		var out []string
		for _, sh := range shards {
			out = append(out, fmt.Sprint(sh.ShardID, sh.Status[4:5], " ", sh.InclusiveBeginKey[:2], "-", sh.ExclusiveBeginKey[:2]))
		}
		return strings.Join(out, ", ")
	}
	require.Equal(t, "0o 00-80, 2w 00-40, 3w 40-80", ids(post(0, "action=split")))
	require.Equal(t, "1o 80-ff, 4w 80-90, 5w 90-ff", ids(post(1, "action=split&key=9"+zero[1:])))
	require.Equal(t, "6w 40-90, 3o 40-80, 4o 80-90", ids(post(3, "action=merge")))
	require.Equal(t, "5o 90-ff, 7w 90-b5, 8w b5-da, 9w da-ff", ids(post(5, "action=split&shardCount=3")))

	for _, tc := range []struct {
		name  string
		shard int
		query string
		code  string
	}{
		{"split of a read-only shard", 0, "action=split", "ParameterInvalid"},
		{"merge of a read-only shard", 4, "action=merge", "ParameterInvalid"},
		{"no right neighbour", 9, "action=merge", "ParameterInvalid"},
		{"key is the begin", 2, "action=split&key=" + zero, "ParameterInvalid"},
		{"key is the end", 2, "action=split&key=" + quarter, "ParameterInvalid"},
		{"key outside", 2, "action=split&key=" + half, "ParameterInvalid"},
		{"key not hex", 2, "action=split&key=zz", "ParameterInvalid"},
		{"one part", 2, "action=split&shardCount=1", "ParameterInvalid"},
		{"no shard", 77, "action=split", "ShardNotExist"},
		{"no shard to merge", 77, "action=merge", "ShardNotExist"},
	} {
		require.Equal(t, tc.code, post(tc.shard, tc.query).code, tc.name)
	}

	shards := s.Shards("proj", "store")
	require.Len(t, shards, 10)
	require.Equal(t, []int{2, 3}, shards[0].Children)
	require.Equal(t, []int{3, 4}, shards[6].Parents)
	require.Equal(t, []int{6}, shards[3].Children)
	// The read-write shards cover the hash space without gap or overlap.
	at := zero
	for _, id := range []int{2, 6, 7, 8, 9} {
		require.False(t, shards[id].ReadOnly)
		require.Equal(t, at, shards[id].BeginKey)
		at = shards[id].EndKey
	}
	require.Equal(t, lastKey, at)
	require.Error(t, s.SplitShard("proj", "store", 0, ""))
	require.Error(t, s.MergeShards("proj", "none", 0))
	require.NoError(t, s.MergeShards("proj", "store", 7))
}

// Data written before the split stays readable in the parent; what comes after
// goes to the children only.
func TestParentKeepsItsData(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	c.put("before")
	require.NoError(t, s.SplitShard("proj", "store", 0, ""))
	for range 4 {
		c.put("after")
	}
	require.Equal(t, []string{"before"}, c.values(c.pull(0, c.cursor(0, "begin"), "&count=100", "lz4")))
	for _, id := range []int{1, 2} {
		require.Equal(t, []string{"after", "after"}, c.values(c.pull(id, c.cursor(id, "begin"), "&count=100", "lz4")))
	}
}

// A cursor of one shard is no cursor of another.
func TestCursorsBelongToTheirShard(t *testing.T) {
	_, c := newServer(t, Config{})
	require.Equal(t, "InvalidCursor", c.pull(1, c.cursor(0, "begin"), "&count=1", "lz4").code)
	require.Equal(t, "InvalidCursor", c.pull(0, c.cursor(1, "end"), "&count=1", "lz4").code)
}

func TestRangeTooSmall(t *testing.T) {
	s, _ := newServer(t, Config{})
	require.NoError(t, s.SplitShard("proj", "store", 0, strings.Repeat("0", 31)+"1"))
	require.Error(t, s.SplitShard("proj", "store", 2, ""))
	require.False(t, s.Shards("proj", "store")[2].ReadOnly)
}

func TestLogstores(t *testing.T) {
	s, c := newServer(t, Config{})
	create := func(body string) result {
		return c.do(req{
			method: "POST", uri: "/logstores", body: []byte(body),
			headers: map[string]string{"Content-Type": "application/json"},
		})
	}
	for _, tc := range []struct {
		body   string
		status int
		code   string
	}{
		{`{"logstoreName":"new-one","ttl":7,"shardCount":3,"autoSplit":true,"maxSplitShard":9}`, 200, ""},
		{`{"logstoreName":"most-shards","ttl":7,"shardCount":3,"autoSplit":true,"maxSplitShard":256}`, 200, ""},
		{`{"logstoreName":"too-many","ttl":7,"shardCount":3,"autoSplit":true,"maxSplitShard":257}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"negative","ttl":7,"shardCount":3,"maxSplitShard":-1}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"new-one","ttl":7,"shardCount":3}`, 400, "LogStoreAlreadyExist"},
		{`{"logstoreName":"defaults","ttl":30,"shardCount":2}`, 200, ""},
		{`{"logstoreName":"ok","ttl":30}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"ok","shardCount":2}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"ok","ttl":30,"shardCount":2,"autoSplit":true}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"Upper","ttl":7,"shardCount":3}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"x","ttl":7,"shardCount":3}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"-ab","ttl":7,"shardCount":3}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"ok","ttl":0,"shardCount":3}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":"ok","ttl":7,"shardCount":0}`, 400, "LogStoreInfoInvalid"},
		{`{"logstoreName":`, 400, "JsonInfoInvalid"},
		{`{"logstoreName":"ok"} trailing`, 400, "JsonInfoInvalid"},
		{`[]`, 400, "JsonInfoInvalid"},
	} {
		res := create(tc.body)
		require.Equal(t, tc.status, res.status, "%s: %s", tc.body, res.body)
		require.Equal(t, tc.code, res.code, tc.body)
	}
	var info sdk.LogStore
	c.get("/logstores/new-one", &info)
	require.Equal(t, "new-one", info.Name)
	require.Equal(t, []any{7, 3, true, 9}, []any{info.TTL, info.ShardCount, info.AutoSplit, info.MaxSplitShard})
	require.NotZero(t, info.CreateTime)
	var defaults sdk.LogStore
	c.get("/logstores/defaults", &defaults)
	require.Equal(t, []any{64, "standard", false}, []any{defaults.MaxSplitShard, defaults.Mode, defaults.AutoSplit})
	require.NoError(t, s.SplitShard("proj", "new-one", 1, ""))
	c.get("/logstores/new-one", &info)
	require.Equal(t, 4, info.ShardCount)

	require.Equal(t, 200, c.sendJSON("PUT", "/logstores/new-one", map[string]any{"logstoreName": "new-one", "ttl": 30}).status)
	c.get("/logstores/new-one", &info)
	require.Equal(t, []any{30, 9}, []any{info.TTL, info.MaxSplitShard})
	require.Equal(t, "LogStoreInfoInvalid", c.sendJSON("PUT", "/logstores/new-one", map[string]any{"logstoreName": "b2"}).code)
	require.Equal(t, "LogStoreInfoInvalid", c.sendJSON("PUT", "/logstores/new-one", map[string]any{"ttl": -1}).code)
	require.Equal(t, "LogStoreNotExist", c.sendJSON("PUT", "/logstores/none", map[string]any{"ttl": 1}).code)

	require.Equal(t, 200, c.do(req{method: "DELETE", uri: "/logstores/new-one"}).status)
	require.Equal(t, "LogStoreNotExist", c.get("/logstores/new-one", nil).code)
	require.Equal(t, 404, c.get("/logstores/new-one/shards", nil).status)
	require.Equal(t, "LogStoreNotExist", c.do(req{method: "DELETE", uri: "/logstores/new-one"}).code)
	require.Equal(t, []string{"defaults", "most-shards", "store"}, s.Logstores("proj"))
	require.Nil(t, s.Logstores("none"))
}

func TestListLogstoresPages(t *testing.T) {
	s, c := newServer(t, Config{})
	for i := range 7 {
		s.CreateLogstore("many", fmt.Sprint("ls", i), 1)
	}
	c.host = "many.emu.local"
	type page struct {
		Count, Total int
		Logstores    []string
	}
	for _, tc := range []struct {
		query string
		want  page
	}{
		{"", page{7, 7, []string{"ls0", "ls1", "ls2", "ls3", "ls4", "ls5", "ls6"}}},
		{"?offset=2&size=3", page{3, 7, []string{"ls2", "ls3", "ls4"}}},
		{"?offset=6&size=3", page{1, 7, []string{"ls6"}}},
		{"?offset=9", page{0, 7, []string{}}},
		{"?logstoreName=s3", page{1, 1, []string{"ls3"}}},
	} {
		var got page
		c.get("/logstores"+tc.query, &got)
		require.Equal(t, tc.want, got, tc.query)
	}
	for _, q := range []string{"size=0", "size=501", "size=x", "offset=-1"} {
		require.Equal(t, "ParameterInvalid", c.get("/logstores?"+q, nil).code, q)
	}
	c.host = "none.emu.local"
	require.Equal(t, "ProjectNotExist", c.get("/logstores", nil).code)
	require.Equal(t, "ProjectNotExist", c.sendJSON("POST", "/logstores", map[string]any{"logstoreName": "ab", "ttl": 1, "shardCount": 1}).code)
}

func TestGetProject(t *testing.T) {
	s, c := newServer(t, Config{Region: "cn-test"})
	s.CreateProject("empty")
	c.host = "empty.emu.local:8089"
	var p sdk.LogProject
	c.get("/", &p)
	require.Equal(t, []string{"empty", "cn-test", "Normal"}, []string{p.Name, p.Region, p.Status})
	require.NotEmpty(t, p.CreateTime)
	c.host = "none.emu.local"
	res := c.get("/", nil)
	require.Equal(t, 404, res.status)
	require.Equal(t, "ProjectNotExist", res.code)
	for _, host := range []string{"127.0.0.1:8089", "localhost", "[::1]:80"} {
		c.host = host
		require.Equal(t, "MissingHost", c.get("/logstores", nil).code, host)
	}
	c.host = "empty.127.0.0.1:8089"
	require.Equal(t, 200, c.get("/", nil).status)
}

func TestUnknownRoutes(t *testing.T) {
	s, c := newServer(t, Config{})
	for _, uri := range []string{
		"/nothing", "/logstores/", "/logstores/store/index/x", "/logstores/store/logs", "/logstores/store?type=topic", "/logstores/store/shards/x", "/logstores/store/shards/-1",
		"/logstores/store/shards/0", "/logstores/store/shards/0?type=other", "/logstores/store/shards/0/1?type=logs",
		"/logstores/store/consumergroups/", "/logstores/store/consumergroups/g/h", "/logstores/store/consumergroups/g?type=x",
	} {
		res := c.get(uri, nil)
		require.Equal(t, 404, res.status, uri)
		require.Equal(t, "NotSupported", res.code, uri)
	}
	require.Equal(t, 404, c.do(req{method: http.MethodPatch, uri: "/"}).status)
	for _, method := range []string{http.MethodPatch, http.MethodDelete} {
		require.Equal(t, 404, c.do(req{method: method, uri: "/logstores"}).status)
	}
	require.Equal(t, "ParameterInvalid", c.do(req{
		method: "GET", uri: "/logstores", after: func(r *http.Request) { r.URL.RawQuery = "a=%zz" },
	}).code)
	require.NotZero(t, s.Stats().Ops[OpUnknown].Requests)
}
