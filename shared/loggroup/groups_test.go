package loggroup

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// groupChunk is two records in a group, one behind it, one in a second group that
// a third replaces. Markers as Fluent Bit's OpenTelemetry input writes them, and
// as integers.
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
	w.buf.Write([]byte{0x92, 0xff}) // -1
	w.strs("a", "1")
	w.buf.Write([]byte{0x92, 0xce, 0xff, 0xff, 0xff, 0xff})
	w.strs("b", "2")
	record("four")
	w.buf.Write([]byte{0x92, 0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0x80}) // -2
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
			"log=one " + attributes, "log=two " + attributes, "log=three", "log=four __group__.b=2", "log=five",
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
	require.Equal(t, []byte{0x0a, 2, 0x08, 7}, out)
}
