package loggroup

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// FuzzReader: whatever the chunk holds, the Reader returns what the oracle returns
// and stops where it stops.
func FuzzReader(f *testing.F) {
	for _, chunk := range seedChunks(f) {
		for i := range allOptions {
			f.Add(chunk, byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, chunk []byte, opts byte) {
		requireOracle(t, chunk, allOptions[int(opts)%len(allOptions)])
	})
}

// FuzzReaderValue puts the input where a value of a record is: corrupting a chunk
// rarely reaches deep into one.
func FuzzReaderValue(f *testing.F) {
	for _, v := range []any{
		"GET /", "日志", "\xff", 7, -7, 1.5, float32(1e-7), true, nil, []byte("bin\xff"),
		[]any{1, "a\"\n\u2028", map[string]any{"k": []byte{0xff}}},
		map[string]string{strings.Repeat("k", 40): "v"},
	} {
		b, err := msgpack.Marshal(v)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte{0xd7, 0x00, 0x65, 0x53, 0xf1, 0x00, 0, 0, 0, 1})
	f.Add([]byte{0xc7, 0x0c, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0x81, 0x81, 0x81, 0x01, 0x02, 0x03, 0x04})
	for _, key := range []string{"trace_id", "span_id", "__topic__"} {
		for _, id := range []string{"0123456789abcdef", "\xff1234567"} {
			b, err := msgpack.Marshal(map[string][]byte{key: []byte(id)})
			require.NoError(f, err)
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		chunk := append([]byte{0x92, 0x92, 0xd7, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x83, 0xa1, 'k'}, value...)
		requireOracle(t, chunk, EncodeOptions{RenameReserved: true})
		chunk = append(chunk, 0xa1, 'a')
		chunk = append(append(chunk, value...), "\xa1z\xb8and enough bytes behind it"...)
		requireOracle(t, chunk, EncodeOptions{})
	})
}

// FuzzDecoder: what the SDK takes gives the oracle's events, what it refuses is
// refused.
func FuzzDecoder(f *testing.F) {
	for _, group := range decodable() {
		if len(group) < 10_000 {
			f.Add(asList(group), false)
			f.Add(asList(group, group), true)
		}
	}
	f.Fuzz(func(t *testing.T, list []byte, meta bool) {
		requireListOracle(t, list, &Decoder{IncludeMeta: meta})
	})
}

// FuzzDecoderContent puts the input where a Log's fields are.
func FuzzDecoderContent(f *testing.F) {
	f.Add(pb(0x08, fiveBytes, string(content("k", "v")), 0x25, "1234"))
	f.Add(pb(string(content("k\xff", "é")), 0x08, 1))
	f.Add(pb(0x08, 1, 0x12, pb(0x12, []byte("v"), 0x0a, []byte("k"))))
	f.Fuzz(func(t *testing.T, log []byte) {
		behind := logField(0x08, 1, string(content("k", "and enough bytes behind it")))
		requireListOracle(t, asList(append(pb(0x0a, log), behind...)), &Decoder{})
		requireListOracle(t, asList(pb(0x0a, log)), &Decoder{IncludeMeta: true})
	})
}

// FuzzNext: a size that is returned is within the bytes, and what is cut there is
// one value.
func FuzzNext(f *testing.F) {
	f.Add([]byte{0x92, 1, 0x80})
	f.Add([]byte{0x0a, 2, 0x08, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := NextEvent(b)
		require.LessOrEqual(t, n, len(b))
		src := bytes.NewReader(b)
		_, oracleErr := oracleNode(msgpack.NewDecoder(src))
		require.Equal(t, oracleErr == nil, err == nil)
		if err == nil {
			require.Equal(t, len(b)-src.Len(), n)
		}
		if n, err = NextLog(b); err == nil {
			require.Positive(t, n)
			require.LessOrEqual(t, n, len(b))
		}
	})
}

func seedChunks(tb testing.TB) [][]byte {
	tb.Helper()
	return [][]byte{
		nil,
		mixedChunk(tb),
		groupChunk(tb),
		{0x92, 7, 0x80, 0x01, 0x92, 0x92, 0xce, 0, 0, 0, 1, 0x80, 0x81, 0xa1, 'k', 0xc0},
		{0xdc, 0, 2, 0xdd, 0, 0, 0, 2, 7, 0x80, 0xde, 0, 1, 0xa1, 'k', 0xd9, 1, 'v'},
		valueChunk(tb, "93cb3fe0000000000000ca7fc00000cbfff0000000000000"),
		valueChunk(tb, "816122fffe220a61"),
		eventOf(tb, packed(tb, "__topic__", "t", "__source__", "", "__tag__:a", "1"), packed(tb, "__topic__", "forged", "__tag__:b", 1)),
		eventOf(tb, packed(tb, "otlp", map[string]any{"trace_id": []byte("0123456789abcdef")}), packed(tb, "__time__", "7", "span_id", []byte("\xff1234567"))),
	}
}
