package loggroup

import (
	"bytes"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireAlone asserts that the events of a chunk become what each of them becomes in
// a chunk of its own.
func requireAlone(t *testing.T, events [][]byte, opts EncodeOptions) {
	t.Helper()
	var want []byte
	for _, e := range events {
		var alone Reader
		var err error
		want, err = readAll(&alone, want, e, opts)
		require.NoError(t, err)
	}
	var r Reader
	for range 2 { // what a Reader knows ends with its chunk
		got, err := readAll(&r, nil, slices.Clip(bytes.Join(events, nil)), opts)
		require.NoError(t, err)
		requireBytes(t, want, got)
	}
}

// Pairs like those of the record before are not read again: the Logs are the same.
func TestRepeatedPairs(t *testing.T) {
	pods := [][]any{{"kubernetes", map[string]any{"pod": strings.Repeat("a", 60), "n": 1}}}
	pods = append(pods,
		[]any{"kubernetes", map[string]any{"pod": strings.Repeat("a", 60), "n": 2}}, // differs in its last byte
		[]any{"kubernetes", map[string]any{"pod": strings.Repeat("a", 61), "n": 1}},
		[]any{"kubernetes", strings.Repeat("\xff", 70)}, // not valid: no steady path
		[]any{"kubernetes", map[string]any{"small": 1}},
		[]any{"kubernetes", map[string]any{"large": strings.Repeat("b", maxRepeat)}},
		[]any{"a", []any{strings.Repeat("c", 70)}, "b", []any{strings.Repeat("c", 70)}, "b", []any{strings.Repeat("d", 70)}},
		[]any{"1", make([]int, 70), "2", make([]int, 71), "3", make([]int, 72), "4", make([]int, 73), "5", make([]int, 74)},
	)
	rnd := rand.New(rand.NewSource(1))
	for range 40 {
		var events [][]byte
		for range 20 {
			w := newChunkWriter(t)
			w.newEvent(1, 0)
			pairs := slices.Concat([]any{"log", "line"}, pods[rnd.Intn(len(pods))], pods[rnd.Intn(2)], []any{"end", rnd.Intn(3)})
			require.NoError(t, w.enc.EncodeMapLen(len(pairs)/2))
			for _, v := range pairs {
				w.value(v)
			}
			events = append(events, w.buf.Bytes())
		}
		requireAlone(t, events, EncodeOptions{})
	}
}

// FuzzRepeatedPairs: two records in turn, of any value.
func FuzzRepeatedPairs(f *testing.F) {
	long := "\xd9\x46" + strings.Repeat("x", 70)
	f.Add([]byte("\x91"+long), []byte("\x92"+long+"\x01"))
	f.Add([]byte("\x81\xa1k"+long), []byte("\x81\xa1k\xd9\x47"+strings.Repeat("x", 71)))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var events [][]byte
		for _, v := range [][]byte{a, b} {
			if end, err := skip(v, 0); err != nil || end != len(v) {
				return
			}
			events = append(events, append([]byte{0x92, 0x92, 0xd7, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x81, 0xa1, 'k'}, v...))
		}
		requireAlone(t, [][]byte{events[0], events[0], events[1], events[0], events[1], events[1]}, EncodeOptions{})
	})
}

// A container's lines, to which the kubernetes filter has added the same map.
func BenchmarkRepeatedPairs(b *testing.B) {
	w := newChunkWriter(b)
	n := 0
	for ; w.buf.Len() < chunkSize; n++ {
		w.newEvent(1_700_000_000, uint32(n))
		kubernetesRecord(rand.New(rand.NewSource(1)), w)
	}
	chunk := w.buf.Bytes()
	var r Reader
	var out []byte
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		out, _ = readAll(&r, out[:0], chunk, EncodeOptions{})
	}
}
