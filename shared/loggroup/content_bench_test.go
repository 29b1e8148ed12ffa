package loggroup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContentAllocatesNothing(t *testing.T) {
	chunk := mixedChunk(t)
	for _, set := range dataSets(t, testSize) {
		chunk = append(chunk, set.chunk...)
	}
	for range 20 {
		chunk = append(append(chunk, metaEvent(t)...), kubernetesEvent(t)...)
	}
	for _, c := range contentCases(t) {
		opts := EncodeOptions{GroupAttributes: true, Content: c.content, Tag: "kube.app"}
		var r Reader
		out, err := readAll(&r, nil, chunk, opts)
		require.NoError(t, err)
		require.Zero(t, testing.AllocsPerRun(5, func() {
			out, err = readAll(&r, out[:0], chunk, opts)
		}), c.name)
		require.NoError(t, err)
	}
}

type contentCase struct {
	name    string
	content *Content
}

// contentCases are the options one by one, and all together.
func contentCases(tb testing.TB) (cases []contentCase) {
	tb.Helper()
	many := [][]string{{"kubernetes", "labels"}}
	for k := range strings.FieldsSeq("remote_addr request_method request_uri status body_bytes_sent http_user_agent x y z log") {
		many = append(many, []string{k})
	}
	for _, c := range []struct {
		name string
		o    ContentOptions
	}{
		{"log_key", ContentOptions{LogKey: []string{"log"}}},
		{"include", ContentOptions{IncludeKeys: [][]string{{"log"}, {"status"}, {"request_uri"}, {"kubernetes", "labels"}}}},
		{"include_many", ContentOptions{IncludeKeys: many}},
		{"exclude", ContentOptions{ExcludeKeys: [][]string{{"_p"}, {"http_referer"}, {"kubernetes", "annotations"}}}},
		{"tag", ContentOptions{TagKey: "tag"}},
		{"time_rfc3339", ContentOptions{TimeKey: "ts"}},
		{"time_epoch_ms", ContentOptions{TimeKey: "ts", TimeFormat: TimeEpochMS}},
		{"flatten", ContentOptions{Flatten: true, Separator: "."}},
		{"metadata", ContentOptions{Metadata: true}},
		{"restore_meta", ContentOptions{RestoreMeta: RestoreRecord}},
		{"all", ContentOptions{
			LogKey: []string{"message"}, ExcludeKeys: many[:1], TagKey: "tag", TimeKey: "ts", TimeFormat: TimeEpochMS,
			Flatten: true, Separator: ".", Metadata: true, RestoreMeta: RestoreRecord,
		}},
	} {
		content, err := NewContent(c.o)
		require.NoError(tb, err)
		cases = append(cases, contentCase{c.name, content})
	}
	return cases
}

// BenchmarkContent is BenchmarkReader with options, its bytes the same.
func BenchmarkContent(b *testing.B) {
	for _, c := range contentCases(b) {
		for _, set := range dataSets(b, chunkSize) {
			b.Run(c.name+"/"+set.name, func(b *testing.B) {
				var r Reader
				out, err := readAll(&r, nil, set.chunk, EncodeOptions{RenameReserved: true})
				require.NoError(b, err)
				b.SetBytes(int64(len(out)))
				opts := EncodeOptions{RenameReserved: true, Content: c.content, Tag: "kube.var.log.containers.checkout"}
				b.ReportAllocs()
				for b.Loop() {
					out, _ = readAll(&r, out[:0], set.chunk, opts)
				}
			})
		}
	}
}
