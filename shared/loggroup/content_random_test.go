package loggroup

import (
	"bytes"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomKeys are few, so that options and records often meet.
var randomKeys = []string{
	"a", "b", "log", "a.b", "", "k\xff", "__topic__", "__source__", "__time__", "__tag__:a", "__tag__:",
	"__metadata__.a", "__record__.__topic__", "__time_ns_part__", "__", "topic__", "__tag__", "trace_id", "span_id", "schema", strings.Repeat("long", 60), strings.Repeat("k", 128),
}

func randomPath(rnd *rand.Rand) []string {
	path := make([]string, 1+rnd.Intn(2)+rnd.Intn(2))
	for i := range path {
		path[i] = randomKeys[rnd.Intn(4+rnd.Intn(len(randomKeys)-3))]
	}
	return path
}

func randomPaths(rnd *rand.Rand) (paths [][]string) {
	n := rnd.Intn(4)
	if rnd.Intn(8) == 0 {
		n = 20 // more than are compared one by one
	}
	for range n {
		paths = append(paths, randomPath(rnd))
	}
	return paths
}

// randomContent are options, each of them set about half the time.
func randomContent(seed int64) (EncodeOptions, ContentOptions) {
	rnd := rand.New(rand.NewSource(seed))
	half := func() bool { return rnd.Intn(2) == 0 }
	o := ContentOptions{Flatten: half(), Separator: pick(rnd, ".", "_", "é::", ":"), Metadata: half(), RestoreMeta: Restore(rnd.Intn(3))}
	if half() {
		o.LogKey = randomPath(rnd)
	}
	if half() {
		o.IncludeKeys = randomPaths(rnd)
	}
	if half() {
		o.ExcludeKeys = randomPaths(rnd)
	}
	if half() {
		o.TagKey = pick(rnd, "tag", "a", "log")
	}
	if half() {
		o.TimeKey = pick(rnd, "time", "b", "a.b")
	}
	if o.TagKey == o.TimeKey {
		o.TagKey = ""
	}
	o.TimeFormat = TimeFormat(rnd.Intn(int(TimeEpochMS) + 1))
	tag := pick(rnd, "", "kube.var.log", "\xfftag", strings.Repeat("t", 200))
	return EncodeOptions{GroupAttributes: half(), RenameReserved: half(), Tag: tag}, o
}

// randomChunk has metadata, groups, nested maps, and now and then a corrupt byte.
func randomChunk(tb testing.TB, seed int64) []byte {
	tb.Helper()
	rnd := rand.New(rand.NewSource(seed))
	w := newChunkWriter(tb)
	if rnd.Intn(4) == 0 {
		w.str("no event")
	}
	for range 1 + rnd.Intn(4) {
		w.buf.Write([]byte{0x92, 0x92})
		sec := uint32(1_700_000_000)
		if rnd.Intn(3) == 0 {
			sec = 0xffffffff - uint32(rnd.Intn(2))
		}
		w.eventTime(sec, uint32(rnd.Intn(1e9)*rnd.Intn(2)))
		if rnd.Intn(4) == 0 {
			w.strs("schema", "otlp")
		} else {
			w.randomMap(rnd, 3, rnd.Intn(3))
		}
		w.randomMap(rnd, 0, rnd.Intn(8))
	}
	chunk := w.buf.Bytes()
	switch rnd.Intn(10) {
	case 0:
		chunk[rnd.Intn(len(chunk))] = byte(rnd.Intn(256))
	case 1:
		chunk = chunk[:rnd.Intn(len(chunk))]
	}
	return chunk
}

func (w *chunkWriter) randomMap(rnd *rand.Rand, depth, n int) {
	require.NoError(w.tb, w.enc.EncodeMapLen(n))
	for range n {
		if rnd.Intn(20) == 0 {
			w.value([]any{7, []byte("bin"), []string{"a"}, nil}[rnd.Intn(4)])
		} else {
			w.str(randomKeys[rnd.Intn(len(randomKeys))])
		}
		w.randomValue(rnd, depth+1)
	}
}

func (w *chunkWriter) randomValue(rnd *rand.Rand, depth int) {
	switch n := rnd.Intn(20); {
	case n < 6 && depth < 5:
		w.randomMap(rnd, depth, rnd.Intn(4))
	case n == 6 && depth < 3:
		w.randomMap(rnd, 9, 300) // beyond what is flattened below a long key
	case n == 7:
		w.value([]any{[]byte("0123456789abcdef"), []byte("\xff1234567"), []byte("01234567")}[rnd.Intn(3)])
	case n < 9:
		w.value([]any{rnd.Intn(9), 1.5, nil, true, []byte("b\xff"), float32(-1), []any{1, map[string]any{"a": 1}}}[rnd.Intn(7)])
	case n < 11:
		w.value([]any{1.5e9, 0xfffffffd, -1, 1 << 33, 1_650_000_000, 4294967293.25}[rnd.Intn(6)])
	case n < 15:
		w.str(pick(rnd, "1650000000", "1650000000.25", "1.", ".5", "4294967294", "4294967293.999999999", "12345678901", ""))
	default:
		w.str(pick(rnd, "v", "日志\xff", strings.Repeat("x", 127), strings.Repeat("y", 1200), "plain text"))
	}
}

// TestContentRandom: any options on any chunk give what the oracle gives.
func TestContentRandom(t *testing.T) {
	for seed := range int64(300) {
		opts, o := randomContent(seed)
		t.Logf("seed %d: %+v %+v", seed, opts, o)
		requireChosen(t, randomChunk(t, seed), opts, o)
		if t.Failed() {
			break
		}
	}
}

// TestContentTruncatedAnywhere: however a chunk ends, with any options.
func TestContentTruncatedAnywhere(t *testing.T) {
	chunk := append(mixedChunk(t), metaEvent(t)...)
	for seed := range int64(6) {
		opts, o := randomContent(seed)
		for n := 0; n <= len(chunk); n += 2 + n%5 {
			requireChosen(t, chunk[:n], opts, o)
		}
		for i := 0; i < len(chunk); i += 5 {
			bad := bytes.Clone(chunk)
			bad[i] = []byte{0xc1, 0xdf, 0xdb, 0xff}[i%4]
			requireChosen(t, bad, opts, o)
		}
	}
}

// FuzzContent: random options on a chunk of the fuzzer's.
func FuzzContent(f *testing.F) {
	for seed := range int64(40) {
		f.Add(randomChunk(f, seed), seed)
	}
	for i, chunk := range seedChunks(f) {
		f.Add(chunk, int64(i))
	}
	f.Fuzz(func(t *testing.T, chunk []byte, seed int64) {
		opts, o := randomContent(seed)
		requireChosen(t, chunk, opts, o)
	})
}

// FuzzContentRecord: random options on a random chunk.
func FuzzContentRecord(f *testing.F) {
	f.Add(int64(1), int64(2))
	f.Fuzz(func(t *testing.T, chunk, options int64) {
		opts, o := randomContent(options)
		requireChosen(t, randomChunk(t, chunk), opts, o)
	})
}
