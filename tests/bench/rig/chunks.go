package rig

import (
	"bytes"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// ChunkSize is about where Fluent Bit closes a chunk, in bytes.
const ChunkSize = 2_000_000

// Chunk is events as Fluent Bit hands them to an output, always the same for the
// same name and size.
type Chunk struct {
	Name    string
	Bytes   []byte // msgpack events [[EventTime, {}], record]
	Records int
}

// records are the data sets by name.
var records = []struct {
	name   string
	append func(*rand.Rand, *msgpack.Encoder) error
}{
	{"access", accessRecord},
	{"kubernetes", kubernetesRecord},
	{"short", shortRecord},
}

// Sets returns one chunk of at least size bytes of each data set.
func Sets(tb testing.TB, size int) []Chunk {
	tb.Helper()
	var sets []Chunk
	for _, r := range records {
		sets = append(sets, MakeChunk(tb, r.name, size))
	}
	return sets
}

// MakeChunk returns a chunk of at least size bytes of the data set: access,
// kubernetes or short.
func MakeChunk(tb testing.TB, name string, size int) Chunk {
	tb.Helper()
	c, err := makeChunk(name, size)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func makeChunk(name string, size int) (Chunk, error) {
	c := Chunk{Name: name}
	rnd := rand.New(rand.NewSource(1))
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	for _, r := range records {
		for r.name == name && buf.Len() < size {
			appendHead(&buf, 1_700_000_000+uint32(c.Records/50), uint32(rnd.Intn(1e9)))
			if err := r.append(rnd, enc); err != nil {
				return c, fmt.Errorf("make a chunk of %s: %w", name, err)
			}
			c.Records++
		}
	}
	c.Bytes = buf.Bytes()
	if c.Records == 0 {
		return c, fmt.Errorf("make a chunk of %q: no such data set", name)
	}
	return c, nil
}

// appendHead writes all of an event but its record:
//
//	array(2) array(2) fixext8(0, seconds, nanoseconds) map(0)
func appendHead(buf *bytes.Buffer, sec, nsec uint32) {
	buf.Write([]byte{0x92, 0x92, 0xd7, 0})
	for _, n := range []uint32{sec, nsec} {
		buf.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	buf.WriteByte(0x80)
}

// object encodes a map in the order of its pairs: key, value, key, value. A
// value is a string, a number or another object.
type object []any

// EncodeMsgpack implements msgpack.CustomEncoder.
func (o object) EncodeMsgpack(enc *msgpack.Encoder) error {
	if err := enc.EncodeMapLen(len(o) / 2); err != nil {
		return err
	}
	for _, v := range o {
		if err := enc.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

func pick(rnd *rand.Rand, from ...string) string { return from[rnd.Intn(len(from))] }

// accessRecord is an access log's line in 8 string fields, about 460 bytes.
func accessRecord(rnd *rand.Rand, enc *msgpack.Encoder) error {
	return enc.Encode(object{
		"remote_addr", fmt.Sprintf("%d.%d.%d.%d", rnd.Intn(223)+1, rnd.Intn(256), rnd.Intn(256), rnd.Intn(256)),
		"request_method", pick(rnd, "GET", "GET", "GET", "POST", "PUT"),
		"request_uri", fmt.Sprintf("/api/v2/%s/%d/items?page=%d&size=50&sort=%s&session=%016x",
			pick(rnd, "orders", "customers", "products", "carts"), rnd.Intn(1e7), rnd.Intn(100),
			pick(rnd, "price", "name", "created"), rnd.Uint64()),
		"status", pick(rnd, "200", "200", "200", "304", "404", "500"),
		"body_bytes_sent", fmt.Sprint(rnd.Intn(100_000)),
		"http_user_agent", fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 "+
			"(KHTML, like Gecko) Chrome/%d.0.%d.%d Safari/537.36 Edg/%d.0.%d.%d",
			90+rnd.Intn(40), rnd.Intn(7000), rnd.Intn(200), 90+rnd.Intn(40), rnd.Intn(3000), rnd.Intn(100)),
		"http_referer", fmt.Sprintf("https://www.example.com/catalog/%s/%d?ref=%08x&utm_source=%s&page=%d",
			pick(rnd, "books", "music", "garden", "toys"), rnd.Intn(1e6), rnd.Uint32(),
			pick(rnd, "newsletter", "search", "partner"), rnd.Intn(1000)),
		"request_time", fmt.Sprintf("%d.%03d", rnd.Intn(3), rnd.Intn(1000)),
	})
}

// kubernetesRecord is what the kubernetes filter makes of a container's line.
func kubernetesRecord(rnd *rand.Rand, enc *msgpack.Encoder) error {
	n := rnd.Intn(20)
	return enc.Encode(object{
		"time", fmt.Sprintf("2023-11-14T22:13:%02d.%09dZ", rnd.Intn(60), rnd.Intn(1e9)),
		"stream", pick(rnd, "stdout", "stderr"),
		"_p", "F",
		"log", fmt.Sprintf(`{"level":"info","msg":"handled request","path":"/v1/%s","took_ms":%d,"trace":"%016x"}`+"\n",
			pick(rnd, "users", "orders", "health"), rnd.Intn(900), rnd.Uint64()),
		"kubernetes",
		object{
			"pod_name", fmt.Sprintf("checkout-7d9c5b8f6-%05d", n),
			"namespace_name", "shop-production",
			"pod_id", fmt.Sprintf("0b9b4c1e-5f57-4d2a-8a5e-0000000000%02d", n),
			"labels",
			object{
				"app.kubernetes.io/name", "checkout", "app.kubernetes.io/version", "1.24.3",
				"pod-template-hash", "7d9c5b8f6", "team", "payments",
			},
			"annotations",
			object{"prometheus.io/scrape", "true", "prometheus.io/port", "9090"},
			"host", fmt.Sprintf("node-%d.cluster.local", n%4),
			"container_name", "checkout",
			"restarts", n,
		},
	})
}

// shortRecord is a line of in_tail with nothing parsed.
func shortRecord(rnd *rand.Rand, enc *msgpack.Encoder) error {
	return enc.Encode(object{
		"log", pick(rnd, "connection accepted from ", "session closed for ", "retrying ") +
			strings.Repeat("x", rnd.Intn(8)) + fmt.Sprint(rnd.Intn(1e6)),
	})
}
