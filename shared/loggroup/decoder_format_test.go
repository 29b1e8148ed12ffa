package loggroup

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// richEvent is an event as msgpack/v5 reads it.
type richEvent struct {
	meta, record map[string]any
}

func richEvents(t *testing.T, events []byte) []richEvent {
	t.Helper()
	var out []richEvent
	d := msgpack.NewDecoder(bytes.NewReader(events))
	for {
		if _, err := d.DecodeArrayLen(); err != nil {
			require.ErrorIs(t, err, io.EOF)
			return out
		}
		n, err := d.DecodeArrayLen()
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.NoError(t, d.Skip())
		var e richEvent
		require.NoError(t, d.Decode(&e.meta))
		require.NoError(t, d.Decode(&e.record))
		out = append(out, e)
	}
}

func group(logs ...[]byte) []byte {
	var g []byte
	for _, l := range logs {
		g = append(g, l...)
	}
	return append(g, pb(0x1a, []byte("orders"), 0x22, []byte("10.0.0.1"), string(tagField("zone", "b")))...)
}

func TestDecoderPosition(t *testing.T) {
	log := logField(0x08, 1, string(content("k", "v")))
	list := asList(group(log, log), group(log))
	d := Decoder{Position: &Position{Project: "p", Logstore: "l", Shard: 7}}
	d.SetCursor(9)
	for range 2 { // the second list goes on behind the first
		got, n, err := d.AppendList(nil, list)
		require.NoError(t, err)
		require.Equal(t, 3, n)
		events := richEvents(t, got)
		for i, want := range []struct {
			cursor string
			index  int
		}{{"OQ==", 0}, {"OQ==", 1}, {"MTA=", 0}} {
			require.Empty(t, events[i].meta)
			require.Equal(t, map[string]any{
				"k": "v", "__project__": "p", "__logstore__": "l", "__shard__": "7",
				"__cursor__": want.cursor, "__id__": fmt.Sprintf("7|%s|%d", want.cursor, want.index),
			}, events[i].record)
		}
		d.SetCursor(9)
	}
	d.SetPullCursor("pull")
	got, _, err := d.AppendList(nil, list)
	require.NoError(t, err)
	for i, e := range richEvents(t, got) {
		require.Equal(t, "pull", e.record["__cursor__"])
		require.Equal(t, "7|pull|"+strconv.Itoa(i), e.record["__id__"])
	}
}

// A group that cannot be read counts, too: what follows keeps its cursor.
func TestDecoderPositionBehindACorruptGroup(t *testing.T) {
	d := Decoder{Position: &Position{}}
	d.SetCursor(9)
	_, _, err := d.AppendEvents(nil, []byte{0x0a, 5})
	require.Error(t, err)
	got, _, err := d.AppendEvents(nil, group(logField(0x08, 1)))
	require.NoError(t, err)
	require.Equal(t, "MTA=", richEvents(t, got)[0].record["__cursor__"])
}

func TestDecoderInMetadata(t *testing.T) {
	log := logField(0x08, 1, string(content("k", "v")))
	d := Decoder{IncludeMeta: true, InMetadata: true, Position: &Position{Project: "p"}}
	got, _, err := d.AppendEvents(nil, group(log))
	require.NoError(t, err)
	e := richEvents(t, got)[0]
	require.Equal(t, map[string]any{"k": "v"}, e.record)
	require.Equal(t, map[string]any{
		"__topic__": "orders", "__source__": "10.0.0.1", "__tag__:zone": "b", "__project__": "p",
		"__logstore__": "", "__shard__": "0", "__cursor__": "MA==", "__id__": "0|MA==|0",
	}, e.meta)

	many := log
	for i := range 20 { // a map with a longer head
		many = append(many, tagField("t"+strconv.Itoa(i), "x")...)
	}
	got, _, err = (&Decoder{IncludeMeta: true, InMetadata: true}).AppendEvents(nil, many)
	require.NoError(t, err)
	require.Len(t, richEvents(t, got)[0].meta, 22)

	got, _, err = (&Decoder{InMetadata: true}).AppendEvents(nil, group(log))
	require.NoError(t, err)
	plain, _, err := (&Decoder{}).AppendEvents(nil, group(log))
	require.NoError(t, err)
	require.Equal(t, plain, got, "nothing to add is the usual event")
}

func TestDecoderRaw(t *testing.T) {
	log := logField(0x08, 1, string(content("k", "v")), string(content("k", "a\"\n日")), string(content("", "")))
	for _, long := range []string{"", strings.Repeat("x", 300), strings.Repeat("x", 1<<16)} {
		log := append([]byte(nil), log...)
		if long != "" {
			log = logField(0x08, 1, string(content("k", long)))
		}
		d := Decoder{Format: FormatRaw, IncludeMeta: true}
		got, _, err := d.AppendEvents(nil, group(log))
		require.NoError(t, err)
		record := richEvents(t, got)[0].record
		require.Equal(t, "orders", record["__topic__"])
		if long == "" {
			require.Equal(t, `{"k":"v","k":"a\"\n日","":""}`, record["log"])
		} else {
			require.Equal(t, `{"k":"`+long+`"}`, record["log"])
		}
		require.Len(t, record, 4)
	}
	got, _, err := (&Decoder{Format: FormatRaw}).AppendEvents(nil, logField(0x08, 1))
	require.NoError(t, err)
	require.Equal(t, map[string]any{"log": "{}"}, richEvents(t, got)[0].record)
}

func TestDecoderJSON(t *testing.T) {
	log := logField(0x08, 1, string(content("a", ` {"x":[1,-2,3.5]}`)), string(content("b", "[true")), string(content("n", "7")))
	d := Decoder{Format: FormatJSON}
	got, _, err := d.AppendEvents(nil, log)
	require.NoError(t, err)
	want := map[string]any{"a": map[string]any{"x": []any{int8(1), int8(-2), 3.5}}, "b": "[true", "n": "7"}
	require.Equal(t, want, richEvents(t, got)[0].record)

	d.JSONKeys = map[string]bool{"n": true, "b": true}
	got, _, err = d.AppendEvents(nil, log)
	require.NoError(t, err)
	want = map[string]any{"a": ` {"x":[1,-2,3.5]}`, "b": "[true", "n": int8(7)}
	require.Equal(t, want, richEvents(t, got)[0].record)
}

// Everything that can be added, on the steady path, without an allocation.
func TestDecoderFormatsAllocateNothing(t *testing.T) {
	log := logField(0x08, fiveBytes, 0x25, "1234", string(content("k", "v")),
		string(content("j", `{"a":[1,2.5,-300,"x\ny",null,true,1e3],"b":{"c":"日"}}`)))
	list := asList(group(log, log), group(log))
	for _, format := range []Format{FormatFlat, FormatJSON, FormatRaw} {
		for _, inMetadata := range []bool{false, true} {
			d := Decoder{
				Format: format, InMetadata: inMetadata, IncludeMeta: true, JSONKeys: map[string]bool{"j": true},
				Position: &Position{Project: "p", Logstore: "l", Shard: 12},
			}
			out := make([]byte, 0, 1<<16)
			require.Zero(t, testing.AllocsPerRun(100, func() {
				d.SetCursor(1713846769287552392)
				out, _, _ = d.AppendList(out[:0], list)
			}), "format %d", format)
		}
	}
}

// FuzzDecoderFormats: every format takes what the flat decoder takes, and makes as many
// events of it, each a whole value.
func FuzzDecoderFormats(f *testing.F) {
	for _, group := range decodable() {
		if len(group) < 10_000 {
			f.Add(group, byte(7))
		}
	}
	f.Add(group(logField(0x08, 1, string(content("j", `{"a":[1]}`)))), byte(1))
	f.Fuzz(func(t *testing.T, group []byte, how byte) {
		d := Decoder{Format: Format(how % 3), InMetadata: how&4 != 0, IncludeMeta: how&8 != 0}
		if how&16 != 0 {
			d.Position = &Position{Project: "p", Logstore: "l", Shard: int(how)}
		}
		_, want, wantErr := (&Decoder{}).AppendEvents(nil, group)
		got, n, err := d.AppendEvents(nil, group)
		require.Equal(t, want, n)
		require.Equal(t, wantErr, err)
		for range n {
			size, err := NextEvent(got)
			require.NoError(t, err)
			got = got[size:]
		}
		require.Empty(t, got)
	})
}
