package slsfake

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
)

// client signs with the SDK's signers and lets a test spoil the request
// before or after that.
type client struct {
	t          *testing.T
	s          *Server
	hc         *http.Client
	id, secret string
	token      string
	v4         bool
	region     string
	host       string
}

func newClient(t *testing.T, s *Server) *client {
	tr := s.Transport()
	t.Cleanup(tr.CloseIdleConnections)
	return &client{
		t: t, s: s, hc: &http.Client{Transport: tr}, id: "testkey", secret: "testsecret",
		region: "cn-test", host: "proj.emu.local",
	}
}

// newServer has logstore proj/store with two shards and ends with the test.
func newServer(t *testing.T, cfg Config) (*Server, *client) {
	s := New(cfg)
	t.Cleanup(s.Close)
	s.CreateLogstore("proj", "store", 2)
	return s, newClient(t, s)
}

// result is an answer read in full.
type result struct {
	status int
	code   string // errorCode
	header http.Header
	body   []byte
}

// req is a request to be; before runs before signing (the map is what is
// signed and sent), after on the finished request.
type req struct {
	method, uri string
	body        []byte
	headers     map[string]string
	before      func(h map[string]string)
	after       func(r *http.Request)
	ctx         context.Context
}

func (c *client) do(q req) result {
	c.t.Helper()
	res, err := c.try(q)
	require.NoError(c.t, err)
	return res
}

func (c *client) try(q req) (result, error) {
	h := map[string]string{"x-log-apiversion": "0.6.0", "x-log-bodyrawsize": strconv.Itoa(len(q.body))}
	now := time.Now().UTC()
	if c.v4 {
		h["x-log-date"], h["Host"] = now.Format("20060102T150405Z"), c.host
	} else {
		h["Date"] = now.Format(http.TimeFormat)
	}
	if c.token != "" {
		h["x-acs-security-token"] = c.token
	}
	maps.Copy(h, q.headers)
	if q.before != nil {
		q.before(h)
	}
	var signer sdk.Signer = sdk.NewSignerV1(c.id, c.secret)
	if c.v4 {
		signer = sdk.NewSignerV4(c.id, c.secret, c.region)
	}
	if err := signer.Sign(q.method, q.uri, h, q.body); err != nil {
		return result{}, err
	}
	ctx := q.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, "http://"+c.host+q.uri, bytes.NewReader(q.body))
	if err != nil {
		return result{}, err
	}
	for k, v := range h {
		r.Header.Set(k, v)
	}
	if q.after != nil {
		q.after(r)
	}
	resp, err := c.hc.Do(r)
	if err != nil {
		return result{}, err
	}
	defer resp.Body.Close()
	res := result{status: resp.StatusCode, header: resp.Header}
	if res.body, err = io.ReadAll(resp.Body); err != nil {
		return res, err
	}
	var e struct {
		Code string `json:"errorCode"`
	}
	if json.Unmarshal(res.body, &e) == nil {
		res.code = e.Code
	}
	return res, nil
}

func (c *client) get(uri string, v any) result {
	c.t.Helper()
	res := c.do(req{method: "GET", uri: uri})
	if v != nil {
		require.Equal(c.t, 200, res.status, "%s", res.body)
		require.NoError(c.t, json.Unmarshal(res.body, v))
	}
	return res
}

func (c *client) sendJSON(method, uri string, v any) result {
	c.t.Helper()
	body, err := json.Marshal(v)
	require.NoError(c.t, err)
	return c.do(req{method: method, uri: uri, body: body, headers: map[string]string{"Content-Type": "application/json"}})
}

// putReq is a write of raw, compressed as codec says.
func putReq(uri string, raw []byte, codec string) req {
	h := map[string]string{"Content-Type": "application/x-protobuf", "x-log-bodyrawsize": strconv.Itoa(len(raw))}
	body := raw
	switch codec {
	case "lz4":
		body = make([]byte, lz4.CompressBlockBound(len(raw)))
		n, err := lz4.CompressBlock(raw, body, nil)
		if err != nil {
			panic(err)
		}
		body = body[:n]
	case "zstd":
		enc, err := zstd.NewWriter(nil)
		if err != nil {
			panic(err)
		}
		body = enc.EncodeAll(raw, nil)
	case "deflate":
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		if _, err := w.Write(raw); err != nil {
			panic(err)
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
		body = b.Bytes()
	}
	if codec != "" {
		h["x-log-compresstype"] = codec
	}
	return req{method: "POST", uri: uri, body: body, headers: h}
}

// put writes n one-field logs as one group and must succeed.
func (c *client) put(names ...string) {
	c.t.Helper()
	res := c.do(putReq("/logstores/store", logGroup(names...), "lz4"))
	require.Equal(c.t, 200, res.status, "%s", res.body)
}

// logGroup has a log {n: name} for each name, encoded by the SDK's types.
func logGroup(names ...string) []byte {
	g := &sdk.LogGroup{Topic: proto.String("topic"), Source: proto.String("source")}
	for i, name := range names {
		g.Logs = append(g.Logs, &sdk.Log{
			Time:     proto.Uint32(uint32(time.Now().Unix())),
			TimeNs:   proto.Uint32(uint32(i)),
			Contents: []*sdk.LogContent{{Key: proto.String("n"), Value: proto.String(name)}},
		})
	}
	g.LogTags = []*sdk.LogTag{{Key: proto.String("k"), Value: proto.String("v")}}
	return mustMarshal(g)
}

func mustMarshal(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

func shardURI(shard int, query string) string {
	return fmt.Sprintf("/logstores/store/shards/%d?%s", shard, query)
}

func (c *client) cursor(shard int, from string) string {
	c.t.Helper()
	var v struct{ Cursor string }
	c.get(shardURI(shard, "type=cursor&from="+from), &v)
	return v.Cursor
}

func (c *client) pull(shard int, cursor string, extra string, codec string) result {
	c.t.Helper()
	h := map[string]string{"Accept": "application/x-protobuf", "Accept-Encoding": codec}
	return c.do(req{
		method: "GET", uri: shardURI(shard, "type=logs&cursor="+cursor+extra), headers: h,
	})
}

// values are the values of a pulled list's logs, in order.
func (c *client) values(res result) []string {
	c.t.Helper()
	require.Equal(c.t, 200, res.status, "%s", res.body)
	size, err := strconv.Atoi(res.header.Get("X-Log-Bodyrawsize"))
	require.NoError(c.t, err)
	raw := make([]byte, size)
	switch res.header.Get("X-Log-Compresstype") {
	case "lz4":
		n, err := lz4.UncompressBlock(res.body, raw)
		require.NoError(c.t, err)
		require.Equal(c.t, size, n)
	case "zstd":
		dec, err := zstd.NewReader(nil)
		require.NoError(c.t, err)
		defer dec.Close()
		raw, err = dec.DecodeAll(res.body, raw[:0])
		require.NoError(c.t, err)
		require.Len(c.t, raw, size)
	case "deflate":
		z, err := zlib.NewReader(bytes.NewReader(res.body))
		require.NoError(c.t, err)
		raw, err = io.ReadAll(z)
		require.NoError(c.t, err)
		require.Len(c.t, raw, size)
	default:
		raw = res.body
	}
	list := &sdk.LogGroupList{}
	require.NoError(c.t, proto.Unmarshal(raw, list))
	require.Equal(c.t, strconv.Itoa(len(list.LogGroups)), res.header.Get("X-Log-Count"))
	var out []string
	for _, g := range list.LogGroups {
		for _, l := range g.Logs {
			out = append(out, l.Contents[0].GetValue())
		}
	}
	return out
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
