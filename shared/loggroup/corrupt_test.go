package loggroup

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReaderTruncatedAnywhere(t *testing.T) {
	chunk := mixedChunk(t)
	for _, opts := range allOptions {
		requireOracle(t, chunk, opts)
	}
	for n := range chunk {
		requireOracle(t, chunk[:n], EncodeOptions{GroupAttributes: true})
	}
}

func TestReaderCorruptAnywhere(t *testing.T) {
	codes := []byte{0xdf, 0xdb, 0xdd, 0xc9, 0x9f, 0xff}
	chunk := mixedChunk(t)
	for i := range chunk {
		for _, c := range []byte{0xc1, codes[i%len(codes)]} {
			bad := bytes.Clone(chunk)
			bad[i] = c
			requireOracle(t, bad, EncodeOptions{GroupAttributes: true})
		}
	}
}

func TestReaderCorruptOffset(t *testing.T) {
	good := []byte{0x92, 7, 0x81, 0xa1, 'k', 0xa1, 'v'}
	for name, c := range map[string]struct {
		bad    []byte
		at     int
		reason string
	}{
		"reserved byte": {[]byte{0x92, 7, 0x81, 0xa1, 'k', 0xc1}, 5, reasonReserved},
		"string":        {[]byte{0x92, 7, 0x81, 0xa1, 'k', 0xa2, 'v'}, 5, reasonTruncated},
		"record":        {[]byte{0x92, 7, 0xdf, 0xff, 0xff, 0xff, 0xff}, 2, reasonTooMany},
		"nothing left":  {[]byte{0x92, 7, 0x81, 0xa1, 'k'}, 5, reasonTruncated},
		"ext":           {[]byte{0x92, 0xd7, 0, 0, 0}, 1, reasonTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			chunk := append(bytes.Clone(good), c.bad...)
			logs, err := logsOf(t, chunk, EncodeOptions{})
			require.Len(t, logs, 1)
			require.Equal(t, &CorruptError{Offset: len(good) + c.at, Reason: c.reason}, err)
		})
	}
}

// A record nested a million levels deep neither ends the process nor loses the
// event behind it.
func TestReaderDeepNesting(t *testing.T) {
	const levels = 1_000_000
	chunk := []byte{0x92, 7, 0x82, 0xa1, 'a'}
	chunk = append(chunk, bytes.Repeat([]byte{0x91}, levels)...)
	chunk = append(chunk, 1, 0xa1, 'b')
	for range levels { // maps whose only key is the next map
		chunk = append(chunk, 0x81)
	}
	chunk = append(chunk, 1)
	chunk = append(chunk, bytes.Repeat([]byte{2}, levels)...)
	chunk = append(chunk, 0x92, 8, 0x80)
	logs, err := logsOf(t, chunk, EncodeOptions{})
	require.NoError(t, err)
	require.Len(t, logs, 2)
	require.Equal(t, `{"{\"...\":2}":2}`, logs[0].Contents[1].GetValue())
	n, err := NextEvent(chunk)
	require.NoError(t, err)
	require.Equal(t, len(chunk)-3, n)
}

// Lengths that lie must not be allocated for.
func TestReaderHostileLengths(t *testing.T) {
	for _, head := range []string{"db", "c6", "c9", "dd", "df"} {
		code, err := hex.DecodeString(head)
		require.NoError(t, err)
		chunk := append([]byte{0x92, 7, 0x81, 0xa1, 'k'}, append(code, 0xff, 0xff, 0xff, 0xff, 1, 1, 1, 1)...)
		var r Reader
		out := make([]byte, 0, 64)
		allocated := testing.AllocsPerRun(10, func() {
			r.Reset(chunk, EncodeOptions{})
			out, err = r.Next(out[:0])
		})
		var bad *CorruptError
		require.ErrorAs(t, err, &bad)
		require.LessOrEqual(t, allocated, 1.0, "the error alone")
		require.Equal(t, 64, cap(out))
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	sets := append(dataSets(t, testSize), dataSet{name: "mixed", chunk: mixedChunk(t)})
	for _, set := range sets {
		for _, opts := range allOptions {
			var r Reader
			out, err := readAll(&r, nil, set.chunk, opts)
			require.NoError(t, err)
			require.Zero(t, testing.AllocsPerRun(5, func() {
				out, err = readAll(&r, out[:0], set.chunk, opts)
			}), set.name)
			require.NoError(t, err)
		}
	}
}

func TestCorruptErrorText(t *testing.T) {
	require.EqualError(t, corrupt(7, reasonTruncated), "corrupt input at byte 7: value is cut off")
}
