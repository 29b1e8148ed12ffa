package tags

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
)

// group encodes a LogGroup with two logs; tags are pairs of key and value.
func group(tb testing.TB, topic, source string, tags ...string) []byte {
	tb.Helper()
	g := &sdk.LogGroup{Topic: &topic, Source: &source}
	for i := 0; i < len(tags); i += 2 {
		g.LogTags = append(g.LogTags, &sdk.LogTag{Key: &tags[i], Value: &tags[i+1]})
	}
	for range 2 {
		g.Logs = append(g.Logs, &sdk.Log{Time: proto.Uint32(1), Contents: []*sdk.LogContent{{Key: proto.String("topic"), Value: proto.String("of a record")}}})
	}
	raw, err := g.Marshal()
	require.NoError(tb, err)
	return raw
}

func newTags(tb testing.TB, s string, log io.Writer) (t *Tags, capped func() int) {
	tb.Helper()
	parsed, err := Parse(s)
	require.NoError(tb, err, s)
	set := metric.NewSet()
	t = New(parsed, set.Counter("capped", "").With(), slog.New(slog.NewTextHandler(log, nil)))
	return t, func() (n int) {
		set.Each(func(_ *metric.Family, s *metric.Sample) { n = int(s.Value) })
		return n
	}
}

func TestTagsOfGroups(t *testing.T) {
	raw := group(t, "Orders/EU", "10.0.0.7", "env", "prod", "path", "/var/log/app.log", "env", "test", "empty", "")
	const own = ""
	for s, want := range map[string]string{
		"sls.$logstore.$topic|none":        "sls.App_Log.Orders-EU",
		"$project":                         "my-project",
		"shard-$shard":                     "shard-7",
		"$source":                          "10.0.0.7",
		"from.$source.$topic":              "from.10-0-0-7.Orders-EU",
		"$tag['env']":                      "test", // the last counts
		"$tag['path']":                     "var-log-app.log",
		"x.$tag['no']":                     own,
		"x.$tag['no']|none":                "x.none",
		"x.$tag['empty']|$tag['env']|none": "x.test",
		"x-$tag['no']|'a'_$tag['env']":     "x-a_test",
		"$topic|'none'-$shard":             "Orders_EU-7",
		"K8S.$logstore":                    "K8S.App_Log",
		"$['topic']":                       "Orders-EU",
		"$tag['env']$$":                    "refused",
		"a." + strings.Repeat("b", 300):    "refused",
		"static":                           "refused",
	} {
		if want == "refused" {
			require.Error(t, Check(s), s)
			continue
		}
		tags, _ := newTags(t, s, t.Output())
		n := tags.Of("my-project", "App_Log", 7)
		require.Equal(t, want, n.Tag(raw), s)
		require.Equal(t, want, n.Tag(raw), s)
	}
}

func TestWhatIsNoTemplate(t *testing.T) {
	for s, want := range map[string]string{
		"sls":                   "no variable in it",
		"":                      "no variable in it",
		"a.$TAG":                "position 3: there is no tag yet that $TAG could be",
		"$TAG[1]":               "position 1: there is no tag yet",
		"$level":                "position 1: nothing is called level",
		"$logstore.$level":      "position 11: nothing is called level",
		"$logstore-x":           "position 1: nothing is called logstore-x",
		"$topic['x']":           "position 1: $topic has no parts",
		"$tag":                  "position 1: $tag takes the key",
		"$tag[0]":               "position 1: $tag takes the key",
		"$tag['a']['b']":        "position 1: $tag takes the key",
		"$logstore$topic":       "position 10: ., - or _ expected between two variables",
		"sls/$logstore":         `"sls/": a tag cannot hold "/"`,
		"sls $logstore":         `"sls ": a tag cannot hold " "`,
		"sls.*.$logstore":       `a tag cannot hold "*"`,
		"x.$tag['no']|''":       `with every default in its place this is "x."`,
		"$topic|.":              `with every default in its place this is "."`,
		"$topic|":               "position 8: no default behind |",
		"sls.$logstore.$topic|": "no default behind |",
	} {
		require.ErrorContains(t, Check(s), want, s)
	}
}

// A topic gives one part of a tag, whatever is in it: no path, no pattern, no other part.
func TestValuesAreMadeToFit(t *testing.T) {
	tags, _ := newTags(t, "sls.$logstore.$topic|none", t.Output())
	n := tags.Of("p", "app", 0)
	for topic, want := range map[string]string{
		"../../etc/passwd":       "sls.app.etc-passwd",
		"a.b":                    "sls.app.a-b",
		"*":                      "sls.app.none",
		"日志":                     "sls.app.none",
		"a\x00b":                 "sls.app.a-b",
		"":                       "sls.app.none",
		strings.Repeat("a", 300): "",
	} {
		require.Equal(t, want, n.Tag(group(t, topic, "")), "%q", topic)
	}
}

// There are 1,000 tags at most. Groups beyond go under the section's own tag, and are
// counted. Those that are known stay.
func TestAThousandTags(t *testing.T) {
	var log strings.Builder
	tags, capped := newTags(t, "sls.$topic", &log)
	first, second := tags.Of("p", "a", 0), tags.Of("p", "b", 1)
	for i := range 1000 {
		require.Equal(t, fmt.Sprint("sls.", i), first.Tag(group(t, fmt.Sprint(i), "")))
	}
	require.Zero(t, capped())
	for i := range 3 {
		require.Empty(t, second.Tag(group(t, fmt.Sprint("more", i), "")))
	}
	same := group(t, "more2", "")
	require.Empty(t, second.Tag(same))
	require.Equal(t, 4, capped())
	require.Equal(t, "sls.999", second.Tag(group(t, "999", "")))
	require.Equal(t, "sls.0", first.Tag(group(t, "0", "")))
	require.Empty(t, first.Tag([]byte{}), "no value and no default")
	require.Equal(t, 4, capped())
	require.Equal(t, 1, strings.Count(log.String(), "tag_template gives too many tags"))
}

// A tag that reads nothing of the group is made once.
func TestTagWithoutTheGroup(t *testing.T) {
	tags, _ := newTags(t, "$project.$logstore.$shard", t.Output())
	n := tags.Of("p-1", "l", 3)
	require.Equal(t, "p-1.l.3", n.Tag(nil))
	require.Nil(t, (*Tags)(nil).Of("p", "l", 0))
}

// Nothing is allocated for a group whose tag is known, whatever came before it.
func TestKnownTagsAllocateNothing(t *testing.T) {
	tags, _ := newTags(t, "sls.$logstore.$topic|'none'.$tag['env']|none", t.Output())
	n := tags.Of("p", "app", 0)
	groups := [][]byte{group(t, "a", "", "env", "x"), group(t, "b", "", "env", "y"), group(t, "", "")}
	i := 0
	require.Zero(t, testing.AllocsPerRun(100, func() {
		n.Tag(groups[i%3])
		i++
	}))
}

// FuzzTag: whatever a group holds, the tag is one that a tag can be, or the section's own.
func FuzzTag(f *testing.F) {
	f.Add(group(f, "../x", "10.0.0.1", "env", "a.b"))
	f.Add([]byte{0x1a, 0xff})
	tags, _ := newTags(f, "sls.$topic|$source|'none'.$tag['env']|none", io.Discard)
	n := tags.Of("p", "l", 0)
	f.Fuzz(func(t *testing.T, raw []byte) {
		tag := n.Tag(raw)
		require.True(t, utf8.ValidString(tag))
		if tag != "" {
			require.NoError(t, rules.Check(tag))
			require.Regexp(t, `^sls\.[-A-Za-z0-9_]+\.[-A-Za-z0-9_]+$`, tag)
		}
		require.Equal(t, tag, n.Tag(raw))
	})
}

func BenchmarkTag(b *testing.B) {
	tags, _ := newTags(b, "sls.$logstore.$topic|none", io.Discard)
	n := tags.Of("p", "app", 0)
	g := &sdk.LogGroup{Topic: proto.String("orders")}
	for range 1000 {
		g.Logs = append(g.Logs, &sdk.Log{Time: proto.Uint32(1), Contents: []*sdk.LogContent{{Key: proto.String("a"), Value: proto.String(strings.Repeat("x", 250))}}})
	}
	raw, err := g.Marshal()
	require.NoError(b, err)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		n.Tag(raw)
	}
}
