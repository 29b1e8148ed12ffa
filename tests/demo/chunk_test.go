package demo_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/tests/demo"
)

type event struct {
	at   time.Time
	line string
}

// decodeChunk reads a chunk with msgpack/v5 and checks its form.
func decodeChunk(t *testing.T, chunk []byte) []event {
	t.Helper()
	r := bytes.NewReader(chunk)
	dec := msgpack.NewDecoder(r)
	length := func(want int, got int, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	var events []event
	for r.Len() > 0 {
		n, err := dec.DecodeArrayLen()
		length(2, n, err)
		n, err = dec.DecodeArrayLen()
		length(2, n, err)
		id, size, err := dec.DecodeExtHeader()
		require.NoError(t, err)
		require.Zero(t, id)
		require.Equal(t, 8, size)
		var raw [8]byte
		require.NoError(t, dec.ReadFull(raw[:]))
		n, err = dec.DecodeMapLen()
		length(0, n, err)
		n, err = dec.DecodeMapLen()
		length(1, n, err)
		key, err := dec.DecodeString()
		require.NoError(t, err)
		require.Equal(t, "log", key)
		line, err := dec.DecodeString()
		require.NoError(t, err)
		at := time.Unix(int64(binary.BigEndian.Uint32(raw[:4])), int64(binary.BigEndian.Uint32(raw[4:])))
		events = append(events, event{at: at, line: line})
	}
	return events
}

func TestChunkBuilder(t *testing.T) {
	var b demo.ChunkBuilder
	at := time.Unix(1_772_000_000, 123_456_789)
	var want []event
	for _, n := range []int{0, 1, 31, 32, 255, 256, 65_535, 65_536} {
		line := strings.Repeat("x", n)
		require.True(t, b.Add(at, []byte(line)))
		want = append(want, event{at: at, line: line})
		at = at.Add(time.Millisecond)
	}
	require.Equal(t, want, decodeChunk(t, b.Chunk()))
	require.Equal(t, len(want), b.Lines())

	b.Reset()
	require.Zero(t, b.Lines())
	require.Empty(t, b.Chunk())
}

// The bytes equal those of the reference library, which also writes every
// length in its shortest form.
func TestChunkBuilderMatchesLibrary(t *testing.T) {
	at := time.Unix(1_772_000_000, 5)
	for _, n := range []int{0, 31, 32, 255, 256, 65_535, 65_536} {
		line := strings.Repeat("é", n)[:n]
		var b demo.ChunkBuilder
		b.Add(at, []byte(line))

		var want bytes.Buffer
		enc := msgpack.NewEncoder(&want)
		require.NoError(t, enc.EncodeArrayLen(2))
		require.NoError(t, enc.EncodeArrayLen(2))
		require.NoError(t, enc.EncodeExtHeader(0, 8))
		require.NoError(t, binary.Write(&want, binary.BigEndian, [2]uint32{1_772_000_000, 5}))
		require.NoError(t, enc.EncodeMapLen(0))
		require.NoError(t, enc.EncodeMapLen(1))
		require.NoError(t, enc.EncodeString("log"))
		require.NoError(t, enc.EncodeString(line))
		require.Equal(t, want.Bytes(), b.Chunk(), "%d bytes", n)
	}
}

func TestChunkBuilderLimit(t *testing.T) {
	var b demo.ChunkBuilder
	line := []byte(strings.Repeat("x", 300))
	for b.Add(time.Unix(1, 0), line) {
	}
	require.LessOrEqual(t, len(b.Chunk()), 2_000_000)
	require.Greater(t, len(b.Chunk()), 2_000_000-400)
	before := b.Lines()
	require.False(t, b.Add(time.Unix(1, 0), line))
	require.Equal(t, before, b.Lines())
	require.Len(t, decodeChunk(t, b.Chunk()), before)

	b.Reset()
	require.True(t, b.Add(time.Unix(1, 0), make([]byte, 3_000_000)), "alone, a line of any length fits")
	require.False(t, b.Add(time.Unix(1, 0), nil))
}

// fixedClock advances by a millisecond a line.
func fixedClock() func() time.Time {
	at := time.Unix(1_772_000_000, 0)
	return func() time.Time {
		at = at.Add(time.Millisecond)
		return at
	}
}

func TestEachChunkKeepsEveryLine(t *testing.T) {
	text := accessLog(t, 20_000, 3)
	var got strings.Builder
	chunks, previous := 0, time.Time{}
	lines, err := demo.EachChunk(strings.NewReader(text), fixedClock(), func(chunk []byte, n int) error {
		chunks++
		require.LessOrEqual(t, len(chunk), 2_000_000)
		events := decodeChunk(t, chunk)
		require.Len(t, events, n)
		for _, e := range events {
			got.WriteString(e.line + "\n")
			require.Greater(t, e.at, previous)
			previous = e.at
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 20_000, lines)
	require.Equal(t, 4, chunks)
	require.True(t, text == got.String(), "lines differ")
}

func TestEachChunkLineEnds(t *testing.T) {
	for text, want := range map[string][]string{
		"":                   nil,
		"not yet":            nil,
		"a\nb\nnot yet":      {"a", "b"},
		"a\r\n\r\n\nb\r\r\n": {"a", "\r", "", "b\r"},
	} {
		var got []string
		_, err := demo.EachChunk(strings.NewReader(text), fixedClock(), func(chunk []byte, _ int) error {
			for _, e := range decodeChunk(t, chunk) {
				got = append(got, e.line)
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, want, got, "text %q", text)
	}
}

func TestEachChunkErrors(t *testing.T) {
	errEmit := errors.New("refused")
	text := accessLog(t, 10_000, 3)
	calls := 0
	lines, err := demo.EachChunk(strings.NewReader(text), fixedClock(), func([]byte, int) error {
		if calls++; calls == 2 {
			return errEmit
		}
		return nil
	})
	require.ErrorIs(t, err, errEmit)
	require.Equal(t, 2, calls)
	require.Positive(t, lines)
	require.Less(t, lines, 10_000)

	broken := io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(errEmit))
	_, err = demo.EachChunk(broken, fixedClock(), func([]byte, int) error { return nil })
	require.ErrorIs(t, err, errEmit)
	require.ErrorContains(t, err, "read lines: ")
}

func BenchmarkEachChunk(b *testing.B) {
	var text bytes.Buffer
	_, err := demo.WriteAccessLog(&text, 100_000, 1)
	require.NoError(b, err)
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		_, err := demo.EachChunk(bytes.NewReader(text.Bytes()), time.Now, func([]byte, int) error { return nil })
		require.NoError(b, err)
	}
}

func ExampleChunkBuilder() {
	var b demo.ChunkBuilder
	b.Add(time.Unix(1, 2), []byte("hi"))
	fmt.Printf("% x\n", b.Chunk())
	// Output: 92 92 d7 00 00 00 00 01 00 00 00 02 80 81 a3 6c 6f 67 a2 68 69
}
