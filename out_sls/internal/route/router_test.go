package route

import (
	"fmt"
	"os"
	"strings"
	"sync"
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
		require.Equal(t, Destination{Project: "Misc-Project", Logstore: "misc", Source: host}, s.Route(event(t)).Destination)
	}
	require.Equal(t, "l-x", s.Route(event(t, "a", "x")).Logstore)
	s.End()
	require.Equal(t, Stats{Fallbacks: 3*6 + 1}, r.Stats(), "per record and option")
	s = r.Begin("tag.here")
	s.Route(event(t, "a", "x"))
	s.End()
	require.Equal(t, Stats{Fallbacks: 3*6 + 1}, r.Stats(), "nothing is left over from the flush before")
}

// TestUnusableNames: a value of which nothing is left is as good as missing.
func TestUnusableNames(t *testing.T) {
	for logstore, want := range map[string]string{"$ns|misc": "misc", "$ns|a-$x|1": "a-1", "$TAG|tag": "tag"} {
		r := configured(t, "logstore", logstore)
		require.Equal(t, want, routeOne(r, "日志", event(t, "ns", "日志", "x", "...")).Logstore, logstore)
		require.Equal(t, Stats{Fallbacks: 1}, r.Stats(), logstore)
	}
	r := configured(t, "logstore", "$ns|misc", "default_logstore", "other")
	require.Equal(t, "other", routeOne(r, "tag", event(t, "ns", "日志")).Logstore)
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
	first := s.Route(event(t, "a", "app", "b", "x", "h", "one"))
	require.Same(t, first, s.Route(event(t, "a", "APP", "b", "x", "h", "two")))
	require.Same(t, first, s.Route(event(t, "a", ".app.", "b", "x", "h", "3")))
	require.NotEqual(t, first.Destination, s.Route(event(t, "a", "appx", "b", "", "h", "1")).Destination)
	require.NotEqual(t, first.Destination, s.Route(event(t, "a", "ap", "b", "px", "h", "1")).Destination)
	none, empty := s.Route(event(t, "a", "app")), s.Route(event(t, "a", "app", "b", "", "h", ""))
	require.Same(t, none, empty)
	require.Empty(t, none.HashKey, "no hash key: load-balanced")

	r = configured(t, "topic", "$t|''", "hash_key", "$h|''", "tags", "k=$k|''")
	require.Equal(t, Destination{Project: "proj", Logstore: "logs", Source: "host"}, routeOne(r, "tag", event(t)))
	require.Zero(t, r.Stats(), "empty on purpose")
}

func TestSlots(t *testing.T) {
	r := configured(t, "topic", "$t", "max_destinations", "16")
	for flush := range 3 {
		s := r.Begin("tag")
		at := map[int]*Target{}
		for i := range 100 {
			target := s.Route(event(t, "t", fmt.Sprint((i+5*flush)%16)))
			require.Equal(t, i%16, target.Slot, "in the order in which this flush met them")
			require.Equal(t, fmt.Sprint((target.Slot+5*flush)%16), target.Topic)
			if i >= 16 {
				require.Same(t, at[i%16], target)
			}
			at[i%16] = target
		}
		s.End()
	}
	require.Zero(t, r.Stats())
}

// TestLeastRecentlyUsedOut: behind the bound the destination that waits longest
// gives its slot away, and comes back as another that is equal.
func TestLeastRecentlyUsedOut(t *testing.T) {
	r := configured(t, "topic", "$t", "max_destinations", "16")
	s := r.Begin("tag")
	route := func(topic int) *Target { return s.Route(event(t, "t", fmt.Sprint(topic))) }
	first := make([]*Target, 16)
	for i := range first {
		first[i] = route(i)
	}
	require.Same(t, first[0], route(0)) // 1 is the least recently used one now
	require.Equal(t, 1, route(16).Slot)
	require.Equal(t, 2, route(17).Slot)
	require.Same(t, first[0], route(0))
	back := route(1)
	require.Equal(t, 3, back.Slot)
	require.NotSame(t, first[1], back)
	require.Equal(t, first[1].Destination, back.Destination)
	require.Len(t, s.known.byKey, 16)
	s.End()
	require.Equal(t, Stats{Evicted: 3}, r.Stats())
}

// TestSameChunkSameRoute: slots and evictions of a flush do not depend on the
// flushes before it.
func TestSameChunkSameRoute(t *testing.T) {
	trace := func(s *Session, from int) (trace []string) {
		for i := range 500 {
			target := s.Route(event(t, "t", fmt.Sprint(from+i*i%37)))
			trace = append(trace, fmt.Sprintf("%d %s", target.Slot, target.Topic))
		}
		return trace
	}
	fresh := configured(t, "topic", "$t-$TAG", "max_destinations", "16")
	s := fresh.Begin("tag")
	want := trace(s, 0)
	s.End()
	evicted := fresh.Stats().Evicted
	require.Positive(t, evicted)

	used := &Session{router: fresh, known: newDestinations(16)}
	for from := range 60 {
		fresh.sessions.Put(used)
		s := fresh.Begin(fmt.Sprint("tag", from%3))
		trace(s, from)
		s.End()
		fresh.sessions.Put(used)
		s = fresh.Begin("tag")
		require.Equal(t, want, trace(s, 0))
		require.LessOrEqual(t, len(s.known.byKey), 16)
		require.Equal(t, evicted, s.evicted)
		s.End()
	}
}

func TestRouteAllocatesNothing(t *testing.T) {
	events := []*loggroup.Event{
		pod(t, "shop", map[string]any{"app": "cart", "n": 1.5}), pod(t, "Pay", nil), pod(t, 7, map[string]any{"app": []any{1, "x"}}),
		event(t), event(t, "log", strings.Repeat("x", 5000)),
	}
	for name, options := range map[string][]string{
		"static": {"topic", "x", "tags", "a=b", "hash_key", "x"},
		"tag":    {"logstore", "$TAG[1]|none", "topic", "$TAG", "tags", "tag=$TAG,missing=$TAG[7]"},
		"record": {
			"project", "$kubernetes['namespace_name']|none", "logstore", "$kubernetes['labels']['app']", "default_logstore", "misc",
			"topic", "$kubernetes['pod_name']", "tags", "tag=$TAG,app=$kubernetes['labels']['app'],n=$kubernetes['labels']['n']",
			"hash_key", "$log",
		},
	} {
		r := configured(t, options...)
		s := r.Begin("kube.app.web")
		run := func() {
			for _, ev := range events {
				s.Route(ev)
				s.Route(ev)
			}
		}
		run()
		require.Zero(t, testing.AllocsPerRun(100, run), name)
		s.End()
	}
}

// TestFlushAllocatesNothing: what one flush has met costs the next one nothing.
func TestFlushAllocatesNothing(t *testing.T) {
	r := configured(t, "logstore", "$TAG[1]|none", "topic", "$log", "tags", "tag=$TAG")
	ev := pod(t, "shop", nil)
	s := r.Begin("kube.app.web") // not End: the pool drops sessions as it likes
	s.Route(ev)
	s.end()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s.begin("kube.app.web")
		s.Route(ev)
		s.end()
	}))
}

func TestSessionKeepsNoLargeBuffer(t *testing.T) {
	r := configured(t, "hash_key", "$log")
	s := r.Begin("tag")
	s.Route(event(t, "log", strings.Repeat("x", 2*maxKept)))
	s.End()
	require.LessOrEqual(t, cap(s.spare)+cap(s.values), maxKept)
}

func TestConcurrentFlushes(t *testing.T) {
	r := configured(t, "topic", "$t", "logstore", "$TAG[0]|none", "source", "$missing", "tags", "a=b,topic=$t",
		"max_destinations", "16")
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for flush := range 20 {
				s := r.Begin(fmt.Sprintf("w%d.x", (worker+flush)%4))
				for i := range 50 {
					topic := fmt.Sprint(i % 20)
					target := s.Route(event(t, "t", topic))
					if target.Topic != topic || target.Logstore != fmt.Sprintf("w%d", (worker+flush)%4) {
						t.Errorf("routed to %+v", target)
					}
				}
				s.End()
			}
		})
	}
	wg.Wait()
	require.Equal(t, uint64(8*20*50), r.Stats().Fallbacks)
	require.Positive(t, r.Stats().Evicted)
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
		require.NoError(t, projectRules.check(d.Project))
		require.NoError(t, logstoreRules.check(d.Logstore))
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
					s.Route(events[i&1])
				}
			})
		}
	}
}
