package slsfake

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
)

// field appends a length-delimited field.
func field(num protowire.Number, parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
}

func varint(num protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), v)
}

func fixed32(num protowire.Number, v uint32) []byte {
	return protowire.AppendFixed32(protowire.AppendTag(nil, num, protowire.Fixed32Type), v)
}

// pair is a LogContent or LogTag.
func pair(num protowire.Number, key, value string) []byte {
	return field(num, field(1, []byte(key)), field(2, []byte(value)))
}

func TestGroupVerification(t *testing.T) {
	good := field(1, varint(1, 1700000000), pair(2, "k", "v"))
	const bad = "a\xffb"
	tests := []struct {
		name string
		body []byte
		code string
	}{
		{"plain", good, ""},
		{"no contents", field(1, varint(1, 0)), ""},
		{"nanoseconds", field(1, varint(1, 1), fixed32(4, 999_999_999)), ""},
		{"unknown fields", field(1, varint(1, 1), varint(9, 1), field(77, []byte(bad)), pair(2, "", "")), ""},
		{"unknown group field", append(field(9, []byte("x")), good...), ""},
		{"largest time", field(1, varint(1, math.MaxUint32)), ""},
		{"keys twice", field(1, varint(1, 1), pair(2, "k", "1"), pair(2, "k", "2")), ""},
		{"empty", nil, "PostBodyInvalid"},
		{"no logs", field(3, []byte("topic")), ""},
		{"not protobuf", []byte("{\"a\":1}"), "PostBodyInvalid"},
		{"truncated", good[:len(good)-1], "PostBodyInvalid"},
		{"field number 0", []byte{0x02, 0x00}, "PostBodyInvalid"},
		{"end of a group that never began", []byte{0x0c}, "PostBodyInvalid"},
		{"no time", field(1, pair(2, "k", "v")), "PostBodyInvalid"},
		{"time over 32 bits", field(1, varint(1, 1<<32)), "PostBodyInvalid"},
		{"time is bytes", field(1, field(1, []byte("1"))), "PostBodyInvalid"},
		{"contents is a number", field(1, varint(1, 1), varint(2, 1)), "PostBodyInvalid"},
		{"nanoseconds are a varint", field(1, varint(1, 1), varint(4, 1)), "PostBodyInvalid"},
		{"nanoseconds of a second and more", field(1, varint(1, 1), fixed32(4, 1_000_000_000)), "InvalidTimestamp"},
		{"no key", field(1, varint(1, 1), field(2, field(2, []byte("v")))), "PostBodyInvalid"},
		{"no value", field(1, varint(1, 1), field(2, field(1, []byte("k")))), ""},
		{"key is a number", field(1, varint(1, 1), field(2, varint(1, 1), field(2, []byte("v")))), "PostBodyInvalid"},
		{"malformed log", field(1, []byte{0x08}), "PostBodyInvalid"},
		{"malformed content", field(1, varint(1, 1), field(2, []byte{0x0a, 0x05, 'x'})), "PostBodyInvalid"},
		{"second log bad", append(good[:len(good):len(good)], field(1)...), "PostBodyInvalid"},
		{"tag without value", append(field(6, field(1, []byte("k"))), good...), ""},
		{"tag without key", append(field(6, field(2, []byte("v"))), good...), "PostBodyInvalid"},
		{"topic is a number", append(varint(3, 1), good...), "PostBodyInvalid"},
		{"key not UTF-8", field(1, varint(1, 1), pair(2, bad, "v")), "InvalidEncoding"},
		{"value not UTF-8", field(1, varint(1, 1), pair(2, "k", bad)), "InvalidEncoding"},
		{"surrogate", field(1, varint(1, 1), pair(2, "k", "\xed\xa0\x80")), "InvalidEncoding"},
		{"category not UTF-8", append(field(2, []byte(bad)), good...), "InvalidEncoding"},
		{"topic not UTF-8", append(field(3, []byte(bad)), good...), "InvalidEncoding"},
		{"source not UTF-8", append(field(4, []byte(bad)), good...), "InvalidEncoding"},
		{"machine not UTF-8", append(field(5, []byte(bad)), good...), "InvalidEncoding"},
		{"tag not UTF-8", append(pair(6, "k", bad), good...), "InvalidEncoding"},
		{"ten logs", []byte(strings.Repeat(string(good), 10)), ""},
		{"eleven logs", []byte(strings.Repeat(string(good), 11)), "PostBodyTooLarge"},
		{"log of the size", field(1, varint(1, 1), pair(2, "k", strings.Repeat("v", 91))), ""},
		{"log over the size", field(1, varint(1, 1), pair(2, "k", strings.Repeat("v", 92))), "PostBodyTooLarge"},
	}
	s, c := newServer(t, Config{MaxLogs: 10, MaxLogSize: 100})
	want := 0
	for _, tc := range tests {
		res := c.do(putReq("/logstores/store", tc.body, ""))
		require.Equal(t, tc.code, res.code, "%s: %s", tc.name, res.body)
		if tc.code == "" {
			require.Equal(t, 200, res.status, tc.name)
			want++
		} else {
			require.Equal(t, 400, res.status, tc.name)
		}
		n := 0
		for range s.Groups("proj", "store") {
			n++
		}
		require.Equal(t, want, n, "%s: stored exactly what was accepted", tc.name)
	}
}

func TestPutLogsRefusals(t *testing.T) {
	raw := logGroup("x")
	header := func(name, value string) func(*req) { return func(q *req) { q.headers[name] = value } }
	remove := func(name string) func(*req) {
		return func(q *req) {
			q.before = func(h map[string]string) { delete(h, name) }
		}
	}
	tests := []struct {
		name, codec string
		spoil       func(*req)
		status      int
		code        string
	}{
		{"plain", "", nil, 200, ""},
		{"lz4", "lz4", nil, 200, ""},
		{"zstd", "zstd", nil, 200, ""},
		{"deflate", "deflate", nil, 200, ""},
		{"raw size too small, deflate", "deflate", header("x-log-bodyrawsize", fmt.Sprint(len(raw)-1)), 400, "PostBodyUncompressError"},
		{"raw size too large, deflate", "deflate", header("x-log-bodyrawsize", fmt.Sprint(len(raw)+1)), 400, "PostBodyUncompressError"},
		{"deflate said, lz4 sent", "lz4", header("x-log-compresstype", "deflate"), 400, "PostBodyUncompressError"},
		{"lb", "lz4", func(q *req) { q.uri = "/logstores/store/shards/lb" }, 200, ""},
		{"no raw size", "lz4", remove("x-log-bodyrawsize"), 400, "MissingBodyRawSize"},
		{"raw size is text", "lz4", header("x-log-bodyrawsize", "big"), 400, "InvalidBodyRawSize"},
		{"raw size negative", "lz4", header("x-log-bodyrawsize", "-1"), 400, "InvalidBodyRawSize"},
		{"raw size wrong, plain", "", header("x-log-bodyrawsize", "1"), 400, "InvalidBodyRawSize"},
		{"raw size too small, lz4", "lz4", header("x-log-bodyrawsize", "1"), 400, "PostBodyUncompressError"},
		{"raw size too large, lz4", "lz4", header("x-log-bodyrawsize", fmt.Sprint(len(raw)+1)), 400, "PostBodyUncompressError"},
		{"raw size too small, zstd", "zstd", header("x-log-bodyrawsize", fmt.Sprint(len(raw)-1)), 400, "PostBodyUncompressError"},
		{"raw size too large, zstd", "zstd", header("x-log-bodyrawsize", fmt.Sprint(len(raw)+1)), 400, "PostBodyUncompressError"},
		{"raw size over the limit", "lz4", header("x-log-bodyrawsize", "1001"), 400, "PostBodyTooLarge"},
		{"zstd said, lz4 sent", "lz4", header("x-log-compresstype", "zstd"), 400, "PostBodyUncompressError"},
		{"lz4 said, zstd sent", "zstd", header("x-log-compresstype", "lz4"), 400, "PostBodyUncompressError"},
		{"unknown compression", "lz4", header("x-log-compresstype", "gzip"), 400, "InvalidCompressType"},
		{"JSON", "", header("Content-Type", "application/json"), 415, "InvalidContentType"},
		{"processor", "lz4", func(q *req) { q.uri += "?processor=p" }, 200, ""},
		{"empty processor", "lz4", func(q *req) { q.uri += "?processor=" }, 400, "ParameterInvalid"},
		{"two processors", "lz4", func(q *req) { q.uri += "?processor=p&processor=q" }, 400, "ParameterInvalid"},
		{"no such logstore", "lz4", func(q *req) { q.uri = "/logstores/none" }, 404, "LogStoreNotExist"},
		{"unknown mode", "lz4", header("x-log-mode", "batch"), 400, "NotSupported"},
		{"sequence number, no key", "lz4", func(q *req) { q.uri = "/logstores/store/shards/route?seqid=1" }, 400, "ParameterInvalid"},
		{"sequence number at lb", "lz4", func(q *req) { q.uri = "/logstores/store/shards/lb?seqid=1" }, 400, "NotSupported"},
	}
	s, c := newServer(t, Config{MaxRawSize: 1000})
	for _, tc := range tests {
		before := s.LogCount("proj", "store")
		q := putReq("/logstores/store", raw, tc.codec)
		if tc.spoil != nil {
			tc.spoil(&q)
		}
		res := c.do(q)
		require.Equal(t, tc.status, res.status, "%s: %s", tc.name, res.body)
		require.Equal(t, tc.code, res.code, tc.name)
		if tc.status == 200 {
			before++
			require.Equal(t, "0", res.header.Get("Content-Length"), tc.name)
			require.Empty(t, res.body)
		}
		require.Equal(t, before, s.LogCount("proj", "store"), tc.name)
	}
	c.host = "nowhere.emu.local"
	require.Equal(t, "ProjectNotExist", c.do(putReq("/logstores/store", raw, "lz4")).code)
}

// The default limit is 10 MiB of raw bytes, whatever travels on the wire.
func TestRawSizeLimit(t *testing.T) {
	s, c := newServer(t, Config{})
	value := strings.Repeat("v", 10<<20-100)
	fits := field(1, varint(1, 1), pair(2, "k", value))
	require.Equal(t, 200, c.do(putReq("/logstores/store", fits, "lz4")).status)
	over := append(fits[:len(fits):len(fits)], field(1, varint(1, 1), pair(2, "k", strings.Repeat("v", 100)))...)
	for _, codec := range []string{"lz4", "zstd", ""} {
		res := c.do(putReq("/logstores/store", over, codec))
		require.Equal(t, 400, res.status)
		require.Equal(t, "PostBodyTooLarge", res.code)
	}
	require.Equal(t, 1, s.LogCount("proj", "store"))
}

func TestContentLengthRequired(t *testing.T) {
	_, c := newServer(t, Config{})
	q := putReq("/logstores/store", logGroup("x"), "lz4")
	q.after = func(r *http.Request) { r.ContentLength = -1 } // chunked
	res := c.do(q)
	require.Equal(t, 411, res.status)
	require.Equal(t, "MissingContentLength", res.code)
}

func TestLogTimeWindow(t *testing.T) {
	at := func(d time.Duration) []byte {
		return field(1, varint(1, uint64(time.Now().Add(d).Unix())), pair(2, "k", "v"))
	}
	const week = 7 * 24 * time.Hour
	tests := []struct {
		name string
		body []byte
		ok   bool
	}{
		{"now", at(0), true},
		{"nearly a week old", at(-week + time.Minute), true},
		{"older", at(-week - time.Minute), false},
		{"14 minutes ahead", at(14 * time.Minute), true},
		{"16 minutes ahead", at(16 * time.Minute), false},
		{"one of many", append(at(0), at(-week-time.Hour)...), false},
	}
	_, strict := newServer(t, Config{CheckLogTime: true})
	_, lenient := newServer(t, Config{})
	for _, tc := range tests {
		require.Equal(t, 200, lenient.do(putReq("/logstores/store", tc.body, "")).status, tc.name)
		res := strict.do(putReq("/logstores/store", tc.body, ""))
		if tc.ok {
			require.Equal(t, 200, res.status, tc.name)
			continue
		}
		require.Equal(t, 499, res.status, tc.name)
		require.Equal(t, "PostBodyInvalid", res.code, tc.name)
	}
}

func TestRouting(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 3)
	want := map[string]int{
		strings.Repeat("0", 32):            0,
		"55555555555555555555555555555554": 0,
		"55555555555555555555555555555555": 1,
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa9": 1,
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": 2,
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB": 2,
		lastKey:                            2,
	}
	for key := range want {
		for range 4 { // wherever the turn of the shards stands
			res := c.do(putReq("/logstores/store/shards/route?key="+key, logGroup(key), "lz4"))
			require.Equal(t, 200, res.status, "%s", res.body)
		}
	}
	for l := range s.EachLog("proj", "store") {
		key := l.Contents[0].Value
		require.Equal(t, want[key], l.Shard, key)
		require.Equal(t, strings.ToLower(key), l.HashKey)
	}
	// Without a key the read-write shards take turns.
	s.CreateLogstore("proj", "store", 3)
	require.NoError(t, s.SplitShard("proj", "store", 1, ""))
	for range 8 {
		c.put("x")
	}
	var counts []int64
	for _, sh := range s.Shards("proj", "store") {
		counts = append(counts, sh.Logs)
	}
	require.Equal(t, []int64{2, 0, 2, 2, 2}, counts)
}

func TestStoredLogs(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	g := &sdk.LogGroup{
		Topic: proto.String("t"), Source: proto.String("10.0.0.1"),
		LogTags: []*sdk.LogTag{{Key: proto.String("host"), Value: proto.String("n1")}},
		Logs: []*sdk.Log{
			{Time: proto.Uint32(7), TimeNs: proto.Uint32(8), Contents: []*sdk.LogContent{
				{Key: proto.String("a"), Value: proto.String("1")}, {Key: proto.String("a"), Value: proto.String("é")},
			}},
			{Time: proto.Uint32(9)},
		},
	}
	q := putReq("/logstores/store", mustMarshal(g), "zstd")
	q.headers["User-Agent"] = "writer/1"
	id := c.do(q).header.Get("X-Log-Requestid")
	c.put("later")

	logs := s.Logs("proj", "store")
	require.Len(t, logs, 3)
	begin := s.Shards("proj", "store")[0].Begin
	ns := uint32(8)
	require.WithinDuration(t, time.Now(), logs[0].Received, time.Minute)
	logs[0].Received = time.Time{}
	require.Equal(t, Log{
		Shard: 0, Cursor: begin, Index: 0, Topic: "t", Source: "10.0.0.1", Tags: map[string]string{"host": "n1"},
		Time: 7, TimeNs: &ns, Contents: []Pair{{"a", "1"}, {"a", "é"}},
		RequestID: id, AccessKeyID: "testkey", UserAgent: "writer/1",
	}, logs[0])
	require.Equal(t, 1, logs[1].Index)
	require.Nil(t, logs[1].TimeNs)
	require.Equal(t, begin+1, logs[2].Cursor)
	require.NotEqual(t, id, logs[2].RequestID)
	require.Nil(t, s.Logs("proj", "none"))
	for range s.EachLog("proj", "store") {
		break // stopping early is allowed
	}
}
