package slsfake

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
)

// Reads are told apart by type, changes by action: one does not stand for the other.
func TestTypeIsNotAction(t *testing.T) {
	s, c := newServer(t, Config{})
	cursor := c.cursor(0, "begin")
	for _, uri := range []string{
		shardURI(0, "action=logs&count=1&cursor="+cursor), shardURI(0, "action=cursor&from=begin"),
		shardURI(0, "type=lo&action=gs&count=1&cursor="+cursor),
	} {
		res := c.do(req{method: "GET", uri: uri, headers: map[string]string{"Accept": "application/x-protobuf"}})
		require.Equal(t, "NotSupported", res.code, uri)
	}
	for _, query := range []string{"type=split", "type=merge", "type=spl&action=it"} {
		require.Equal(t, "NotSupported", c.do(req{method: "POST", uri: shardURI(0, query)}).code, query)
	}
	require.Len(t, s.Shards("proj", "store"), 2)
}

// The key of a write is in the query of /shards/route, or in the header that the
// service's older interface documents for /shards/lb. A key anywhere else must not be
// load-balanced in silence.
func TestWhereAHashKeyMayBe(t *testing.T) {
	const high = "f0000000000000000000000000000000"
	tests := []struct {
		name, uri, header string
		code              string
	}{
		{"route", "/logstores/store/shards/route?key=" + high, "", ""},
		{"header", "/logstores/store/shards/lb", strings.ToUpper(high), ""},
		{"header, short path", "/logstores/store", high, ""},
		{"query of lb", "/logstores/store/shards/lb?key=" + high, "", "NotSupported"},
		{"query of the short path", "/logstores/store?key=" + high, "", "NotSupported"},
	}
	s, c := newServer(t, Config{})
	var hashKeys []string
	s.Hook(OpPutLogs, func(call *Call) { hashKeys = append(hashKeys, call.HashKey) })
	for _, tc := range tests {
		for range 2 { // wherever the turn of the shards stands
			q := putReq(tc.uri, logGroup(tc.name), "lz4")
			if tc.header != "" {
				q.headers["x-log-hashkey"] = tc.header
			}
			res := c.do(q)
			require.Equal(t, tc.code, res.code, "%s: %s", tc.name, res.body)
		}
	}
	for l := range s.EachLog("proj", "store") {
		require.Equal(t, []any{1, high}, []any{l.Shard, l.HashKey}, l.Contents[0].Value)
	}
	require.Equal(t, 6, s.LogCount("proj", "store"))
	require.Equal(t, []string{high, high, strings.ToUpper(high)}, hashKeys[:3])
}

// A name in another case is another name to the service, and null is no object.
func TestJSONNamesAreExact(t *testing.T) {
	s, c := newServer(t, Config{})
	c.createGroup(10, false)
	c.beat("a")
	cursor := c.cursor(0, "begin")
	post := func(method, uri, body string) result {
		return c.do(req{
			method: method, uri: uri, body: []byte(body), headers: map[string]string{"Content-Type": "application/json"},
		})
	}
	for _, tc := range []struct{ method, uri, body string }{
		{"POST", groupURI + "?type=checkpoint&consumer=a", fmt.Sprintf(`{"Shard":0,"checkpoint":%q}`, cursor)},
		{"POST", groupURI + "?type=checkpoint&consumer=a", fmt.Sprintf(`{"shard":0,"CheckPoint":%q}`, cursor)},
		{"POST", groupURI + "?type=heartbeat&consumer=a", `null`},
		{"POST", "/logstores/store/consumergroups", `{"consumergroup":"other","timeout":1}`},
		{"POST", "/logstores", `{"LogstoreName":"other"}`},
		{"PUT", "/logstores/store", `null`},
		{"PUT", groupURI, ` null `},
		{"PUT", groupURI, `{"Timeout":1}`},
	} {
		res := post(tc.method, tc.uri, tc.body)
		require.Equal(t, "JsonInfoInvalid", res.code, "%s: %s", tc.body, res.body)
	}
	require.Empty(t, s.CheckpointHistory("proj", "store", "group"))
	require.Equal(t, []string{"store"}, s.Logstores("proj"))
	require.Equal(t, 10*time.Second, s.ConsumerGroups("proj", "store")[0].Timeout)
	res := post("PUT", groupURI, `{"timeout":9,"somethingNew":{"Timeout":1}}`)
	require.Equal(t, 200, res.status, "unknown names are ignored, whatever is in them")
}

// A request with a raw size must have it as a number, whatever the operation.
func TestRawSizeIsASize(t *testing.T) {
	_, c := newServer(t, Config{})
	for _, size := range []string{"x", "-1", "1.5", "0x10"} {
		res := c.do(req{method: "GET", uri: "/logstores", headers: map[string]string{"x-log-bodyrawsize": size}})
		require.Equal(t, "InvalidBodyRawSize", res.code, size)
	}
	res := c.do(req{method: "GET", uri: "/logstores", before: func(h map[string]string) { delete(h, "x-log-bodyrawsize") }})
	require.Equal(t, 200, res.status, "only writes must have it")
}

// All that the SDK's LogStore holds comes back as it was set.
func TestLogstoreSettingsAreKept(t *testing.T) {
	s, c := newServer(t, Config{})
	days := int32(31)
	set := sdk.LogStore{
		Name: "kept", TTL: 90, ShardCount: 3, WebTracking: true, AutoSplit: true, MaxSplitShard: 7, AppendMeta: true,
		TelemetryType: "Metrics", HotTTL: 30, InfrequentAccessTTL: &days, Mode: "query", ProductType: "web",
		EncryptConf: &sdk.EncryptConf{Enable: true, EncryptType: "default"},
	}
	require.Equal(t, 200, c.sendJSON("POST", "/logstores", &set).status)
	var got sdk.LogStore
	c.get("/logstores/kept", &got)
	got.CreateTime, got.LastModifyTime = 0, 0
	require.Equal(t, set, got)
	require.Equal(t, 200, c.sendJSON("PUT", "/logstores/kept", map[string]any{"logstoreName": "kept", "ttl": 91}).status)
	c.get("/logstores/kept", &got)
	require.Equal(t, []any{91, int32(30), days}, []any{got.TTL, got.HotTTL, *got.InfrequentAccessTTL})

	s.CreateLogstore("proj", "logs", 1)
	for query, want := range map[string]string{
		"telemetryType=": "kept logs store", "telemetryType=Metrics": "kept", "telemetryType=None": "logs store",
		"mode=query": "kept", "mode=standard": "logs store", "mode=standard&telemetryType=Metrics": "",
	} {
		var page struct {
			Total     int
			Logstores []string
		}
		c.get("/logstores?"+query, &page)
		require.Equal(t, want, strings.Join(page.Logstores, " "), query)
		require.Len(t, page.Logstores, page.Total)
	}
}

// The message the service was seen to answer, logstore_e2e_test.go of the SDK.
func TestProjectNotExistMessage(t *testing.T) {
	_, c := newServer(t, Config{})
	c.host = "none.emu.local"
	for _, uri := range []string{"/", "/logstores", "/logstores/store"} {
		require.Contains(t, string(c.get(uri, nil).body), `"The Project does not exist: none"`, uri)
	}
}

// A project's quota is shared by its logstores and shards and is apart from theirs.
func TestProjectQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{ProjectQuota: Quota{WriteRequests: 2, ReadRequests: 2}, Quota: Quota{WriteRequests: 1}})
		s.CreateLogstore("proj", "more", 1)
		write := func(logstore string) result { return c.do(putReq("/logstores/"+logstore, logGroup("x"), "lz4")) }
		require.Equal(t, 200, write("more").status)
		require.Equal(t, "ShardWriteQuotaExceed", write("more").code)
		require.Equal(t, 200, write("store").status, "what the shard refused cost the project nothing")
		res := write("store")
		require.Equal(t, 403, res.status)
		require.Equal(t, "WriteQuotaExceed", res.code)
		<-time.After(time.Second)
		require.Equal(t, 200, write("store").status)

		cursor := [2]string{c.cursor(0, "begin"), c.cursor(1, "begin")}
		require.Equal(t, 200, c.pull(0, cursor[0], "&count=1", "lz4").status)
		require.Equal(t, 200, c.pull(1, cursor[1], "&count=1", "lz4").status)
		res = c.pull(0, cursor[0], "&count=1", "lz4")
		require.Equal(t, []any{403, "ReadQuotaExceed"}, []any{res.status, res.code})

		s.CreateLogstore("other", "store", 1)
		c.host = "other.emu.local"
		require.Equal(t, 200, write("store").status, "another project has its own")
	})
}

// Raw bytes are charged to the project as they are to the shard.
func TestProjectQuotaOfBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := len(logGroup("x"))
		s, c := newServer(t, Config{ProjectQuota: Quota{WriteBytes: 2 * size, ReadBytes: size}})
		s.CreateLogstore("proj", "store", 1)
		c.put("x")
		c.put("y")
		require.Equal(t, "WriteQuotaExceed", c.do(putReq("/logstores/store", logGroup("z"), "lz4")).code)
		begin := c.cursor(0, "begin")
		require.Equal(t, []string{"x", "y"}, c.values(c.pull(0, begin, "&count=9", "lz4")))
		<-time.After(time.Second)
		require.Equal(t, "ReadQuotaExceed", c.pull(0, begin, "&count=9", "lz4").code, "a second does not pay for two groups")
		<-time.After(time.Second)
		require.Equal(t, 200, c.pull(0, begin, "&count=9", "lz4").status)
	})
}
