package loggroup

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

var allOptions = []EncodeOptions{
	{},
	{GroupAttributes: true},
	{RenameReserved: true},
	{GroupAttributes: true, RenameReserved: true},
}

// requireOracle checks everything the Reader promises about a chunk against the
// oracle, whatever the chunk holds.
func requireOracle(t *testing.T, chunk []byte, opts EncodeOptions) {
	t.Helper()
	requireChosen(t, chunk, opts, ContentOptions{})
}

// requireChosen is requireOracle with what opts.Content is compiled from.
func requireChosen(t *testing.T, chunk []byte, opts EncodeOptions, o ContentOptions) {
	t.Helper()
	var err error
	opts.Content, err = NewContent(o)
	require.NoError(t, err)
	chunk = bytes.Clone(chunk)
	chunk = chunk[:len(chunk):len(chunk)]
	before := bytes.Clone(chunk)
	logs, skipped, oracleErr := oracleLogs(chunk, opts, o)

	var r, scan Reader
	r.Reset(chunk, opts)
	scan.Reset(chunk, opts)
	prefix := []byte("what is there already")
	out, events, last := bytes.Clone(prefix), 0, 0
	for {
		// A full dst must grow; one with room must not be written in front of len.
		var next []byte
		if next, err = r.Next(out[:len(out):len(out)]); err != nil {
			require.Equal(t, out, next)
			break
		}
		require.NoError(t, scan.Scan())
		require.Equal(t, r.Event(), scan.Event())
		require.Equal(t, r.Restored(), scan.Restored())
		require.Less(t, events, len(logs))
		requireRestored(t, logs[events].restored, r.Restored())
		e := r.Event()
		require.GreaterOrEqual(t, e.Offset, last)
		last = e.Offset + e.Size
		require.LessOrEqual(t, last, len(chunk))
		out = next
		events++
	}
	require.Equal(t, err, scan.Scan())
	require.Equal(t, Event{}, r.Event())
	require.False(t, r.Restored().Any())
	require.True(t, bytes.HasPrefix(out, prefix))
	require.Equal(t, len(logs), events)
	requireBytes(t, marshalled(t, logs), out[len(prefix):])
	n, _ := r.Skipped()
	require.Equal(t, skipped, n)
	require.Equal(t, before, chunk)

	var bad *CorruptError
	if oracleErr == nil {
		require.ErrorIs(t, err, io.EOF)
	} else {
		require.ErrorAs(t, err, &bad)
		require.GreaterOrEqual(t, bad.Offset, last)
		require.LessOrEqual(t, bad.Offset, len(chunk))
	}
	_, again := r.Next(nil)
	require.Equal(t, err, again)
}

func requireRestored(t *testing.T, want oracleRestored, got *Restored) {
	t.Helper()
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		s := string(b)
		return &s
	}
	require.Equal(t, want.topic, text(got.Topic))
	require.Equal(t, want.source, text(got.Source))
	requireBytes(t, oracleTags(want.tags), got.Tags)
	require.Equal(t, want.topic != nil || want.source != nil || want.tags != nil, got.Any())
}

// requireBytes shows where bytes differ.
func requireBytes(t *testing.T, want, got []byte) {
	t.Helper()
	if !bytes.Equal(want, got) {
		require.Equal(t, hex.Dump(want), hex.Dump(got))
	}
}

// logsOf decodes what the Reader made of a chunk with the SDK's types.
func logsOf(t *testing.T, chunk []byte, opts EncodeOptions) ([]*sls.Log, error) {
	t.Helper()
	var r Reader
	out, err := readAll(&r, nil, chunk, opts)
	var g sls.LogGroup
	require.NoError(t, proto.Unmarshal(out, &g))
	return g.Logs, err
}

func TestReaderEqualsSDK(t *testing.T) {
	for _, set := range dataSets(t, testSize) {
		t.Run(set.name, func(t *testing.T) {
			logs, _, err := oracleLogs(set.chunk, EncodeOptions{}, ContentOptions{})
			require.NoError(t, err)
			var r Reader
			for range 2 { // a Reader that is used again does the same again
				out, err := readAll(&r, nil, set.chunk, EncodeOptions{})
				require.NoError(t, err)
				require.True(t, bytes.Equal(marshalled(t, logs), out))
			}
		})
	}
}

func TestReaderTimes(t *testing.T) {
	cases := []struct {
		name, stamp string
		sec, nsec   uint32
	}{
		{"EventTime", "d7 00 6553f100 075bcd15", 1700000000, 123456789},
		{"EventTime as ext 8", "c7 08 00 6553f100 075bcd15", 1700000000, 123456789},
		{"EventTime as ext 32", "c9 00000008 00 6553f100 075bcd15", 1700000000, 123456789},
		{"EventTime of too many nanoseconds", "d7 00 6553f100 ffffffff", 1700000000, 999999999},
		{"EventTime, latest", "d7 00 fffffffd 00000001", 0xfffffffd, 1},
		{"fixint", "7f", 127, 0},
		{"uint 8", "cc 80", 128, 0},
		{"uint 16", "cd 8000", 32768, 0},
		{"uint 32", "ce 6553f100", 1700000000, 0},
		{"uint 64", "cf 000000006553f100", 1700000000, 0},
		{"uint 64 in milliseconds is clamped", "cf 0000018bcfe56800", 0xfffffffd, 0},
		{"uint 64 largest", "cf ffffffffffffffff", 0xfffffffd, 0},
		{"int 32", "d2 6553f100", 1700000000, 0},
		{"int 64", "d3 000000006553f100", 1700000000, 0},
		{"before 1970", "d0 80", 0, 0},
		{"float64", "cb 41d954fc40000000", 1700000000 + 0, 0},
		{"float64 with fraction", "cb 41d954fc40200000", 1700000000, 500000000},
		{"float32", "ca 3fc00000", 1, 500000000},
		{"float rounded up to a second", "cb 3fefffffffffffff", 1, 0},
		{"float before 1970", "cb bff8000000000000", 0, 0},
		{"float NaN", "cb 7ff8000000000000", 0, 0},
		{"float Infinity", "cb 7ff0000000000000", 0xfffffffd, 0},
		{"float -Infinity", "cb fff0000000000000", 0, 0},
		{"float too late", "cb 41efffffffd00000", 0xfffffffd, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			stamp, err := hex.DecodeString(strings.ReplaceAll(c.stamp, " ", ""))
			require.NoError(t, err)
			record := append([]byte{0x81, 0xa1, 'k', 0xa1, 'v'}, make([]byte, 0)...)
			old := append(append([]byte{0x92}, stamp...), record...)
			newer := append(append(append([]byte{0x92, 0x92}, stamp...), 0x80), record...)
			wide := append(append(append([]byte{0xdc, 0, 2, 0xdd, 0, 0, 0, 2}, stamp...), 0xde, 0, 0), record...)
			for _, chunk := range [][]byte{old, newer, wide} {
				logs, err := logsOf(t, chunk, EncodeOptions{})
				require.NoError(t, err)
				require.Len(t, logs, 1)
				require.Equal(t, c.sec, logs[0].GetTime())
				require.Equal(t, c.nsec, logs[0].GetTimeNs())
				requireOracle(t, chunk, EncodeOptions{})
			}
		})
	}
}

func TestReaderEvent(t *testing.T) {
	chunk := []byte{0x01} // no event
	chunk = append(chunk, 0x92, 0x92, 0xd7, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0x81, 0xa1, 'm', 1, 0x81, 0xa1, 'k', 2)
	chunk = append(chunk, 0x92, 7, 0x80)
	var r Reader
	r.Reset(chunk, EncodeOptions{})
	require.Equal(t, Event{}, r.Event())
	out, err := r.Next(nil)
	require.NoError(t, err)
	e := r.Event()
	require.Equal(t, Event{
		Sec: 5, Nsec: 6, Metadata: []byte{0x81, 0xa1, 'm', 1}, Record: []byte{0x81, 0xa1, 'k', 2}, Offset: 1, Size: 20,
	}, e)
	require.Equal(t, int64(5_000_000_006), e.Time().UnixNano())
	require.Equal(t, len(e.Record), cap(e.Record))
	require.Equal(t, len(e.Metadata), cap(e.Metadata))
	n, first := r.Skipped()
	require.Equal(t, 1, n)
	require.Equal(t, SkippedValue{Offset: 0, Reason: notArray}, first)

	out, err = r.Next(out)
	require.NoError(t, err)
	require.Equal(t, Event{Sec: 7, Record: []byte{0x80}, Offset: 21, Size: 3}, r.Event())
	size, err := NextLog(out)
	require.NoError(t, err)
	require.Equal(t, []byte{0x0a, 7, 0x08, 7, 0x25, 0, 0, 0, 0}, out[size:], "an empty record is a Log without contents")
}

func TestReaderSkipsWhatIsNoEvent(t *testing.T) {
	good := []byte{0x92, 7, 0x81, 0xa1, 'k', 0xa1, 'v'}
	for name, value := range map[string]string{
		notArray:           "01", // and every other scalar
		notArray + " (1)":  "91 07",
		notArray + " (3)":  "93 07 80 80",
		notHeader:          "92 91 07 80",
		notTimestamp:       "92 a161 80",
		notTimestamp + ".": "92 d7 01 0000000000000000 80",
		notMetadata:        "92 92 07 c0 80",
		notRecord:          "92 07 90",
		notRecord + ".":    "92 92 07 80 c0",
	} {
		t.Run(name, func(t *testing.T) {
			bad, err := hex.DecodeString(strings.ReplaceAll(value, " ", ""))
			require.NoError(t, err)
			chunk := append(append(append(bytes.Clone(good), bad...), good...), bad...)
			var r Reader
			out, err := readAll(&r, nil, chunk, EncodeOptions{})
			require.NoError(t, err)
			n, first := r.Skipped()
			require.Equal(t, 2, n)
			require.Equal(t, len(good), first.Offset)
			require.True(t, strings.HasPrefix(name, first.Reason))
			size, err := NextLog(out)
			require.NoError(t, err)
			require.Equal(t, out[:size], out[size:])
			requireOracle(t, chunk, EncodeOptions{})
			r.Reset(chunk[:1], EncodeOptions{})
			n, _ = r.Skipped()
			require.Zero(t, n)
		})
	}
}

// mixedChunk has every kind of value, near the chunk's end too.
func mixedChunk(t testing.TB) []byte {
	t.Helper()
	w := newChunkWriter(t)
	w.buf.Write(groupChunk(t))
	w.newEvent(1700000000, 5)
	kubernetesRecord(newRand(), w)
	w.buf.Write([]byte{0x92, 0xcb, 0x41, 0xd9, 0x54, 0xfc, 0x40, 0x20, 0, 0})
	w.value(map[string]any{"f": 1.5})
	w.newEvent(1700000001, 5)
	require.NoError(t, w.enc.EncodeMapLen(6))
	for _, v := range []any{
		"bin",
		[]byte{1, 0xff},
		"nil", nil, 5, true, "long", strings.Repeat("é", 200),
		"nested",
		[]any{1.25, []any{"x\n"}, map[string]any{"y": -7}},
		"last", "z",
	} {
		w.value(v)
	}
	return w.buf.Bytes()
}
