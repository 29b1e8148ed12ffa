package loggroup

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// chosen are the contents of the Logs of a chunk as text, and those Logs.
func chosen(t *testing.T, chunk []byte, opts EncodeOptions, o ContentOptions) []string {
	t.Helper()
	var err error
	opts.Content, err = NewContent(o)
	require.NoError(t, err)
	logs, err := logsOf(t, chunk, opts)
	require.NoError(t, err)
	var out []string
	for _, log := range logs {
		var pairs []string
		for _, c := range log.Contents {
			pairs = append(pairs, c.GetKey()+"="+c.GetValue())
		}
		out = append(out, strings.Join(pairs, " "))
	}
	requireChosen(t, chunk, opts, o)
	return out
}

// eventOf is an event at 1700000000.123456789 with metadata and record.
func eventOf(t testing.TB, meta, record []byte) []byte {
	t.Helper()
	w := newChunkWriter(t)
	w.buf.Write([]byte{0x92, 0x92})
	w.eventTime(1_700_000_000, 123_456_789)
	return append(append(w.buf.Bytes(), meta...), record...)
}

// metaEvent is what in_sls makes with include_meta, in a record.
func metaEvent(t testing.TB) []byte {
	t.Helper()
	return eventOf(t, []byte{0x80}, packed(t, "msg", "hello", "__tag__:host", "web-1", "__tag__:__pack_id__", "5F-1",
		"__topic__", "access", "__source__", "10.0.0.1", "__time__", "1650000000.5"))
}

func kubernetesEvent(t testing.TB) []byte {
	t.Helper()
	return eventOf(t, packed(t, "m", 1, "nested", map[string]any{"x": []any{1}}), packed(t,
		"log", "line", "time", "t", "n", 7, "list", []any{1, map[string]any{"a": 2}}, "empty", map[string]any{},
		"kubernetes", map[string]any{"labels": map[string]string{"app": "web"}}, "log", "again"))
}

func TestContentOptions(t *testing.T) {
	const record = `log=line time=t n=7 list=[1,{"a":2}] empty={} `
	const whole = record + `kubernetes={"labels":{"app":"web"}} log=again`
	paths := func(paths ...string) (out [][]string) {
		for _, p := range paths {
			out = append(out, strings.Split(p, "/"))
		}
		return out
	}
	for name, c := range map[string]struct {
		o    ContentOptions
		want string
	}{
		"nothing":                          {ContentOptions{}, whole},
		"log key, the last counts":         {ContentOptions{LogKey: []string{"log"}}, "log=again"},
		"log key of a map":                 {ContentOptions{LogKey: []string{"kubernetes"}}, `labels={"app":"web"}`},
		"log key deeper":                   {ContentOptions{LogKey: []string{"kubernetes", "labels", "app"}}, `app=web`},
		"log key of an array":              {ContentOptions{LogKey: []string{"list"}}, `list=[1,{"a":2}]`},
		"log key of an empty map":          {ContentOptions{LogKey: []string{"empty"}}, ""},
		"log key missing":                  {ContentOptions{LogKey: []string{"message"}}, whole},
		"log key missing below":            {ContentOptions{LogKey: []string{"log", "x"}}, whole},
		"log key missing, a filter":        {ContentOptions{LogKey: []string{"message"}, IncludeKeys: paths("n")}, "n=7"},
		"log key of a map, a filter":       {ContentOptions{LogKey: []string{"kubernetes", "labels"}, ExcludeKeys: paths("app")}, ""},
		"log key and what is added":        {ContentOptions{LogKey: []string{"n"}, TagKey: "n", TimeKey: "log"}, "n=7 log=2023-11-14T22:13:20.123456789Z"},
		"include in the record's order":    {ContentOptions{IncludeKeys: paths("n", "log", "missing")}, "log=line n=7 log=again"},
		"include a path":                   {ContentOptions{IncludeKeys: paths("kubernetes/labels")}, `kubernetes={"labels":{"app":"web"}}`},
		"include a path that is not there": {ContentOptions{IncludeKeys: paths("kubernetes/pod", "empty/x", "log/x")}, ""},
		"include more and less":            {ContentOptions{IncludeKeys: paths("kubernetes/pod", "kubernetes")}, `kubernetes={"labels":{"app":"web"}}`},
		"exclude":                          {ContentOptions{ExcludeKeys: paths("log", "time", "list", "empty")}, `n=7 kubernetes={"labels":{"app":"web"}}`},
		"exclude a path":                   {ContentOptions{ExcludeKeys: paths("kubernetes/labels/app", "n/x")}, record + `kubernetes={"labels":{}} log=again`},
		"include, then exclude":            {ContentOptions{IncludeKeys: paths("log", "kubernetes"), ExcludeKeys: paths("log", "kubernetes/labels")}, `kubernetes={}`},
		"exclude counts for more":          {ContentOptions{IncludeKeys: paths("kubernetes/labels"), ExcludeKeys: paths("kubernetes")}, ""},
		"tag":                              {ContentOptions{TagKey: "tag"}, whole + " tag=kube.app"},
		"tag, in the record already":       {ContentOptions{TagKey: "log"}, whole},
		"time":                             {ContentOptions{TimeKey: "@timestamp"}, whole + " @timestamp=2023-11-14T22:13:20.123456789Z"},
		"time, in the record already":      {ContentOptions{TimeKey: "time"}, whole},
		"time, in the record but not sent": {ContentOptions{TimeKey: "time", ExcludeKeys: paths("time", "log", "list", "empty", "kubernetes")}, "n=7 time=2023-11-14T22:13:20.123456789Z"},
		"time, epoch":                      {ContentOptions{TimeKey: "at", TimeFormat: TimeEpoch}, whole + " at=1700000000"},
		"time, epoch_ms":                   {ContentOptions{TimeKey: "at", TimeFormat: TimeEpochMS}, whole + " at=1700000000123"},
		"flatten":                          {ContentOptions{Flatten: true, Separator: "."}, record + "kubernetes.labels.app=web log=again"},
		"flatten with a separator":         {ContentOptions{Flatten: true, Separator: "__"}, record + "kubernetes__labels__app=web log=again"},
		"flatten and include":              {ContentOptions{Flatten: true, Separator: ".", IncludeKeys: paths("kubernetes/labels", "empty")}, "empty={} kubernetes.labels.app=web"},
		"flatten and exclude":              {ContentOptions{Flatten: true, Separator: ".", ExcludeKeys: paths("kubernetes/labels/app")}, record + "kubernetes.labels={} log=again"},
		"flatten and log key":              {ContentOptions{Flatten: true, Separator: ".", LogKey: []string{"kubernetes"}}, "labels.app=web"},
		"metadata":                         {ContentOptions{Metadata: true, LogKey: []string{"n"}}, `n=7 __metadata__.m=1 __metadata__.nested={"x":[1]}`},
		"metadata flattened":               {ContentOptions{Metadata: true, Flatten: true, Separator: "_", LogKey: []string{"n"}}, `n=7 __metadata__.m=1 __metadata__.nested_x=[1]`},
		"all": {ContentOptions{
			LogKey: []string{"kubernetes"}, ExcludeKeys: paths("x"), TagKey: "tag", TimeKey: "time", TimeFormat: TimeEpochMS,
			Flatten: true, Separator: ".", Metadata: true, RestoreMeta: RestoreRecord,
		}, "labels.app=web __metadata__.m=1 __metadata__.nested.x=[1] tag=kube.app time=1700000000123"},
	} {
		t.Run(name, func(t *testing.T) {
			chunk := kubernetesEvent(t)
			want := []string{c.want}
			require.Equal(t, want, chosen(t, chunk, EncodeOptions{Tag: "kube.app"}, c.o))
			// Near the chunk's end strings take another way.
			chunk = append(chunk, chunk...)
			require.Equal(t, append(want, want...), chosen(t, chunk, EncodeOptions{Tag: "kube.app"}, c.o))
		})
	}
}

func TestContentGroupAttributes(t *testing.T) {
	got := chosen(t, groupChunk(t), EncodeOptions{GroupAttributes: true}, ContentOptions{Flatten: true, Separator: "/", TagKey: "__group__.schema"})
	require.Equal(t, "log=one __group__.schema=otlp __group__.resource_id=0 "+
		"__group__.resource/attributes/service.name=checkout", got[0])
	require.Equal(t, "log=three __group__.schema=", got[2], "behind the group")
}

func TestContentTagIsRepaired(t *testing.T) {
	got := chosen(t, []byte{0x92, 7, 0x80}, EncodeOptions{Tag: "a\xff\xfe" + strings.Repeat("b", 200)}, ContentOptions{TagKey: "é"})
	require.Equal(t, []string{"é=a\uFFFD" + strings.Repeat("b", 200)}, got)
}

// TestContentTagOfEachChunk: a Reader that is used again has the next chunk's tag.
func TestContentTagOfEachChunk(t *testing.T) {
	c, err := NewContent(ContentOptions{TagKey: "tag"})
	require.NoError(t, err)
	var r Reader
	for _, tag := range []string{"first", "second", ""} {
		out, err := readAll(&r, nil, []byte{0x92, 7, 0x80}, EncodeOptions{Content: c, Tag: tag})
		require.NoError(t, err)
		logs, _, err := oracleLogs([]byte{0x92, 7, 0x80}, EncodeOptions{Tag: tag}, ContentOptions{TagKey: "tag"})
		require.NoError(t, err)
		requireBytes(t, marshalled(t, logs), out)
	}
	out, err := readAll(&r, nil, []byte{0x92, 7, 0x80}, EncodeOptions{})
	require.NoError(t, err)
	require.Equal(t, []byte{0x0a, 7, 0x08, 7, 0x25, 0, 0, 0, 0}, out)
}

// TestContentAddedBehindLongKeys: the search for a key steps over keys of any size.
func TestContentAddedBehindLongKeys(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 129, 16383, 16384, 20000} {
		long := strings.Repeat("k", n)
		chunk := eventOf(t, []byte{0x80}, packed(t, long, long, "tag", "mine"))
		got := chosen(t, chunk, EncodeOptions{Tag: "tag"}, ContentOptions{TagKey: "tag"})
		require.Equal(t, []string{long + "=" + long + " tag=mine"}, got)
		got = chosen(t, chunk, EncodeOptions{Tag: "other"}, ContentOptions{TagKey: long + "k"})
		require.Equal(t, []string{long + "=" + long + " tag=mine " + long + "k=other"}, got)
		if n > 0 {
			got = chosen(t, chunk, EncodeOptions{Tag: "other"}, ContentOptions{TagKey: long})
			require.Equal(t, []string{long + "=" + long + " tag=mine"}, got)
		}
	}
}

// TestContentFlattenIsBounded: a long key above many pairs, and a million levels.
func TestContentFlattenIsBounded(t *testing.T) {
	o := ContentOptions{Flatten: true, Separator: "."}
	inner := map[string]int{"a": 1, "b": 2}
	long := strings.Repeat("k", maxFlat-1)
	one := func(key string) string {
		return chosen(t, eventOf(t, []byte{0x80}, packed(t, key, map[string]int{"a": 1})), EncodeOptions{}, o)[0]
	}
	require.Equal(t, long+".a=1", one(long))
	require.Equal(t, long+`k={"a":1}`, one(long+"k"))
	o.IncludeKeys = [][]string{{"p", "x"}, {long}}
	got := chosen(t, eventOf(t, []byte{0x80}, packed(t, "p", inner, long, map[string]int{"a": 1})), EncodeOptions{}, o)[0]
	require.Equal(t, long+".a=1", got, "what adds nothing does not count")
	o.IncludeKeys = nil
	got = chosen(t, eventOf(t, []byte{0x80}, packed(t, "p", inner, long, inner, "q", inner)), EncodeOptions{}, o)[0]
	require.Contains(t, got, "q.")
	require.Contains(t, got, long+"={")

	deep := []byte{0x81, 0xa1, 'a'}
	for range 70 {
		deep = append(deep, 0x81, 0xa1, 'b')
	}
	got = chosen(t, eventOf(t, []byte{0x80}, append(deep, 1)), EncodeOptions{}, o)[0]
	require.Equal(t, "a"+strings.Repeat(".b", 64)+`="..."`, got)

	const levels = 1_000_000
	hostile := append([]byte{0x81}, bytes.Repeat([]byte{0xa0, 0x81}, levels)...)
	hostile = append(hostile, 1, 1)
	var r Reader
	c, err := NewContent(ContentOptions{Flatten: true, Separator: ".", IncludeKeys: [][]string{{"", "", ""}}, ExcludeKeys: [][]string{{"", "", "x"}}})
	require.NoError(t, err)
	out, err := readAll(&r, nil, eventOf(t, []byte{0x80}, hostile), EncodeOptions{Content: c})
	require.NoError(t, err)
	require.Less(t, len(out), 300)
}

func TestContentWithoutLogKey(t *testing.T) {
	c, err := NewContent(ContentOptions{LogKey: []string{"log"}})
	require.NoError(t, err)
	chunk := append(eventOf(t, []byte{0x80}, packed(t, "a", 1)), metaEvent(t)...)
	chunk = append(chunk, eventOf(t, []byte{0x80}, packed(t, "log", nil))...)
	var r Reader
	r.Reset(chunk, EncodeOptions{Content: c})
	for range 3 {
		require.NoError(t, r.Scan())
	}
	require.Equal(t, 2, r.WithoutLogKey())
	r.Reset(nil, EncodeOptions{})
	require.Zero(t, r.WithoutLogKey())
}

func TestNewContent(t *testing.T) {
	c, err := NewContent(ContentOptions{Separator: ".", TimeFormat: TimeEpoch})
	require.NoError(t, err)
	require.Nil(t, c, "nothing to choose")
	for name, o := range map[string]ContentOptions{
		`path []: 0 keys`:                       {IncludeKeys: [][]string{{}}},
		`33 keys, 1 to 32 allowed`:              {LogKey: make([]string, 33)},
		`tag and time have the same key "x"`:    {TagKey: "x", TimeKey: "x"},
		`key or separator is not valid UTF-8`:   {Flatten: true, Separator: "\xff"},
		`no separator between the keys`:         {Flatten: true},
		`path ["a" "b" "c" "d" "e" "f" "g" "h"`: {ExcludeKeys: [][]string{strings.Split("abcdefghijklmnopqrstuvwxyz0123456", "")}},
	} {
		_, err := NewContent(o)
		require.ErrorContains(t, err, name)
	}
}
