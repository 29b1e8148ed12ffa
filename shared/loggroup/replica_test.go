package loggroup

import (
	"math/rand"
	"strings"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// oddGroup is a random log group with what a copy is most likely to lose.
func oddGroup(rnd *rand.Rand) *sls.LogGroup {
	half := func() bool { return rnd.Intn(2) == 0 }
	g := &sls.LogGroup{}
	if half() {
		g.Topic = proto.String(pick(rnd, "", "access", "日志", strings.Repeat("t", 200)))
	}
	if half() {
		g.Source = proto.String(pick(rnd, "", "10.0.0.1", strings.Repeat("s", 200)))
	}
	for range rnd.Intn(4) * rnd.Intn(7) {
		key := pick(rnd, "", "a", "a", "namespace", "__pack_id__", strings.Repeat("k", 200))
		g.LogTags = append(g.LogTags, &sls.LogTag{Key: &key, Value: proto.String(pick(rnd, "", "1", "é", strings.Repeat("v", 2000)))})
	}
	for range 1 + rnd.Intn(3) {
		log := &sls.Log{Time: proto.Uint32(rnd.Uint32() % (maxSec + 1))}
		if half() {
			log.TimeNs = proto.Uint32(uint32(rnd.Intn(1e9) * rnd.Intn(2)))
		}
		for range rnd.Intn(6) * rnd.Intn(4) {
			log.Contents = append(log.Contents, oracleContent(
				pick(rnd, "msg", "msg", "", "__topic__", "__source__", "__time__", "__time_ns_part__", "__tag__:a", "__tag__:",
					"__pack_meta__", "__id__", "__metadata__.a", "__record__.__topic__", "k\xff", strings.Repeat("k", 200)),
				pick(rnd, "", "1", "7.5", "日志", "\xff\xfe", `{"a":1}`, strings.Repeat("v", 300))))
		}
		g.Logs = append(g.Logs, log)
	}
	return g
}

// copied is g as the copy has it by the rules. What is no UTF-8 is repaired, because SLS
// refuses it. An empty topic or source is none.
func copied(g *sls.LogGroup) *sls.LogGroup {
	out := proto.Clone(g).(*sls.LogGroup)
	for _, log := range out.Logs {
		for _, c := range log.Contents {
			*c.Key = strings.ToValidUTF8(*c.Key, "\uFFFD")
			*c.Value = strings.ToValidUTF8(*c.Value, "\uFFFD")
		}
	}
	if out.GetTopic() == "" {
		out.Topic = nil
	}
	if out.GetSource() == "" {
		out.Source = nil
	}
	return out
}

// A log group that a Decoder reads into metadata and a Reader writes again is the same
// group, whatever its contents are called.
func TestReplicaIsTheSameGroup(t *testing.T) {
	content, err := NewContent(ContentOptions{RestoreMeta: RestoreMetadata})
	require.NoError(t, err)
	opts := EncodeOptions{RenameReserved: true, Content: content}
	rnd := rand.New(rand.NewSource(8))
	var r Reader
	d := Decoder{IncludeMeta: true, InMetadata: true}
	for range 5000 {
		g := oddGroup(rnd)
		group, err := proto.Marshal(g)
		require.NoError(t, err)
		chunk, n, err := d.AppendEvents(nil, group)
		require.NoError(t, err)
		r.Reset(chunk, opts)
		var out, fields []byte
		for i := range n {
			out, err = r.Next(out)
			require.NoError(t, err)
			from := r.Restored()
			require.True(t, from.Any(), "also of a group without anything")
			again := append(AppendGroupFields(nil, string(from.Topic), string(from.Source), nil), from.Tags...)
			require.True(t, i == 0 || string(fields) == string(again))
			fields = again
		}
		var got sls.LogGroup
		require.NoError(t, proto.Unmarshal(append(out, fields...), &got))
		want, err := proto.Marshal(copied(g))
		require.NoError(t, err)
		written, err := proto.Marshal(&got)
		require.NoError(t, err)
		requireBytes(t, want, written)
	}
}

// With the metadata in the record a copy has topic, source and tags, too, unless a
// content has one of their names.
func TestReplicaByTheRecord(t *testing.T) {
	opts := restoring(t, RestoreRecord)
	opts.RenameReserved = true
	logs := marshalled(t, []oracleLog{
		{Log: &sls.Log{Time: proto.Uint32(5), TimeNs: proto.Uint32(6), Contents: []*sls.LogContent{oracleContent("k", "v"), oracleContent("k", "")}}},
		{Log: &sls.Log{Time: proto.Uint32(7), TimeNs: proto.Uint32(0)}},
	})
	for name, fields := range map[string][]byte{
		"nothing": nil,
		"all":     AppendGroupFields(nil, "topic", "10.0.0.1", []Tag{{"a", "1"}, {"b", strings.Repeat("x", 1024)}, {"a", "again"}}),
		"a tag":   AppendGroupFields(nil, "", "", []Tag{{"a", ""}}),
		"longest": AppendGroupFields(nil, strings.Repeat("t", 128), strings.Repeat("é", 64), []Tag{{strings.Repeat("k", 128), "v"}}),
	} {
		t.Run(name, func(t *testing.T) {
			chunk, n, err := (&Decoder{IncludeMeta: true}).AppendEvents(nil, append(append([]byte{}, logs...), fields...))
			require.NoError(t, err)
			var r Reader
			r.Reset(chunk, opts)
			var out []byte
			for range n {
				out, err = r.Next(out)
				require.NoError(t, err)
				m := r.Restored()
				require.True(t, m.Any())
				requireBytes(t, fields, append(AppendGroupFields(nil, string(m.Topic), string(m.Source), nil), m.Tags...))
			}
			requireBytes(t, logs, out)
		})
	}
}
