package loggroup

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

func TestListReader(t *testing.T) {
	list := slices.Concat(asList([]byte("one")), pb(0x10, 7), asList(nil, []byte("two")))
	var r ListReader
	_, err := r.Next()
	require.ErrorIs(t, err, io.EOF)
	r.Reset(list)
	var got []string
	var offsets []int
	for {
		group, err := r.Next()
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		require.Equal(t, len(group), cap(group))
		got, offsets = append(got, string(group)), append(offsets, r.off-len(group))
	}
	require.Equal(t, []string{"one", "", "two"}, got)
	require.Equal(t, []int{2, 9, 11}, offsets)

	for _, bad := range [][]byte{pb(0x0a, 4, "one"), pb(0x08, 1), pb(0x0a), pb(0x00, 1)} {
		r.Reset(slices.Concat(asList([]byte("one")), bad))
		_, err := r.Next()
		require.NoError(t, err)
		_, err = r.Next()
		var corrupt *CorruptError
		require.ErrorAs(t, err, &corrupt)
		require.Equal(t, 5, corrupt.Offset)
		_, again := r.Next()
		require.Equal(t, err, again)
	}
}

func TestAppendGroupFields(t *testing.T) {
	f := func(topic, source string, tags ...Tag) {
		t.Helper()
		g := &sls.LogGroup{}
		if topic != "" {
			g.Topic = proto.String(strings.ToValidUTF8(topic, "\uFFFD"))
		}
		if source != "" {
			g.Source = proto.String(source)
		}
		for _, tag := range tags {
			g.LogTags = append(g.LogTags, &sls.LogTag{
				Key: proto.String(tag.Key), Value: proto.String(strings.ToValidUTF8(tag.Value, "\uFFFD")),
			})
		}
		want, err := proto.Marshal(g)
		require.NoError(t, err)
		got := AppendGroupFields([]byte("before"), topic, source, tags)
		requireBytes(t, append([]byte("before"), want...), got)
	}
	f("", "")
	f("access", "10.0.0.1")
	f("", "10.0.0.1", Tag{"host", "web-1"}, Tag{"", ""}, Tag{"host", "web-2"})
	f("bad\xff\xfe", "", Tag{"k", "\xff"})
	f(strings.Repeat("t", 300), "s", Tag{"k", strings.Repeat("v", 20_000)})
	tags := []Tag{{"host", "web-1"}}
	buf := make([]byte, 0, 256)
	require.Zero(t, testing.AllocsPerRun(5, func() { buf = AppendGroupFields(buf[:0], "t", "s", tags) }))
}

// What is written can be read back: chunk -> LogGroup -> events are the events of
// the chunk when all its values are strings.
func TestRoundTrip(t *testing.T) {
	for _, set := range dataSets(t, testSize) {
		if set.name == "kubernetes" {
			continue // has values that become text
		}
		var d Decoder
		out, n, err := d.AppendList(nil, set.list(t, 333))
		require.NoError(t, err)
		require.Equal(t, set.events, n)
		require.True(t, bytes.Equal(set.chunk, out))
	}
}

func TestNextEventAndNextLog(t *testing.T) {
	_, err := NextEvent(nil)
	require.Equal(t, &CorruptError{Offset: 0, Reason: reasonTruncated}, err)
	_, err = NextEvent([]byte{0x92, 1})
	require.Equal(t, &CorruptError{Offset: 0, Reason: reasonTooMany}, err)
	n, err := NextEvent([]byte{0x92, 1, 0x81, 0xa1, 'k', 0xc4, 1, 0, 0x92})
	require.NoError(t, err)
	require.Equal(t, 8, n)
	_, err = NextLog(nil)
	require.Equal(t, &CorruptError{Offset: 0, Reason: reasonTruncated}, err)
	n, err = NextLog([]byte{0x0a, 2, 0x08, 1, 0x0a})
	require.NoError(t, err)
	require.Equal(t, 4, n)
}

// AppendList is AppendEvents for every group of list, for a Decoder without Most; the
// error's offset is counted from the list's start. It stops at the first error.
func (d *Decoder) AppendList(dst, list []byte) ([]byte, int, error) {
	var r ListReader
	r.Reset(list)
	total := 0
	for {
		group, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dst, total, nil
		}
		if err != nil {
			return dst, total, err
		}
		var n int
		dst, n, err = d.AppendEvents(dst, group)
		total += n
		if err != nil {
			var bad *CorruptError
			if errors.As(err, &bad) {
				err = corrupt(r.off-len(group)+bad.Offset, bad.Reason)
			}
			return dst, total, err
		}
	}
}
