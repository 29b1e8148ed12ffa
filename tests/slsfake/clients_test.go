package slsfake

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// Official clients other than the Go SDK: the requests that they send, and the answers
// that they go by.

// The Java and Python SDKs ask for type=log where the Go SDK asks for type=logs.
func TestPullAsLogOrLogs(t *testing.T) {
	_, c := newServer(t, Config{})
	c.s.CreateLogstore("proj", "store", 1)
	c.put("a", "b")
	for _, kind := range []string{"log", "logs"} {
		res := c.do(req{
			method: "GET", uri: shardURI(0, "type="+kind+"&count=9&cursor="+c.cursor(0, "begin")),
			headers: map[string]string{"Accept": "application/x-protobuf"},
		})
		require.Equal(t, []string{"a", "b"}, c.values(res), kind)
	}
	require.Equal(t, 2, c.s.Stats().Ops[OpPullLogs].Requests)
}

// The Java and Python consumers take the first element of the answer for their shard's.
func TestCheckpointOfOneShard(t *testing.T) {
	_, c := newServer(t, Config{})
	c.s.CreateLogstore("proj", "store", 3)
	c.createGroup(10, false)
	c.beat("a")
	ends := []string{c.cursor(0, "end"), c.cursor(1, "end")}
	for id, cursor := range ends {
		res := c.sendJSON("POST", groupURI+"?type=checkpoint&forceSuccess=true", map[string]any{"shard": id, "checkpoint": cursor})
		require.Equal(t, 200, res.status)
	}
	type checkpoint struct {
		Shard      int
		Checkpoint string
	}
	for query, want := range map[string][]checkpoint{
		"":         {{0, ends[0]}, {1, ends[1]}, {2, ""}},
		"?shard=1": {{1, ends[1]}},
		"?shard=2": {{2, ""}},
		"?shard=9": {},
	} {
		var got []checkpoint
		c.get(groupURI+query, &got)
		require.Equal(t, want, got, query)
	}
	require.Equal(t, "ParameterInvalid", c.get(groupURI+"?shard=x", nil).code)
	require.Equal(t, "ParameterInvalid", c.get(groupURI+"?shard=-1", nil).code)
}

// The Python SDK signs and then adds x-log-date, a copy of Date.
func TestV1LeavesOutLogDate(t *testing.T) {
	_, c := newServer(t, Config{})
	q := putReq("/logstores/store", logGroup("x"), "lz4")
	q.after = func(r *http.Request) { r.Header.Set("x-log-date", r.Header.Get("Date")) }
	require.Equal(t, 200, c.do(q).status)
	// One that it was signed with does not match: production's string has no such line.
	q = putReq("/logstores/store", logGroup("x"), "lz4")
	q.before = func(h map[string]string) { h["x-log-date"] = h["Date"] }
	require.Equal(t, "SignatureNotMatch", c.do(q).code)
	require.Equal(t, 1, c.s.LogCount("proj", "store"))
}

// Every operation refuses a parameter that it does not list, and one given twice, and
// does nothing.
func TestUnlistedParameters(t *testing.T) {
	s, c := newServer(t, Config{})
	c.createGroup(10, false)
	cursor := c.cursor(0, "begin")
	uris := []string{
		"POST /logstores/store", "POST /logstores/store/shards/lb", "POST /logstores/store/shards/route",
		"GET /logstores/store/shards/0?type=log&count=1&cursor=" + cursor,
		"GET /logstores/store/shards/0?type=cursor&from=begin", "GET /logstores/store/shards/0?type=cursor_time&cursor=" + cursor,
		"GET /logstores/store/shards", "POST /logstores/store/shards/0?action=split", "POST /logstores/store/shards/0?action=merge",
		"POST /", "PUT /", "GET /", "DELETE /", "GET /?offset=0",
		"POST /logstores", "PUT /logstores/store", "GET /logstores/store", "GET /logstores", "DELETE /logstores/store",
		"POST /logstores/store/index", "PUT /logstores/store/index", "GET /logstores/store/index", "DELETE /logstores/store/index",
		"GET /logstores/store?type=log", "POST /logstores/store/logs", "GET /logstores/store?type=histogram", "GET /logs?query=a",
		"POST /logstores/store/consumergroups", "GET /logstores/store/consumergroups",
		"PUT " + groupURI, "DELETE " + groupURI, "GET " + groupURI,
		"POST " + groupURI + "?type=heartbeat&consumer=a", "POST " + groupURI + "?type=checkpoint&consumer=a",
	}
	seen := map[Op]bool{}
	for _, line := range uris {
		method, uri, _ := strings.Cut(line, " ")
		u, err := url.Parse(uri)
		require.NoError(t, err)
		rt, ok := parseRoute(method, "proj", u.Path, u.Query())
		require.True(t, ok, line)
		seen[rt.op] = true
		mark := "?"
		if u.RawQuery != "" {
			mark = "&"
		}
		before := s.Stats().Ops[rt.op].Requests
		res := c.do(req{method: method, uri: uri + mark + "unheard=1"})
		require.Equal(t, []any{400, "NotSupported"}, []any{res.status, res.code}, line)
		require.Contains(t, string(res.body), "unheard", line)
		require.Equal(t, before+1, s.Stats().Ops[rt.op].Requests, line)
		for _, name := range rt.params {
			twice := name + "=1&" + name + "=2"
			switch name {
			case "type", "action":
				continue
			default:
				for _, kind := range []string{"type", "action"} {
					if v := u.Query().Get(kind); v != "" {
						twice += "&" + kind + "=" + v
					}
				}
			}
			res := c.do(req{method: method, uri: u.Path + "?" + twice})
			require.Equal(t, []any{400, "ParameterInvalid"}, []any{res.status, res.code}, "%s: %s", line, twice)
		}
	}
	require.Len(t, seen, len(constants(t, "hooks.go", "Op"))-1, "an operation is missing here")
	require.Equal(t, []string{"store"}, s.Logstores("proj"))
	require.Len(t, s.Shards("proj", "store"), 2)

	// A hook may answer for what the emulator does not implement.
	s.Hook(OpPullLogs, func(call *Call) { call.Answer(200, nil, []byte("scripted")) })
	require.Equal(t, "scripted", string(c.pull(0, cursor, "&count=1&query=a&pullMode=scan_on_stream", "lz4").body))
}

// The Java consumer waits when an answer says that nothing follows; Flink takes the
// cursor time for the record's.
func TestEndOfCursorAndCursorTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		s.CreateLogstore("proj", "store", 1)
		start := time.Now().Unix()
		for i := range 3 {
			c.put(fmt.Sprint(i))
			<-time.After(10 * time.Second)
		}
		first := s.Shards("proj", "store")[0].Begin
		type facts struct{ end, time string }
		for _, tc := range []struct {
			from  int64
			extra string
			want  facts
		}{
			{0, "&count=1", facts{"", fmt.Sprint(start)}},
			{0, "&count=2", facts{"", fmt.Sprint(start + 10)}},
			{0, "&count=3", facts{"1", fmt.Sprint(start + 20)}},
			{2, "&count=9", facts{"1", fmt.Sprint(start + 20)}},
			{3, "&count=9", facts{"1", ""}},
			{0, "&count=9&end_cursor=" + EncodeCursor(first+1), facts{"1", fmt.Sprint(start)}},
			{1, "&count=9&end_cursor=" + EncodeCursor(first+1), facts{"1", ""}},
		} {
			h := c.pull(0, EncodeCursor(first+tc.from), tc.extra, "lz4").header
			require.Equal(t, tc.want, facts{h.Get("X-Log-End-Of-Cursor"), h.Get("X-Log-Cursor-Time")}, "%d%s", tc.from, tc.extra)
		}
	})
}

// A key that is no 32 hex digits goes where its MD5 lies, each time; no key at all
// balances the load.
func TestOddHashKeys(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 4)
	s.CreateLogstore("proj", "turns", 4)
	shardOf := func(key string) int {
		sum := md5.Sum([]byte(key))
		at := hex.EncodeToString(sum[:])
		for _, sh := range s.Shards("proj", "store") {
			if at >= sh.BeginKey && at < sh.EndKey {
				return sh.ID
			}
		}
		return -1
	}
	var hooked []string
	s.Hook(OpPutLogs, func(call *Call) { hooked = append(hooked, fmt.Sprint(call.HashKey, call.Shard)) })
	var want []string
	for _, key := range []string{"a", "user-123", "00ff", strings.Repeat("g", 32), "订单"} {
		for range 3 {
			res := c.do(putReq("/logstores/store/shards/route?key="+url.QueryEscape(key), logGroup(key), "lz4"))
			require.Equal(t, 200, res.status, "%s", res.body)
			want = append(want, fmt.Sprint(key, shardOf(key)))
		}
	}
	for l := range s.EachLog("proj", "store") {
		require.Equal(t, l.Contents[0].Value, l.HashKey)
		require.Equal(t, shardOf(l.HashKey), l.Shard, l.HashKey)
	}
	require.Equal(t, want, hooked)
	for _, query := range []string{"", "", "?key=", "?key="} {
		require.Equal(t, 200, c.do(putReq("/logstores/turns/shards/route"+query, logGroup("x"), "lz4")).status)
	}
	for _, sh := range s.Shards("proj", "turns") {
		require.Equal(t, int64(1), sh.Logs, "each shard had its turn")
	}
	_, _, err := s.Append("proj", "store", "user-123", logGroup("user-123"))
	require.NoError(t, err)
	for l := range s.EachLog("proj", "store") {
		require.Equal(t, shardOf(l.Contents[0].Value), l.Shard)
	}
}

// The C++ output leaves empty values out. Clients that read them require the field, so
// it is there in what is stored.
func TestValueLeftOut(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	bare := func(num int) []byte { return field(2, field(1, fmt.Append(nil, "k", num))) }
	log := field(1, varint(1, 7), bare(1), pair(2, "k2", "v"), fixed32(4, 5), varint(9, 1), bare(3))
	body := append(field(6, field(1, []byte("tag"))), append(log, field(3, []byte("topic"))...)...)
	require.Equal(t, 200, c.do(putReq("/logstores/store", body, "zstd")).status)

	ns := uint32(5)
	got := s.Logs("proj", "store")
	require.Len(t, got, 1)
	require.Equal(t, []Pair{{"k1", ""}, {"k2", "v"}, {"k3", ""}}, got[0].Contents)
	require.Equal(t, []any{"topic", map[string]string{"tag": ""}, uint32(7), &ns},
		[]any{got[0].Topic, got[0].Tags, got[0].Time, got[0].TimeNs})
	var list sdk.LogGroupList
	res := c.pull(0, c.cursor(0, "begin"), "&count=1", "identity")
	require.NoError(t, proto.Unmarshal(res.body, &list))
	require.Equal(t, "k3", list.LogGroups[0].Logs[0].Contents[2].GetKey())

	_, _, err := s.Append("proj", "store", "", body)
	require.NoError(t, err)
	require.Equal(t, []Pair{{"k1", ""}, {"k2", "v"}, {"k3", ""}}, s.Logs("proj", "store")[1].Contents)
}

// The Java and Python SDKs send a group that has a topic and no logs.
func TestGroupWithoutLogs(t *testing.T) {
	s, c := newServer(t, Config{CheckLogTime: true})
	s.CreateLogstore("proj", "store", 1)
	body := field(3, []byte("topic"))
	require.Equal(t, 200, c.do(putReq("/logstores/store", body, "lz4")).status)
	res := c.pull(0, c.cursor(0, "begin"), "&count=9", "identity")
	require.Equal(t, field(1, body), res.body)
	require.Equal(t, "1", res.header.Get("X-Log-Count"))
	require.Zero(t, s.LogCount("proj", "store"))
}

// The Java SDK's GZIP is a zlib stream called deflate.
func TestDeflate(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	require.Equal(t, 200, c.do(putReq("/logstores/store", logGroup("a", "b"), "deflate")).status)
	res := c.pull(0, c.cursor(0, "begin"), "&count=9", "deflate")
	require.Equal(t, "deflate", res.header.Get("X-Log-Compresstype"))
	require.Equal(t, []string{"a", "b"}, c.values(res))
	require.Equal(t, "InvalidCompressType", func() string {
		q := putReq("/logstores/store", logGroup("c"), "deflate")
		q.headers["x-log-compresstype"] = "gzip"
		return c.do(q).code
	}())
}

// The sentences are those that the Java SDK's tests expect of the service.
func TestLogstoreRefusals(t *testing.T) {
	_, c := newServer(t, Config{})
	logstore := func(name string, more map[string]any) map[string]any {
		body := map[string]any{"logstoreName": name, "ttl": 7, "shardCount": 2}
		maps.Copy(body, more)
		return body
	}
	encrypted := func(kind string) map[string]any {
		return map[string]any{"encrypt_conf": map[string]any{"enable": true, "encrypt_type": kind}}
	}
	for _, tc := range []struct {
		method, uri   string
		body          map[string]any
		status        int
		code, message string
	}{
		{"POST", "/logstores", logstore("", nil), 400, "LogStoreInfoInvalid", "logstore name  is invalid"},
		{
			"POST", "/logstores", logstore("ls", map[string]any{"autoSplit": true, "maxSplitShard": 1000}), 400,
			"LogStoreInfoInvalid", "maxSplitShard must be within range [1, 256]",
		},
		{
			"POST", "/logstores", logstore("ls", encrypted("typex")), 400,
			"LogStoreInfoInvalid", "The encrypt_conf is invalid, [encrypt_type] key is missing or not supported",
		},
		{
			"POST", "/logstores", logstore("ls", encrypted("")), 400,
			"LogStoreInfoInvalid", "The encrypt_conf is invalid, [encrypt_type] key is missing or not supported",
		},
		{"POST", "/logstores", logstore("ls", encrypted("sm4_gcm")), 200, "", ""},
		{"PUT", "/logstores/ls", logstore("ls", map[string]any{"mode": "standard", "maxSplitShard": 0}), 200, "", ""},
		{
			"PUT", "/logstores/ls", logstore("ls", map[string]any{"mode": "lite"}), 400,
			"NotSupported", "The logstore mode or telemetryType is not supported for current metering mode.",
		},
		{
			"PUT", "/logstores/ls", logstore("ls", encrypted("typex")), 400,
			"LogStoreInfoInvalid", "The encrypt_conf is invalid, [encrypt_type] key is missing or not supported",
		},
	} {
		res := c.sendJSON(tc.method, tc.uri, tc.body)
		require.Equal(t, []any{tc.status, tc.code}, []any{res.status, res.code}, "%v: %s", tc.body, res.body)
		if tc.message != "" {
			require.Contains(t, string(res.body), strconv.Quote(tc.message))
		}
	}
	var info sdk.LogStore
	c.get("/logstores/ls", &info)
	require.Equal(t, []any{"standard", 64, "sm4_gcm"}, []any{info.Mode, info.MaxSplitShard, info.EncryptConf.EncryptType})

	// A refused request leaves nothing behind.
	require.Equal(t, 200, c.sendJSON("PUT", "/logstores/ls", logstore("ls", map[string]any{"infrequentAccessTTL": 31})).status)
	refused := logstore("ls", map[string]any{"infrequentAccessTTL": 99, "mode": "lite"})
	require.Equal(t, 400, c.sendJSON("PUT", "/logstores/ls", refused).status)
	c.get("/logstores/ls", &info)
	require.Equal(t, int32(31), *info.InfrequentAccessTTL)
}

// What is no cursor of any shard is a wrong parameter; the Python SDK's
// get_previous_cursor_time ends one with a newline.
func TestCursorsOfClients(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	c.put("a")
	begin := c.cursor(0, "begin")
	for cursor, want := range map[string]string{
		begin: "", begin + "\n": "", begin + "\n\n": "ParameterInvalid", "\n" + begin: "ParameterInvalid",
		begin[10:]: "ParameterInvalid", "": "ParameterInvalid", EncodeCursor(1): "InvalidCursor",
	} {
		escaped := url.QueryEscape(cursor)
		require.Equal(t, want, c.get(shardURI(0, "type=cursor_time&cursor="+escaped), nil).code, "%q", cursor)
		res := c.pull(0, escaped, "&count=1", "lz4")
		require.Equal(t, want, res.code, "%q", cursor)
		if want == "" {
			require.Equal(t, []string{"a"}, c.values(res))
		}
	}
	require.Equal(t, []string{"a"}, c.values(c.pull(0, begin, "&count=1&end_cursor="+url.QueryEscape(c.cursor(0, "end")+"\n"), "lz4")))
}

// A standalone emulator that accepts any region is in one all the same.
func TestProjectHasARegion(t *testing.T) {
	_, c := newServer(t, Config{})
	var p sdk.LogProject
	c.get("/", &p)
	require.Equal(t, "cn-hangzhou", p.Region)
}
