package loggroup

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// groupChunk is two records in a group, one behind it, one in a second group that
// a third replaces. Markers are as Fluent Bit's OpenTelemetry input writes them.
func groupChunk(t testing.TB) []byte {
	t.Helper()
	w := newChunkWriter(t)
	record := func(v string) {
		w.newEvent(100, 1)
		w.strs("log", v)
	}
	w.buf.Write([]byte{0x92, 0x92})
	w.eventTime(0xffffffff, 0)
	require.NoError(t, w.enc.EncodeMapLen(2))
	w.str("schema")
	w.str("otlp")
	w.str("resource_id")
	w.value(0)
	require.NoError(t, w.enc.EncodeMapLen(1))
	w.str("resource")
	require.NoError(t, w.enc.EncodeMapLen(1))
	w.str("attributes")
	w.strs("service.name", "checkout")
	record("one")
	record("two")
	w.newEvent(0xfffffffe, 0)
	w.buf.WriteByte(0x80)
	record("three")
	for _, key := range []string{"a", "b"} {
		w.buf.Write([]byte{0x92, 0x92, 0xc7, 8, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
		w.strs("schema", "otlp")
		w.strs(key, "1")
	}
	record("four")
	w.newEvent(0xfffffffe, 0)
	w.strs("put", "there by a processor")
	record("five")
	return w.buf.Bytes()
}

func TestReaderGroups(t *testing.T) {
	chunk := groupChunk(t)
	attributes := "__group__.schema=otlp __group__.resource_id=0 " +
		`__group__.resource={"attributes":{"service.name":"checkout"}}`
	for _, c := range []struct {
		opts EncodeOptions
		want []string
	}{
		{EncodeOptions{}, []string{"log=one", "log=two", "log=three", "log=four", "log=five"}},
		{EncodeOptions{GroupAttributes: true}, []string{
			"log=one " + attributes, "log=two " + attributes, "log=three", "log=four __group__.schema=otlp __group__.b=1", "log=five",
		}},
	} {
		logs, err := logsOf(t, chunk, c.opts)
		require.NoError(t, err)
		var got []string
		for _, log := range logs {
			var pairs []string
			for _, p := range log.Contents {
				pairs = append(pairs, p.GetKey()+"="+p.GetValue())
			}
			got = append(got, strings.Join(pairs, " "))
		}
		require.Equal(t, c.want, got)
	}
	for _, opts := range allOptions {
		requireOracle(t, chunk, opts)
	}
	var r Reader // a group ends with its chunk
	_, err := readAll(&r, nil, chunk[:bytes.Index(chunk, []byte("two"))+3], EncodeOptions{GroupAttributes: true})
	require.NoError(t, err)
	out, err := readAll(&r, nil, []byte{0x92, 7, 0x80}, EncodeOptions{GroupAttributes: true})
	require.NoError(t, err)
	require.Equal(t, []byte{0x0a, 7, 0x08, 7, 0x25, 0, 0, 0, 0}, out)
}

// Events of the two seconds that mark groups are events: all but what Fluent Bit itself
// makes. Nothing of theirs gets into another record.
func TestReaderEventsAtTheSecondsOfMarkers(t *testing.T) {
	stamp := func(sec, nsec uint32) []byte {
		b := binary.BigEndian.AppendUint32([]byte{0xd7, 0}, sec)
		return binary.BigEndian.AppendUint32(b, nsec)
	}
	const start, end = 0xffffffff, 0xfffffffe
	otlp := packed(t, "otlp", map[string]any{"trace_flags": 0})
	for name, c := range map[string]struct {
		stamp, meta []byte
		sec         uint32
	}{
		"start's second":                   {stamp(start, 0), packed(t), maxSec},
		"start's second, metadata":         {stamp(start, 0), otlp, maxSec},
		"start's second, nanoseconds":      {stamp(start, 7), packed(t, "schema", "otlp"), maxSec},
		"start's second, no metadata":      {stamp(start, 0), nil, maxSec},
		"end's second, outside of a group": {stamp(end, 0), packed(t), maxSec},
		"end's second, nanoseconds":        {stamp(end, 7), packed(t), maxSec},
		"end's second, no metadata":        {stamp(end, 0), nil, maxSec},
		"-1":                               {[]byte{0xff}, packed(t, "schema", "otlp"), 0},
		"-2":                               {[]byte{0xfe}, packed(t), 0},
		"4294967295":                       {[]byte{0xce, 0xff, 0xff, 0xff, 0xff}, packed(t, "schema", "otlp"), maxSec},
		"4294967295.0":                     {[]byte{0xcb, 0x41, 0xef, 0xff, 0xff, 0xff, 0xe0, 0, 0}, packed(t, "schema", "otlp"), maxSec},
		"-1.0":                             {[]byte{0xcb, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0}, packed(t, "schema", "otlp"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			chunk := append([]byte{0x92, 0x92}, append(bytes.Clone(c.stamp), c.meta...)...)
			if c.meta == nil {
				chunk = append([]byte{0x92}, c.stamp...)
			}
			chunk = append(chunk, packed(t, "log", "odd")...)
			chunk = append(chunk, eventOf(t, packed(t), packed(t, "log", "next"))...)
			opts := EncodeOptions{GroupAttributes: true}
			require.Equal(t, []string{"log=odd", "log=next"}, chosen(t, chunk, opts, ContentOptions{}))
			logs, err := logsOf(t, chunk, opts)
			require.NoError(t, err)
			require.Equal(t, c.sec, logs[0].GetTime())
			require.Zero(t, logs[0].GetTimeNs())
			requireOracle(t, chunk, EncodeOptions{GroupAttributes: true})
		})
	}
	// From OpenTelemetry, in a group: its own metadata tells it from the group's end.
	chunk := bytes.Clone(groupChunk(t))
	chunk = chunk[:bytes.Index(chunk, []byte("one"))+3]
	chunk = append(chunk, 0x92, 0x92)
	chunk = append(append(append(chunk, stamp(end, 0)...), otlp...), packed(t, "log", "odd")...)
	chunk = append(chunk, eventOf(t, packed(t), packed(t, "log", "next"))...)
	const attributes = ` __group__.schema=otlp __group__.resource_id=0 __group__.resource={"attributes":{"service.name":"checkout"}}`
	require.Equal(t, []string{"log=one" + attributes, "log=odd" + attributes, "log=next" + attributes},
		chosen(t, chunk, EncodeOptions{GroupAttributes: true}, ContentOptions{}))
}
