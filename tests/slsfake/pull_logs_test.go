package slsfake

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPullLogs(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	begin := c.cursor(0, "begin")
	require.Equal(t, begin, c.cursor(0, "end"))
	first, err := DecodeCursor(begin)
	require.NoError(t, err)

	// Nothing there: no body, the same cursor, no compression to decode.
	res := c.pull(0, begin, "&count=10", "lz4")
	require.Equal(t, 200, res.status)
	require.Empty(t, res.body)
	require.Equal(t, begin, res.header.Get("X-Log-Cursor"))
	require.Equal(t, "0", res.header.Get("X-Log-Count"))
	require.Equal(t, "0", res.header.Get("X-Log-Bodyrawsize"))
	require.Empty(t, res.header.Get("X-Log-Compresstype"))
	require.Empty(t, res.header.Get("X-Log-Read-Last-Cursor"))

	for i := range 5 {
		c.put(fmt.Sprint(i, "a"), fmt.Sprint(i, "b"))
	}
	for _, codec := range []string{"lz4", "zstd", "deflate", "gzip"} {
		res = c.pull(0, begin, "&count=2", codec)
		require.Equal(t, []string{"0a", "0b", "1a", "1b"}, c.values(res), codec)
		require.Equal(t, EncodeCursor(first+2), res.header.Get("X-Log-Cursor"))
		require.Equal(t, strconv.FormatInt(first+1, 10), res.header.Get("X-Log-Read-Last-Cursor"))
		want := codec
		if codec == "gzip" {
			want = ""
		}
		require.Equal(t, want, res.header.Get("X-Log-Compresstype"))
	}
	res = c.pull(0, EncodeCursor(first+2), "&count=1000", "lz4")
	require.Len(t, c.values(res), 6)
	end := res.header.Get("X-Log-Cursor")
	require.Equal(t, c.cursor(0, "end"), end)
	require.Empty(t, c.values(c.pull(0, end, "&count=1", "lz4")))

	// end_cursor is exclusive, and reading stops there for good.
	until := "&count=1000&end_cursor=" + EncodeCursor(first+3)
	res = c.pull(0, EncodeCursor(first+2), until, "lz4")
	require.Equal(t, []string{"2a", "2b"}, c.values(res))
	require.Empty(t, c.values(c.pull(0, EncodeCursor(first+3), until, "lz4")))
	require.Empty(t, c.values(c.pull(0, EncodeCursor(first+4), until, "lz4")))
	require.Len(t, c.values(c.pull(0, begin, "&count=1000&end_cursor="+EncodeCursor(first+99), "lz4")), 10)
}

func TestPullSizeLimit(t *testing.T) {
	s, c := newServer(t, Config{MaxPullSize: 2*len(logGroup("0")) + 10})
	s.CreateLogstore("proj", "store", 1)
	for i := range 5 {
		c.put(fmt.Sprint(i))
	}
	cursor := c.cursor(0, "begin")
	for _, want := range [][]string{{"0", "1"}, {"2", "3"}, {"4"}} {
		res := c.pull(0, cursor, "&count=1000", "lz4")
		require.Equal(t, want, c.values(res))
		cursor = res.header.Get("X-Log-Cursor")
	}
	// A group larger than the limit still comes, alone.
	_, tiny := newServer(t, Config{MaxPullSize: 1})
	tiny.s.CreateLogstore("proj", "store", 1)
	tiny.put("a")
	tiny.put("b")
	require.Equal(t, []string{"a"}, tiny.values(tiny.pull(0, tiny.cursor(0, "begin"), "&count=9", "zstd")))
}

func TestPullRefusals(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	for range 4 {
		c.put("x")
	}
	first := s.Shards("proj", "store")[0].Begin
	require.NoError(t, s.TrimShard("proj", "store", 0, first+2))
	require.Error(t, s.TrimShard("proj", "store", 7, 0))
	b64 := func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }
	ok := EncodeCursor(first + 2)
	tests := []struct {
		name, uri string
		code      string
	}{
		{"valid", shardURI(0, "type=logs&count=1&cursor="+ok), ""},
		{"no count", shardURI(0, "type=logs&cursor="+ok), "ParameterInvalid"},
		{"count 0", shardURI(0, "type=logs&count=0&cursor="+ok), "ParameterInvalid"},
		{"count 1001", shardURI(0, "type=logs&count=1001&cursor="+ok), "ParameterInvalid"},
		{"count is text", shardURI(0, "type=logs&count=all&cursor="+ok), "ParameterInvalid"},
		{"no cursor", shardURI(0, "type=logs&count=1"), "ParameterInvalid"},
		{"not base64", shardURI(0, "type=logs&count=1&cursor=%21%21"), "ParameterInvalid"},
		{"not decimal", shardURI(0, "type=logs&count=1&cursor="+b64("begin")), "ParameterInvalid"},
		{"leading zero", shardURI(0, "type=logs&count=1&cursor="+b64("0"+fmt.Sprint(first+2))), "ParameterInvalid"},
		{"negative", shardURI(0, "type=logs&count=1&cursor="+b64("-1")), "ParameterInvalid"},
		{"decimal itself", shardURI(0, fmt.Sprintf("type=logs&count=1&cursor=%d", first+2)), "ParameterInvalid"},
		{"expired", shardURI(0, "type=logs&count=1&cursor="+EncodeCursor(first+1)), "InvalidCursor"},
		{"beyond the end", shardURI(0, "type=logs&count=1&cursor="+EncodeCursor(first+5)), "InvalidCursor"},
		{"bad end_cursor", shardURI(0, "type=logs&count=1&end_cursor=x&cursor="+ok), "ParameterInvalid"},
		{"no shard", shardURI(1, "type=logs&count=1&cursor="+ok), "ShardNotExist"},
		{"query", shardURI(0, "type=logs&count=1&query=a&cursor="+ok), "NotSupported"},
		{"cursor time malformed", shardURI(0, "type=cursor_time&cursor=x"), "ParameterInvalid"},
		{"cursor time expired", shardURI(0, "type=cursor_time&cursor="+EncodeCursor(first)), "InvalidCursor"},
		{"from nowhere", shardURI(0, "type=cursor"), "ParameterInvalid"},
		{"from text", shardURI(0, "type=cursor&from=start"), "ParameterInvalid"},
		{"from no shard", shardURI(4, "type=cursor&from=begin"), "ShardNotExist"},
	}
	for _, tc := range tests {
		res := c.do(req{method: "GET", uri: tc.uri, headers: map[string]string{"Accept": "application/x-protobuf"}})
		require.Equal(t, tc.code, res.code, "%s: %s", tc.name, res.body)
		if tc.code != "" {
			require.Equal(t, 400, res.status, tc.name)
		}
	}
	res := c.do(req{method: "GET", uri: tests[0].uri})
	require.Equal(t, "ParameterInvalid", res.code, "no Accept")
	require.Equal(t, ok, c.cursor(0, "begin"), "the first group kept")
}

func TestCursorsByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		s.CreateLogstore("proj", "store", 1)
		start := time.Now().Unix()
		<-time.After(10 * time.Second)
		c.put("10") // received 10 s after start
		<-time.After(5500 * time.Millisecond)
		c.put("15.5")
		c.put("15.5 too")
		<-time.After(10 * time.Second)
		first := s.Shards("proj", "store")[0].Begin
		for _, tc := range []struct {
			from int64
			want int64
		}{{0, 0}, {10, 0}, {11, 1}, {15, 1}, {16, 3}, {100, 3}} {
			require.Equal(t, EncodeCursor(first+tc.want), c.cursor(0, fmt.Sprint(start+tc.from)), "from %d", tc.from)
		}
		for n, want := range []int64{10, 15, 15, 25} {
			var v struct {
				Time int64 `json:"cursor_time"`
			}
			c.get(shardURI(0, "type=cursor_time&cursor="+EncodeCursor(first+int64(n))), &v)
			require.Equal(t, start+want, v.Time)
		}
		require.Equal(t, 1, s.ExpireBefore("proj", "store", time.Unix(start+15, 0)))
		require.Equal(t, EncodeCursor(first+1), c.cursor(0, "0"))
		require.Equal(t, 2, s.LogCount("proj", "store"))
		require.Zero(t, s.ExpireBefore("proj", "none", time.Now()))
	})
}

// Stored bytes come back untouched: field order, unknown fields, what another
// encoder would have written otherwise.
func TestPullKeepsBytes(t *testing.T) {
	s, c := newServer(t, Config{})
	s.CreateLogstore("proj", "store", 1)
	odd := append(field(1, pair(2, "k", "v"), varint(9, 1), varint(1, 5)), field(3, []byte("t"))...)
	require.Equal(t, 200, c.do(putReq("/logstores/store", odd, "")).status)
	res := c.pull(0, c.cursor(0, "begin"), "&count=1", "identity")
	require.Equal(t, field(1, odd), res.body)
	for g := range s.Groups("proj", "store") {
		require.Equal(t, odd, g.Data)
	}
}
