package route

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/loggroup"
)

func TestStaticRoute(t *testing.T) {
	r := configured(t, "topic", "cost: 5$$", "tags", "env=prod,team=web,none=", "hash_key", "127.0.0.1")
	d := routeOne(r, "any.tag", event(t))
	tags := d.Tags
	d.Tags = ""
	require.Equal(t, Destination{
		Project: "proj", Logstore: "logs", Topic: "cost: 5$", Source: "host",
		HashKey: "f4000000000000000000000000000000",
	}, d)
	require.Equal(t, string(loggroup.AppendGroupFields(nil, "", "",
		[]loggroup.Tag{{Key: "env", Value: "prod"}, {Key: "team", Value: "web"}})), tags)
	require.Zero(t, r.Stats())
}

func TestSourceDefaultsToTheHostName(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for _, source := range []string{"", "$hostname"} {
		r, err := New(Config{Source: source})
		require.NoError(t, err)
		require.Equal(t, host, routeOne(r, "tag", event(t, "other", "x")).Source)
	}
	r := configured(t, "source", "$hostname|''")
	require.Empty(t, routeOne(r, "tag", event(t)).Source)
	require.Zero(t, r.Stats())
}

// What is remembered of a chunk holds on another host only if that may not be its source.
func TestFingerprintHasTheHostThatMayBeTheSource(t *testing.T) {
	of := func(host, source, topic string) string {
		r, err := newOn(host, Config{Source: source, Topic: topic})
		require.NoError(t, err)
		return r.Fingerprint()
	}
	for source, decides := range map[string]bool{
		"": true, "$kubernetes['host']": true, "$a-$b|none": true,
		"here": false, "$kubernetes['host']|node-1": false, "$a|''": false,
	} {
		require.Equal(t, of("one", source, ""), of("one", source, ""), source)
		require.Equal(t, decides, of("one", source, "") != of("two", source, ""), source)
		require.NotEqual(t, of("one", source, ""), of("one", source, "of another environment"), source)
	}
}

func TestRecordRoute(t *testing.T) {
	r := configured(t,
		"project", "$TAG[1]|main",
		"logstore", "k8s-$kubernetes['namespace_name']|none",
		"topic", "$kubernetes['labels']['app']|$kubernetes['pod_name']",
		"source", "$kubernetes['pod_name']@$TAG",
		"tags", "env=prod,ns=$kubernetes['namespace_name'],app=$kubernetes['labels']['app'],tag=$TAG",
		"hash_key", "$log")
	d := routeOne(r, "kube.Team_A.x", pod(t, "Shop.EU", map[string]any{"app": "cart"}))
	require.Equal(t, Destination{
		Project: "team-a", Logstore: "k8s-shop-eu", Topic: "cart", Source: "web-7d9f@kube.Team_A.x",
		HashKey: string(appendHashKey(nil, []byte("GET / 200"), 64)), Tags: d.Tags,
	}, d)
	require.Equal(t, map[string]string{"env": "prod", "ns": "Shop.EU", "app": "cart", "tag": "kube.Team_A.x"}, tagsOf(t, d))
	require.Zero(t, r.Stats())

	d = routeOne(r, "kube", pod(t, nil, nil))
	require.Equal(t, "main", d.Project)
	require.Equal(t, "k8s-none", d.Logstore)
	require.Equal(t, "web-7d9f", d.Topic)
	require.Equal(t, map[string]string{"env": "prod", "tag": "kube"}, tagsOf(t, d), "a tag without a value is left out")
	require.Equal(t, Stats{Fallbacks: 2}, r.Stats(), "two tags; what has a default of its own does not count")
}

func TestFallbacks(t *testing.T) {
	r := configured(t, "project", "p-$a", "default_project", "Misc-Project", "logstore", "l-$a", "default_logstore", "misc",
		"topic", "t-$a", "source", "s-$TAG[1]", "tags", "k=$a", "hash_key", "$a")
	host, err := os.Hostname()
	require.NoError(t, err)

	s := r.Begin("tag")
	for range 3 {
		require.Equal(t, Destination{Project: "Misc-Project", Logstore: "misc", Source: host}, s.Route(event(t).Record).Destination)
	}
	require.Equal(t, "l-x", s.Route(event(t, "a", "x").Record).Logstore)
	s.End()
	require.Equal(t, Stats{Fallbacks: 3*6 + 1}, r.Stats(), "per record and option")
	s = r.Begin("tag.here")
	s.Route(event(t, "a", "x").Record)
	s.End()
	require.Equal(t, Stats{Fallbacks: 3*6 + 1}, r.Stats(), "nothing is left over from the flush before")
}

// TestUnusableNames: a value of which nothing is left is as good as missing.
func TestUnusableNames(t *testing.T) {
	for logstore, want := range map[string]string{"$ns|misc": "misc", "$ns|'a'-$x|1": "a-1", "$TAG|tag": "tag"} {
		r := configured(t, "logstore", logstore)
		require.Equal(t, want, routeOne(r, "日志", event(t, "ns", "日志", "x", "...")).Logstore, logstore)
		require.Zero(t, r.Stats(), "%s: a variable's own default is no fallback", logstore)
	}
	r := configured(t, "logstore", "$ns|misc", "default_logstore", "other")
	require.Equal(t, "misc", routeOne(r, "tag", event(t, "ns", "日志")).Logstore)
	require.Equal(t, "other", routeOne(r, "tag", event(t, "ns", "a")).Logstore, "too short")
	require.Equal(t, "misc", routeOne(r, "tag", event(t)).Logstore)
}

func TestBoundedValues(t *testing.T) {
	r := configured(t, "topic", "$v", "source", "$v", "tags", "k=$v,tag=$TAG", "logstore", "$v|ll")
	long := strings.Repeat("é", 2000)
	d := routeOne(r, "t\xffag", event(t, "v", long))
	require.Equal(t, long[:128], d.Topic)
	require.Equal(t, long[:128], d.Source)
	require.Equal(t, map[string]string{"k": long[:1024], "tag": "t\uFFFDag"}, tagsOf(t, d))
	require.Equal(t, strings.Repeat("a", 63), routeOne(r, "tag", event(t, "v", strings.Repeat("A", 5000))).Logstore)
}

// TestEqualDestinationsAreEqual: whatever way a value came about, and however
// values next to each other are cut.
func TestEqualDestinationsAreEqual(t *testing.T) {
	r := configured(t, "logstore", "$a|xx", "topic", "$b", "hash_key", "$h", "hash_buckets", "1")
	s := r.Begin("tag")
	defer s.End()
	first := s.Route(event(t, "a", "app", "b", "x", "h", "one").Record)
	require.Same(t, first, s.Route(event(t, "a", "APP", "b", "x", "h", "two").Record))
	require.Same(t, first, s.Route(event(t, "a", ".app.", "b", "x", "h", "3").Record))
	require.NotEqual(t, first.Destination, s.Route(event(t, "a", "appx", "b", "", "h", "1").Record).Destination)
	require.NotEqual(t, first.Destination, s.Route(event(t, "a", "ap", "b", "px", "h", "1").Record).Destination)
	none, empty := s.Route(event(t, "a", "app").Record), s.Route(event(t, "a", "app", "b", "", "h", "").Record)
	require.Same(t, none, empty)
	require.Empty(t, none.HashKey, "no hash key: load-balanced")

	r = configured(t, "topic", "$t|''", "hash_key", "$h|''", "tags", "k=$k|''")
	require.Equal(t, Destination{Project: "proj", Logstore: "logs", Source: "host"}, routeOne(r, "tag", event(t)))
	require.Zero(t, r.Stats(), "empty on purpose")
}

// FuzzRoute: whatever record and tag, a destination is whole, valid and the same
// the second time.
func FuzzRoute(f *testing.F) {
	r := configured(f, "project", "$p|main", "logstore", "$a['b']|$TAG[1]|none", "topic", "$a", "source", "$l[0]",
		"tags", "a=$a,p=$p,t=$TAG", "hash_key", "$h")
	f.Add("kube.x", event(f, "p", "P", "a", map[string]any{"b": "x"}, "l", []any{1}, "h", 7).Record)
	f.Add("\xff.\xff", []byte{0x81, 0xa1, 'a', 0xc1})
	f.Fuzz(func(t *testing.T, tag string, record []byte) {
		ev := &loggroup.Event{Record: record}
		d := routeOne(r, tag, ev)
		require.Equal(t, d, routeOne(r, tag, ev))
		require.NoError(t, projectRules.Check(d.Project))
		require.NoError(t, logstoreRules.Check(d.Logstore))
		require.NotEmpty(t, d.Project)
		require.NotEmpty(t, d.Logstore)
		require.NotEmpty(t, d.Source)
		require.LessOrEqual(t, len(d.Topic), maxTopic)
		require.Regexp(t, "^([0-9a-f]{32})?$", d.HashKey)
		tagsOf(t, d)
	})
}

func BenchmarkRoute(b *testing.B) {
	shop, pay := pod(b, "shop", map[string]any{"app": "cart"}), pod(b, "pay", map[string]any{"app": "bank"})
	for _, c := range []struct {
		name    string
		options []string
	}{
		{"static", nil},
		{"tag", []string{"logstore", "$TAG[1]|none"}},
		{"namespace", []string{"logstore", "$kubernetes['namespace_name']|none"}},
		{"hash", []string{"hash_key", "$kubernetes['pod_name']-$kubernetes['namespace_name']"}},
	} {
		r, err := New(parsed(b, c.options...))
		require.NoError(b, err)
		for name, events := range map[string][2]*loggroup.Event{"run": {shop, shop}, "mixed": {shop, pay}} {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				s := r.Begin("kube.app")
				defer s.End()
				for i := 0; b.Loop(); i++ {
					s.Route(events[i&1].Record)
				}
			})
		}
	}
}
