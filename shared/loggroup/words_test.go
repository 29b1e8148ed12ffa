package loggroup

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The steady path copies by words: every length, every place for the byte that
// takes a string off it, as key and as value, with and without bytes behind it.
func TestStringsOfEveryLength(t *testing.T) {
	behind := strings.Repeat("b", 40)
	for n := range 75 {
		for at := -1; at < n; at++ {
			for _, special := range []string{"\xff", "é", "\"", "\\", "\x1f", "\x7f"} {
				text := strings.Repeat("a", n)
				if at >= 0 {
					text = text[:at] + special + text[at+1:]
				}
				requireString(t, text, behind)
			}
		}
	}
}

// Nothing is read behind the chunk or the log group, however little is left there.
func TestStringsNearTheEnd(t *testing.T) {
	for n := range 20 {
		for left := range 40 {
			text, rest := strings.Repeat("a", n), strings.Repeat("b", left)
			w := newChunkWriter(t)
			w.newEvent(1, 0)
			w.strs(text, text, rest, "")
			group := logField(0x08, 1, string(content(text, text)), string(content(rest, "")), noNanos)
			var r Reader
			got, err := readAll(&r, nil, slices.Clip(bytes.Clone(w.buf.Bytes())), EncodeOptions{})
			require.NoError(t, err)
			requireBytes(t, group, got)
			got, _, err = new(Decoder).AppendEvents(nil, slices.Clip(bytes.Clone(group)))
			require.NoError(t, err)
			requireBytes(t, w.buf.Bytes(), got)
		}
	}
}

// noNanos is the field TimeNs of 0.
const noNanos = "\x25\x00\x00\x00\x00"

func requireString(t *testing.T, text, behind string) {
	t.Helper()
	want := text
	if !utf8.ValidString(text) {
		want = strings.ToValidUTF8(text, "\uFFFD")
	}
	group := logField(0x08, 1, string(content(text, text)), string(content("k", text)))
	group = append(group, logField(0x08, 1, string(content(text, "v")))...)
	for _, b := range [][]byte{group, append(bytes.Clone(group), pb(0x1a, []byte(behind))...)} {
		w := newChunkWriter(t)
		w.newEvent(1, 0)
		w.strs(want, want, "k", want)
		w.newEvent(1, 0)
		w.strs(want, "v")
		got, _, err := new(Decoder).AppendEvents(nil, b)
		require.NoError(t, err)
		requireBytes(t, w.buf.Bytes(), got)
	}

	w := newChunkWriter(t)
	for range 2 {
		w.newEvent(1, 0)
		require.NoError(t, w.enc.EncodeMapLen(2))
		for _, v := range []any{text, text, "k", []string{text}} {
			w.value(v)
		}
	}
	var r Reader
	got, err := readAll(&r, nil, w.buf.Bytes(), EncodeOptions{})
	require.NoError(t, err)
	one := logField(0x08, 1, string(content(want, want)), string(content("k", "["+oracleQuote(want)+"]")), noNanos)
	requireBytes(t, append(bytes.Clone(one), one...), got)
	w.buf.Reset()
	w.newEvent(1, 0)
	w.strs(text, text)
	got, err = readAll(&r, got[:0], w.buf.Bytes(), EncodeOptions{})
	require.NoError(t, err)
	requireBytes(t, logField(0x08, 1, string(content(want, want)), noNanos), got)
}
