package sls

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A name no real logstore has, that breaks every shortcut in escaping; as a
// path and in JSON.
const (
	odd     = "a b/c%2F+*~?&=ü"
	oddPath = "a%20b%2Fc%252F+%2A~%3F&=%C3%BC"
	oddJSON = "a b/c%2F+*~?\\u0026=ü"
)

// Every call, with both signatures, against a server that checks all of what
// was sent: names that need escaping come through both and are verified as the
// service verifies them.
func TestCalls(t *testing.T) {
	raw := []byte("some raw bytes, some raw bytes")
	packed := Compress(LZ4, nil, raw)
	calls := []wireCall{
		{
			name: "put logs", method: "POST", body: string(packed), ctype: typeProtobuf, rawSize: len(raw),
			header: map[string]string{"X-Log-Compresstype": "lz4"},
			do: func(t *testing.T, l Logstore) error {
				return l.PutLogs(t.Context(), Body{Data: packed, RawSize: len(raw), Codec: LZ4}, "")
			},
		},
		{
			name: "put logs uncompressed", method: "POST", body: string(raw), ctype: typeProtobuf, rawSize: len(raw),
			header: map[string]string{"X-Log-Compresstype": ""},
			do: func(t *testing.T, l Logstore) error {
				return l.PutLogs(t.Context(), Body{Data: raw, RawSize: len(raw), Codec: None}, "")
			},
		},
		{
			name: "put logs by hash key", method: "POST", path: "/shards/route", query: map[string]string{"key": odd},
			body: string(packed), ctype: typeProtobuf, rawSize: len(raw), header: map[string]string{"X-Log-Compresstype": "zstd"},
			do: func(t *testing.T, l Logstore) error {
				return l.PutLogs(t.Context(), Body{Data: packed, RawSize: len(raw), Codec: ZSTD}, odd)
			},
		},
		{
			name: "put logs with a processor", method: "POST", query: map[string]string{"processor": odd},
			body: string(packed), ctype: typeProtobuf, rawSize: len(raw), header: map[string]string{"X-Log-Compresstype": "lz4"},
			do: func(t *testing.T, l Logstore) error {
				return l.PutLogs(t.Context(), Body{Data: packed, RawSize: len(raw), Codec: LZ4, Processor: odd}, "")
			},
		},
		{
			name: "put logs by hash key with a processor", method: "POST", path: "/shards/route",
			query: map[string]string{"key": "ff", "processor": odd},
			body:  string(packed), ctype: typeProtobuf, rawSize: len(raw), header: map[string]string{"X-Log-Compresstype": "lz4"},
			do: func(t *testing.T, l Logstore) error {
				return l.PutLogs(t.Context(), Body{Data: packed, RawSize: len(raw), Codec: LZ4, Processor: odd}, "ff")
			},
		},
		{
			name: "list shards", method: "GET", path: "/shards",
			answer: answerWith(200, `[{"shardID":0,"status":"readonly","inclusiveBeginKey":"00","exclusiveEndKey":"80","createTime":17},
				{"shardID":7,"status":"readwrite","inclusiveBeginKey":"80","exclusiveEndKey":"ff","createTime":18}]`),
			do: func(t *testing.T, l Logstore) error {
				shards, err := l.ListShards(t.Context())
				require.Equal(t, []Shard{
					{ID: 0, ReadOnly: true, BeginKey: "00", EndKey: "80", CreateTime: 17},
					{ID: 7, BeginKey: "80", EndKey: "ff", CreateTime: 18},
				}, shards)
				return err
			},
		},
		{
			name: "get cursor", method: "GET", path: "/shards/3", query: map[string]string{"type": "cursor", "from": "begin"},
			answer: answerWith(200, `{"cursor":"MTIz"}`),
			do: func(t *testing.T, l Logstore) error {
				cursor, err := l.GetCursor(t.Context(), 3, "begin")
				require.Equal(t, "MTIz", cursor)
				return err
			},
		},
		{
			name: "get cursor time", method: "GET", path: "/shards/3", query: map[string]string{"type": "cursor_time", "cursor": "MT+/Iz=="},
			answer: answerWith(200, `{"cursor_time":1700000000}`),
			do: func(t *testing.T, l Logstore) error {
				at, err := l.GetCursorTime(t.Context(), 3, "MT+/Iz==")
				require.Equal(t, int64(1700000000), at.Unix())
				return err
			},
		},
		{
			name: "pull logs", method: "GET", path: "/shards/3",
			query:  map[string]string{"type": "logs", "cursor": "MTI=", "end_cursor": "MTk=", "count": "100"},
			header: map[string]string{"Accept": typeProtobuf, "Accept-Encoding": "lz4"},
			answer: pullAnswer(raw, LZ4, nil),
			do: func(t *testing.T, l Logstore) error {
				res, err := l.PullLogs(t.Context(), Pull{
					Shard: 3, Cursor: "MTI=", EndCursor: "MTk=", Count: 100, Codec: LZ4,
					Lend: func(size, groups int) ([]byte, error) {
						require.Equal(t, []int{len(raw), 2}, []int{size, groups})
						return []byte("before"), nil
					},
				})
				require.Equal(t, PullResult{
					NextCursor: "MTM=", Groups: 2, RawSize: len(raw), WireSize: len(packed), LastCursor: 12,
					ScannedGroups: -1, ScannedSize: -1,
					Data: raw, Buf: append([]byte("before"), raw...),
				}, res)
				return err
			},
		},
		{
			name: "pull logs with a query", method: "GET", path: "/shards/3",
			query: map[string]string{
				"type": "logs", "cursor": "MTI=", "count": "1000", "query": "* | where a = 'b&c'",
				"pullMode": "scan_on_stream", "processor": "mask",
			},
			header: map[string]string{"Accept": typeProtobuf, "Accept-Encoding": "lz4"},
			answer: pullAnswer(raw, LZ4, map[string]string{"X-Log-Rawdatacount": "70", "X-Log-Rawdatasize": "9000"}),
			do: func(t *testing.T, l Logstore) error {
				res, err := l.PullLogs(t.Context(), Pull{Shard: 3, Cursor: "MTI=", Query: "* | where a = 'b&c'", Processor: "mask"})
				require.Equal(t, raw, res.Data)
				require.Equal(t, 70, res.ScannedGroups)
				require.Equal(t, 9000, res.ScannedSize)
				return err
			},
		},
		{
			name: "pull logs with zstd and defaults", method: "GET", path: "/shards/0",
			query:  map[string]string{"type": "logs", "cursor": "MTI=", "count": "1000"},
			header: map[string]string{"Accept": typeProtobuf, "Accept-Encoding": "zstd"},
			answer: pullAnswer(raw, ZSTD, map[string]string{"X-Log-Read-Last-Cursor": ""}),
			do: func(t *testing.T, l Logstore) error {
				res, err := l.PullLogs(t.Context(), Pull{Cursor: "MTI=", Codec: ZSTD})
				require.Equal(t, raw, res.Data)
				require.Equal(t, int64(-1), res.LastCursor)
				return err
			},
		},
		{
			name: "pull nothing", method: "GET", path: "/shards/0",
			query:  map[string]string{"type": "logs", "cursor": "MTI=", "count": "1000"},
			answer: pullAnswer(nil, LZ4, map[string]string{"X-Log-Compresstype": "", "X-Log-Cursor": "MTI=", "X-Log-Count": "0"}),
			do: func(t *testing.T, l Logstore) error {
				res, err := l.PullLogs(t.Context(), Pull{Cursor: "MTI=", Lend: func(int, int) ([]byte, error) { panic("there is no data") }})
				require.Empty(t, res.Data)
				require.Nil(t, res.Buf)
				require.Equal(t, "MTI=", res.NextCursor)
				return err
			},
		},
		{
			name: "list consumer groups", method: "GET", path: "/consumergroups",
			answer: answerWith(200, `[{"name":"g","timeout":60,"order":true}]`),
			do: func(t *testing.T, l Logstore) error {
				groups, err := l.ListConsumerGroups(t.Context())
				require.Equal(t, []ConsumerGroup{{Name: "g", Timeout: time.Minute, Order: true}}, groups)
				return err
			},
		},
		{
			name: "create consumer group", method: "POST", path: "/consumergroups", ctype: typeJSON,
			body: `{"consumerGroup":"` + oddJSON + `","timeout":61,"order":true}`,
			do: func(t *testing.T, l Logstore) error {
				return l.CreateConsumerGroup(t.Context(), ConsumerGroup{Name: odd, Timeout: 60*time.Second + 1, Order: true})
			},
		},
		{
			name: "heartbeat", method: "POST", path: "/consumergroups/" + oddPath, ctype: typeJSON, body: `[1,4]`,
			query: map[string]string{"type": "heartbeat", "consumer": odd}, answer: answerWith(200, `[4,5]`),
			do: func(t *testing.T, l Logstore) error {
				shards, err := l.Heartbeat(t.Context(), Member{odd, odd}, []int{1, 4})
				require.Equal(t, []int{4, 5}, shards)
				return err
			},
		},
		{
			name: "first heartbeat", method: "POST", path: "/consumergroups/g", ctype: typeJSON, body: `[]`,
			query: map[string]string{"type": "heartbeat", "consumer": "c"}, answer: answerWith(200, `[]`),
			do: func(t *testing.T, l Logstore) error {
				shards, err := l.Heartbeat(t.Context(), Member{"g", "c"}, nil)
				require.Equal(t, []int{}, shards)
				return err
			},
		},
		{
			name: "update checkpoint", method: "POST", path: "/consumergroups/g", ctype: typeJSON, body: `{"checkpoint":"MTI=","shard":3}`,
			query: map[string]string{"type": "checkpoint", "consumer": odd, "forceSuccess": "false"},
			do: func(t *testing.T, l Logstore) error {
				return l.UpdateCheckpoint(t.Context(), Member{"g", odd}, 3, "MTI=")
			},
		},
		{
			name: "checkpoints", method: "GET", path: "/consumergroups/" + oddPath,
			answer: answerWith(200, `[{"shard":0,"checkpoint":"MTI=","updateTime":1723094136866340,"consumer":"c"},{"shard":1,"checkpoint":"","updateTime":0,"consumer":""}]`),
			do: func(t *testing.T, l Logstore) error {
				points, err := l.Checkpoints(t.Context(), odd)
				require.Equal(t, []Checkpoint{
					{Shard: 0, Cursor: "MTI=", Consumer: "c", UpdateTime: time.UnixMicro(1723094136866340)},
					{Shard: 1},
				}, points)
				return err
			},
		},
	}
	for _, c := range calls {
		for _, version := range []string{SignV1, SignV4} {
			t.Run(c.name+" "+version, func(t *testing.T) {
				answer := c.answer
				if answer == nil {
					answer = ok
				}
				rec := newRecorder(t, answer)
				client := newClient(t, rec.URL, func(cfg *Config) {
					cfg.SignVersion, cfg.Region, cfg.UserAgent = version, testRegion, "test/1"
					cfg.Credentials = staticKeys(testToken)
				})
				require.NoError(t, c.do(t, client.Logstore("proj", odd)))

				c.check(t, rec.only(t), version)
				require.Equal(t, "proj."+rec.Listener.Addr().String(), rec.only(t).Host)
			})
		}
	}
}

// wireCall is one call and what it must look like on the wire.
type wireCall struct {
	name    string
	do      func(t *testing.T, l Logstore) error
	answer  http.HandlerFunc
	method  string
	path    string // below /logstores/NAME
	query   map[string]string
	body    string
	ctype   string
	rawSize int
	header  map[string]string
}

func (c wireCall) check(t *testing.T, got received, version string) {
	t.Helper()
	require.Equal(t, c.method, got.Method)
	require.Equal(t, unescape(t, "/logstores/"+oddPath+c.path), unescape(t, got.URL.EscapedPath()))
	if c.query == nil {
		c.query = map[string]string{}
	}
	require.Equal(t, c.query, got.query(t))
	require.NotContains(t, got.URL.RawQuery, "+", "a space must be sent as %20")
	require.Equal(t, c.body, string(got.body))
	require.Equal(t, c.ctype, got.Header.Get("Content-Type"))
	require.Equal(t, strconv.Itoa(c.rawSize), got.Header.Get("X-Log-Bodyrawsize"))
	require.Equal(t, "0.6.0", got.Header.Get("X-Log-Apiversion"))
	require.Equal(t, "test/1", got.Header.Get("User-Agent"))
	require.Equal(t, testToken, got.Header.Get("X-Acs-Security-Token"))
	require.Empty(t, got.TransferEncoding, "no chunked encoding")
	require.EqualValues(t, len(c.body), got.ContentLength)
	require.Empty(t, got.Header.Get("Expect"))
	for k, v := range c.header {
		require.Equal(t, v, got.Header.Get(k), k)
	}
	if c.header["Accept-Encoding"] == "" && c.name != "pull nothing" {
		require.Empty(t, got.Header.Get("Accept-Encoding"), "no compression of answers is asked for")
	}
	if version == SignV4 {
		require.Empty(t, got.Header.Get("Date"))
		return
	}
	require.Equal(t, "hmac-sha1", got.Header.Get("X-Log-Signaturemethod"))
	_, err := time.Parse(http.TimeFormat, got.Header.Get("Date"))
	require.NoError(t, err)
}

// unescape gives a path's segments decoded, so that %2F stays apart from /.
func unescape(t *testing.T, path string) []string {
	t.Helper()
	segments := strings.Split(path, "/")
	for i, s := range segments {
		var err error
		segments[i], err = url.PathUnescape(s)
		require.NoError(t, err)
	}
	return segments
}

// pullAnswer answers a pull with raw compressed; header overrides the usual
// ones, "" leaves one out.
func pullAnswer(raw []byte, codec Codec, header map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		all := map[string]string{
			"X-Log-Cursor": "MTM=", "X-Log-Count": "2", "X-Log-Bodyrawsize": strconv.Itoa(len(raw)),
			"X-Log-Compresstype": string(codec), "X-Log-Read-Last-Cursor": "12",
		}
		maps.Copy(all, header)
		for k, v := range all {
			if v != "" {
				w.Header().Set(k, v)
			}
		}
		if len(raw) > 0 {
			_, _ = w.Write(Compress(codec, nil, raw))
		}
	}
}
