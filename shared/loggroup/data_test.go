package loggroup

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// dataSet is a deterministic chunk of events, as Fluent Bit makes them.
type dataSet struct {
	name   string
	chunk  []byte
	events int
}

// chunkSize is that of the engine's chunks; tests that do not measure take less.
const (
	chunkSize = 2_000_000
	testSize  = 150_000
)

func dataSets(tb testing.TB, size int) []dataSet {
	tb.Helper()
	return []dataSet{
		makeChunk(tb, "access", size, accessRecord),
		makeChunk(tb, "kubernetes", size, kubernetesRecord),
		makeChunk(tb, "short", size, shortRecord),
	}
}

func makeChunk(tb testing.TB, name string, size int, record func(*rand.Rand, *chunkWriter)) dataSet {
	tb.Helper()
	rnd := rand.New(rand.NewSource(1))
	w := newChunkWriter(tb)
	set := dataSet{name: name}
	for w.buf.Len() < size {
		w.newEvent(1_700_000_000+uint32(set.events/50), uint32(rnd.Intn(1e9)))
		record(rnd, w)
		set.events++
	}
	set.chunk = w.buf.Bytes()
	return set
}

// chunkWriter builds chunks with msgpack/v5.
type chunkWriter struct {
	tb  testing.TB
	buf *bytes.Buffer
	enc *msgpack.Encoder
}

func newChunkWriter(tb testing.TB) *chunkWriter {
	tb.Helper()
	w := &chunkWriter{tb: tb, buf: &bytes.Buffer{}}
	w.enc = msgpack.NewEncoder(w.buf)
	return w
}

// newEvent writes all of an event of the newer form but its record.
func (w *chunkWriter) newEvent(sec, nsec uint32) {
	w.buf.Write([]byte{0x92, 0x92})
	w.eventTime(sec, nsec)
	w.buf.WriteByte(0x80)
}

func (w *chunkWriter) eventTime(sec, nsec uint32) {
	w.buf.Write([]byte{0xd7, 0})
	for _, n := range []uint32{sec, nsec} {
		w.buf.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
}

// strs writes a map of strings.
func (w *chunkWriter) strs(pairs ...string) {
	require.NoError(w.tb, w.enc.EncodeMapLen(len(pairs)/2))
	for _, s := range pairs {
		require.NoError(w.tb, w.enc.EncodeString(s))
	}
}

func (w *chunkWriter) str(s string) {
	require.NoError(w.tb, w.enc.EncodeString(s))
}

func (w *chunkWriter) value(v any) {
	require.NoError(w.tb, w.enc.Encode(v))
}

func newRand() *rand.Rand {
	return rand.New(rand.NewSource(1))
}

func pick(rnd *rand.Rand, from ...string) string {
	return from[rnd.Intn(len(from))]
}

// accessRecord is an access log's line in 8 string fields, about 460 bytes.
func accessRecord(rnd *rand.Rand, w *chunkWriter) {
	w.strs(
		"remote_addr", fmt.Sprintf("%d.%d.%d.%d", rnd.Intn(223)+1, rnd.Intn(256), rnd.Intn(256), rnd.Intn(256)),
		"request_method", pick(rnd, "GET", "GET", "GET", "POST", "PUT"),
		"request_uri", fmt.Sprintf("/api/v2/%s/%d/items?page=%d&size=50&session=%016x",
			pick(rnd, "orders", "customers", "products", "carts"), rnd.Intn(1e7), rnd.Intn(100), rnd.Uint64()),
		"status", pick(rnd, "200", "200", "200", "304", "404", "500"),
		"body_bytes_sent", fmt.Sprint(rnd.Intn(100_000)),
		"http_user_agent", fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "+
			"(KHTML, like Gecko) Chrome/%d.0.%d.%d Safari/537.36", 90+rnd.Intn(40), rnd.Intn(7000), rnd.Intn(200)),
		"http_referer", fmt.Sprintf("https://www.example.com/catalog/%s/%d?ref=%08x",
			pick(rnd, "books", "music", "garden", "toys"), rnd.Intn(1e6), rnd.Uint32()),
		"request_time", fmt.Sprintf("%d.%03d", rnd.Intn(3), rnd.Intn(1000)),
	)
}

// kubernetesRecord is what the kubernetes filter makes of a container's line.
func kubernetesRecord(rnd *rand.Rand, w *chunkWriter) {
	n := rnd.Intn(20)
	require.NoError(w.tb, w.enc.EncodeMapLen(5))
	w.str("time")
	w.str(fmt.Sprintf("2023-11-14T22:13:%02d.%09dZ", rnd.Intn(60), rnd.Intn(1e9)))
	w.str("stream")
	w.str(pick(rnd, "stdout", "stderr"))
	w.str("_p")
	w.str("F")
	w.str("log")
	w.str(fmt.Sprintf(`{"level":"info","msg":"handled request","path":"/v1/%s","took_ms":%d,"trace":"%016x"}`+"\n",
		pick(rnd, "users", "orders", "health"), rnd.Intn(900), rnd.Uint64()))
	w.str("kubernetes")
	require.NoError(w.tb, w.enc.EncodeMapLen(8))
	w.str("pod_name")
	w.str(fmt.Sprintf("checkout-7d9c5b8f6-%05d", n))
	w.str("namespace_name")
	w.str("shop-production")
	w.str("pod_id")
	w.str(fmt.Sprintf("0b9b4c1e-5f57-4d2a-8a5e-0000000000%02d", n))
	w.str("labels")
	w.strs("app.kubernetes.io/name", "checkout", "app.kubernetes.io/version", "1.24.3",
		"pod-template-hash", "7d9c5b8f6", "team", "payments")
	w.str("annotations")
	w.strs("prometheus.io/scrape", "true", "prometheus.io/port", "9090")
	w.str("host")
	w.str(fmt.Sprintf("node-%d.cluster.local", n%4))
	w.str("container_name")
	w.str("checkout")
	w.str("restarts")
	w.value(n)
}

// shortRecord is a line of in_tail with nothing parsed.
func shortRecord(rnd *rand.Rand, w *chunkWriter) {
	w.strs("log", pick(rnd, "connection accepted from ", "session closed for ", "retrying ")+
		strings.Repeat("x", rnd.Intn(8))+fmt.Sprint(rnd.Intn(1e6)))
}

// list makes a LogGroupList of a set's events, perGroup Logs in a group.
func (s dataSet) list(tb testing.TB, perGroup int) []byte {
	tb.Helper()
	var r Reader
	r.Reset(s.chunk, EncodeOptions{})
	var out, group []byte
	for i := range s.events {
		var err error
		group, err = r.Next(group)
		require.NoError(tb, err)
		if (i+1)%perGroup == 0 || i+1 == s.events {
			group = AppendGroupFields(group, "access", "10.0.0.1", []Tag{{"__pack_id__", "5F1A-2"}, {"host", "web-1"}})
			out = append(out, tagLogs)
			out = append(out, proto.EncodeVarint(uint64(len(group)))...)
			out = append(out, group...)
			group = group[:0]
		}
	}
	require.NoError(tb, (&sls.LogGroupList{}).Unmarshal(out))
	return out
}
