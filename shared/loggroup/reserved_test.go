package loggroup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A key of the record that SLS, in_sls or out_sls uses for what it says about a log is
// renamed: nothing takes it for that.
func TestReservedNames(t *testing.T) {
	opts := EncodeOptions{RenameReserved: true}
	for _, key := range []string{
		"__topic__", "__source__", "__time__", "__time_ns_part__", "__tag__:namespace", "__tag__:", "__tag__:__pack_id__",
		"__pack_meta__", "__partition_time__", "__extract_others__", "__project__", "__logstore__", "__shard__", "__cursor__",
		"__id__", "__orig_time__", "__metadata__.otlp", "__group__.resource", "__record__.__topic__", "__record__.",
	} {
		record := packed(t, "a", "1", key, "forged", "b", 2, key, map[string]any{"x": 1}, "enough bytes behind", "it, so that it is the fast path")
		chunk := eventOf(t, []byte{0x80}, record)
		for _, o := range []ContentOptions{{}, {ExcludeKeys: [][]string{{"no such key"}}}, {LogKey: []string{"no such key"}}} {
			require.Equal(t, []string{
				"a=1 __record__." + key + "=forged b=2 __record__." + key + `={"x":1} enough bytes behind=it, so that it is the fast path`,
			}, chosen(t, chunk, opts, o), key)
		}
		got := chosen(t, chunk, EncodeOptions{}, ContentOptions{})[0]
		require.True(t, strings.HasPrefix(got, "a=1 "+key+"=forged b=2 "+key+"="), "kept if that is asked for")
		requireOracle(t, chunk, opts)
	}
	for _, key := range []string{
		"__", "__topic", "_topic_", "topic", "__topic__ ", "___topic__", "__Topic__", "__tag__", "__name__", "__labels__", "__time_nano__",
		"__value__", "__raw__", "__raw_log__", "__metadata__", "__record__", "__REALTIME_TIMESTAMP", "_SYSTEMD_UNIT",
	} {
		chunk := eventOf(t, []byte{0x80}, packed(t, key, "v", "enough bytes behind", "it, so that it is the fast path"))
		require.True(t, strings.HasPrefix(chosen(t, chunk, opts, ContentOptions{})[0], key+"=v "), key)
		requireOracle(t, chunk, opts)
	}
}

// The key that the content ends up with counts, however it came about.
func TestReservedNamesAreThoseOfContents(t *testing.T) {
	opts := EncodeOptions{RenameReserved: true}
	flat := func(separator string) ContentOptions { return ContentOptions{Flatten: true, Separator: separator} }
	tail := []any{"enough bytes behind", "it, so that it is the fast path"}
	for _, c := range []struct {
		o      ContentOptions
		record []any
		want   string
	}{
		{flat(":"), []any{"__tag__", map[string]any{"namespace": "forged"}}, "__record__.__tag__:namespace=forged"},
		{flat("__"), []any{"", map[string]any{"topic__": "forged"}}, "__record__.__topic__=forged"},
		{flat("."), []any{"__metadata__", map[string]any{"m": 1}}, "__record__.__metadata__.m=1"},
		{flat("."), []any{"__topic__", map[string]any{"m": "1"}}, "__topic__.m=1"},
		{flat("."), []any{"__topic__", map[string]any{}}, "__record__.__topic__={}"},
		{ContentOptions{LogKey: []string{"a"}}, []any{"a", map[string]any{"__topic__": "forged"}}, "__record__.__topic__=forged"},
		{ContentOptions{LogKey: []string{"a", "__topic__"}}, []any{"a", map[string]any{"__topic__": "forged"}}, "__record__.__topic__=forged"},
		{ContentOptions{IncludeKeys: [][]string{{"__tag__:a"}}}, []any{"__tag__:a", "forged"}, "__record__.__tag__:a=forged"},
		{ContentOptions{}, []any{[]byte("__topic__"), "forged"}, "__record__.__topic__=forged"},
		{ContentOptions{}, []any{"__tag__:\xff", "forged"}, "__record__.__tag__:\uFFFD=forged"},
		{ContentOptions{}, []any{"a", map[string]any{"__topic__": 1}}, `a={"__topic__":1}`},
	} {
		chunk := eventOf(t, []byte{0x80}, packed(t, append(c.record, tail...)...))
		require.Contains(t, strings.Split(chosen(t, chunk, opts, c.o)[0], " "), c.want)
		requireChosen(t, chunk, opts, c.o)
	}
	// What the plugin itself adds keeps its names, and a record's key of that name does
	// not keep it away.
	chunk := eventOf(t, packed(t, "m", 1), packed(t, "__metadata__.m", "forged", "__tag__:fluent", "forged"))
	require.Equal(t, []string{"__record__.__metadata__.m=forged __record__.__tag__:fluent=forged __metadata__.m=1 __tag__:fluent=kube"},
		chosen(t, chunk, EncodeOptions{RenameReserved: true, Tag: "kube"}, ContentOptions{Metadata: true, TagKey: "__tag__:fluent"}))
}

// Pairs that are remembered from the record before are not mixed up: one record's are
// renamed, the next one's are in_sls's.
func TestReservedNamesOfMixedRecords(t *testing.T) {
	large := packed(t, "__topic__", map[string]any{"a": strings.Repeat("x", 100)})
	var chunk []byte
	for range 2 {
		chunk = append(chunk, eventOf(t, []byte{0x80}, large)...)
		chunk = append(chunk, eventOf(t, packed(t, "__topic__", "t", "__source__", ""), large)...)
	}
	opts, o := EncodeOptions{RenameReserved: true}, ContentOptions{RestoreMeta: RestoreMetadata}
	got := chosen(t, chunk, opts, o)
	for i := range 2 {
		require.True(t, strings.HasPrefix(got[2*i], "__record__.__topic__="))
		require.True(t, strings.HasPrefix(got[2*i+1], "__topic__="))
	}
	requireChosen(t, chunk, opts, o)
}
