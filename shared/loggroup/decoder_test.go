package loggroup

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// oracleEvents are the events of a list by the SDK's types and msgpack/v5.
func oracleEvents(tb testing.TB, list *sls.LogGroupList, meta bool) (events []byte, count int) {
	tb.Helper()
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	for _, g := range list.LogGroups {
		for _, log := range g.Logs {
			sec, nsec := log.GetTime(), min(log.GetTimeNs(), 999999999)
			if sec > 0xfffffffd {
				sec, nsec = 0xfffffffd, 0
			}
			buf.Write([]byte{0x92, 0x92, 0xd7, 0})
			_ = binary.Write(&buf, binary.BigEndian, []uint32{sec, nsec})
			buf.WriteByte(0x80)
			pairs := oraclePairs(g, log, meta)
			require.NoError(tb, enc.EncodeMapLen(len(pairs)/2))
			for _, s := range pairs {
				require.NoError(tb, enc.EncodeString(strings.ToValidUTF8(s, "\uFFFD")))
			}
			count++
		}
	}
	return buf.Bytes(), count
}

func oraclePairs(g *sls.LogGroup, log *sls.Log, meta bool) []string {
	var pairs []string
	for _, c := range log.Contents {
		pairs = append(pairs, c.GetKey(), c.GetValue())
	}
	if !meta {
		return pairs
	}
	for _, t := range g.LogTags {
		pairs = append(pairs, "__tag__:"+t.GetKey(), t.GetValue())
	}
	return append(pairs, "__topic__", g.GetTopic(), "__source__", g.GetSource())
}

// requireListOracle checks everything AppendList promises about a list's bytes.
func requireListOracle(t *testing.T, list []byte, d *Decoder) {
	t.Helper()
	list = bytes.Clone(list)
	list = list[:len(list):len(list)]
	before := bytes.Clone(list)
	prefix := []byte("what is there already")

	out, n, err := d.AppendList(bytes.Clone(prefix), list)
	require.Equal(t, before, list)
	require.True(t, bytes.HasPrefix(out, prefix))
	out = out[len(prefix):]
	var sdk sls.LogGroupList
	sdkErr := sdk.Unmarshal(list)
	if sdkErr == nil {
		require.NoError(t, err)
		want, count := oracleEvents(t, &sdk, d.IncludeMeta)
		requireBytes(t, want, out)
		require.Equal(t, count, n)
	} else {
		var bad *CorruptError
		require.ErrorAs(t, err, &bad, "the SDK says %v", sdkErr)
		require.LessOrEqual(t, bad.Offset, len(list))
	}
	// Whole events only, whatever the end.
	for range n {
		size, err := NextEvent(out)
		require.NoError(t, err)
		out = out[size:]
	}
	require.Empty(t, out)
}

// bothWays checks a list with and without metadata, with Decoders used before.
func bothWays(t *testing.T, list []byte) {
	t.Helper()
	for _, meta := range []bool{false, true} {
		d := Decoder{IncludeMeta: meta}
		requireListOracle(t, list, &d)
		requireListOracle(t, list, &d)
	}
}

func TestDecoderEqualsSDK(t *testing.T) {
	for _, set := range dataSets(t, testSize) {
		for _, perGroup := range []int{1, 7, 4096} {
			list := set.list(t, perGroup)
			for _, meta := range []bool{false, true} {
				requireListOracle(t, list, &Decoder{IncludeMeta: meta})
			}
		}
	}
}

func TestDecoderTakes(t *testing.T) {
	for name, group := range decodable() {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, new(sls.LogGroup).Unmarshal(group))
			bothWays(t, asList(group))
			// Again with much behind it, for the steady path's sake.
			bothWays(t, asList(group, group, logField(0x08, 1, string(content("k", strings.Repeat("v", 99))))))
		})
	}
}

func TestDecoderExample(t *testing.T) {
	group := slices.Concat(
		logField(0x08, fiveBytes, string(content("method", "GET")), 0x25, "\x15\xcd\x5b\x07"),
		pb(0x1a, []byte("access"), 0x22, []byte("10.0.0.1")), tagField("host", "web-1"))
	d := Decoder{IncludeMeta: true}
	out, n, err := d.AppendEvents(nil, group)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, "9292d7006553f100075bcd1580", hex.EncodeToString(out[:eventHeadSize]))
	var record map[string]string
	require.NoError(t, msgpack.Unmarshal(out[eventHeadSize:], &record))
	require.Equal(t, map[string]string{
		"method": "GET", "__topic__": "access", "__source__": "10.0.0.1", "__tag__:host": "web-1",
	}, record)
}

// What is wrong, where that is found, and how many events precede it.
func TestDecoderRefuses(t *testing.T) {
	good := logField(0x08, 1, string(content("k", "v"))) // 12 bytes
	require.Len(t, good, 12)
	for name, c := range map[string]struct {
		bad    []byte
		at     int
		reason string
	}{
		"no time":                  {logField(string(content("k", "v"))), 2, reasonNoTime},
		"no key":                   {logField(0x08, 1, 0x12, pb(0x12, []byte("v"))), 4, reasonNoKey},
		"no value":                 {logField(0x08, 1, 0x12, pb(0x0a, []byte("k"))), 4, reasonNoValue},
		"empty content":            {logField(0x08, 1, 0x12, 0), 4, reasonNoKey},
		"tag without value":        {pb(0x32, pb(0x0a, []byte("k"))), 0, reasonNoValue},
		"time is a string":         {logField(0x0a, []byte("x")), 2, reasonWireType},
		"contents is a number":     {logField(0x08, 1, 0x10, 1), 4, reasonWireType},
		"nanoseconds as varint":    {logField(0x08, 1, 0x20, 1), 4, reasonWireType},
		"key is a number":          {logField(0x08, 1, 0x12, pb(0x08, 1)), 6, reasonWireType},
		"log is a number":          {pb(0x08, 1), 0, reasonWireType},
		"topic is a number":        {pb(0x18, 1), 0, reasonWireType},
		"category is a fixed32":    {pb(0x15, "1234"), 0, reasonWireType},
		"tag is a number":          {pb(0x30, 1), 0, reasonWireType},
		"field number 0":           {pb(0x02, 0), 0, reasonTag},
		"field number beyond 2^31": {pb(proto.EncodeVarint(1<<34), 0)[1:], 0, reasonTag},
		"wire type 6":              {pb(0x3e), 0, reasonTag},
		"end of no group":          {pb(0x3c), 0, reasonGroupEnd},
		"group without end":        {pb(0x3b, 0x08, 1), 0, reasonTruncated},
		"varint without end":       {pb(0x38, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0, reasonVarint},
		"log longer than group":    {pb(0x0a, 5, 0x08, 1), 0, reasonTruncated},
		"length of 2^64-1":         {pb(0x0a, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1), 0, reasonTruncated},
		"content longer than log":  {logField(0x08, 1, 0x12, 9, 0x0a, 1, "k", 0x12, 1, "v"), 4, reasonTruncated},
		"key longer than content":  {logField(0x08, 1, 0x12, pb(0x0a, 9, "k", 0x12, 1, "v")), 6, reasonTruncated},
		"value longer than content": {
			slices.Concat(logField(0x08, 1, 0x12, pb(0x0a, 1, "k", 0x12, 2, "v"), 0x12, pb()), good, good), 9, reasonTruncated,
		},
		"fixed32 cut off": {logField(0x08, 1, 0x25, "123"), 4, reasonTruncated},
		"fixed64 cut off": {pb(0x39, "1234567"), 0, reasonTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "content longer than log" || name == "value longer than content" {
				c.bad = fixLengths(name, good)
			}
			group := slices.Concat(good, c.bad)
			for _, meta := range []bool{false, true} {
				d := Decoder{IncludeMeta: meta}
				out, n, err := d.AppendEvents(nil, group)
				require.Equal(t, 1, n)
				require.Equal(t, &CorruptError{Offset: len(good) + c.at, Reason: c.reason}, err)
				size, err := NextEvent(out)
				require.NoError(t, err)
				require.Len(t, out, size)

				head := asList(good)
				list := slices.Concat(head, asList(group))
				_, n, err = d.AppendList(nil, list)
				require.Equal(t, 2, n)
				base := len(list) - len(group)
				require.Equal(t, &CorruptError{Offset: base + len(good) + c.at, Reason: c.reason}, err)
			}
			bothWays(t, asList(group))
		})
	}
}

// fixLengths makes the two cases whose inner length is wrong on purpose.
func fixLengths(name string, good []byte) []byte {
	if name == "content longer than log" {
		return slices.Concat(pb(0x0a, 8, 0x08, 1, 0x12, 7, 0x0a, 1, "k", 0x12), good, good)
	}
	return slices.Concat(pb(0x0a, 10, 0x08, 1, 0x12, 6, 0x0a, 1, "k", 0x12, 2, "v"), good, good)
}

func smallList(t *testing.T) []byte {
	t.Helper()
	group := slices.Concat(
		logField(0x08, fiveBytes, string(content("method", "GET")), string(content("path", strings.Repeat("/é", 99))),
			0x25, "\x15\xcd\x5b\x07"),
		logField(0x08, fiveBytes, string(content("a", "b")), string(content("c", ""))),
		pb(0x1a, []byte("access"), 0x22, []byte("10.0.0.1")), tagField("host", "web-1"),
		pb(0x3b, 0x08, 1, 0x3c))
	return asList(group, group)
}

func TestDecoderTruncatedAnywhere(t *testing.T) {
	list := smallList(t)
	for n := range len(list) + 1 {
		bothWays(t, list[:n])
		bothWays(t, asList(list[3:max(3, n)])) // the same inside a group
	}
}

func TestDecoderCorruptAnywhere(t *testing.T) {
	list := smallList(t)
	codes := []byte{0x00, 0x08, 0x0a, 0x12, 0x25, 0x7f, 0x80, 0xff}
	for i := range list {
		for _, c := range []byte{codes[i%4], codes[4+i%4]} {
			bad := bytes.Clone(list)
			bad[i] = c
			bothWays(t, bad)
		}
	}
}

func TestDecoderTooLarge(t *testing.T) {
	require.NoError(t, checkGroupSize(1<<30))
	require.Equal(t, corrupt(0, reasonTooLarge), checkGroupSize(1<<30+1))
}

func TestDecoderAllocatesNothing(t *testing.T) {
	for _, set := range dataSets(t, testSize) {
		for _, meta := range []bool{false, true} {
			list := set.list(t, 100)
			d := Decoder{IncludeMeta: meta}
			out, _, err := d.AppendList(nil, list)
			require.NoError(t, err)
			require.Zero(t, testing.AllocsPerRun(5, func() {
				out, _, err = d.AppendList(out[:0], list)
			}), set.name)
			require.NoError(t, err)
		}
	}
}
