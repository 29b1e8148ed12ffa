package route

import (
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/loggroup"
)

func TestSlots(t *testing.T) {
	r := configured(t, "topic", "$t", "max_destinations", "16")
	for flush := range 3 {
		s := r.Begin("tag")
		at := map[int]*Target{}
		for i := range 100 {
			target := s.Route(event(t, "t", fmt.Sprint((i+5*flush)%16)).Record)
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
	route := func(topic int) *Target { return s.Route(event(t, "t", fmt.Sprint(topic)).Record) }
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
			target := s.Route(event(t, "t", fmt.Sprint(from+i*i%37)).Record)
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

	used := fresh.newSession()
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
				s.Route(ev.Record)
				s.Route(ev.Record)
			}
		}
		run()
		require.Zero(t, testing.AllocsPerRun(100, run), name)
		s.End()
	}
}

// A record with the values of the last one goes to the same place. Any other record goes
// where it would go by itself.
func TestSessionRemembersWhatRoutedTheLastRecord(t *testing.T) {
	events := []*loggroup.Event{
		pod(t, "shop", map[string]any{"app": "cart"}), pod(t, "shop", map[string]any{"app": "carts"}), pod(t, "pay", nil),
		event(t), event(t, "kubernetes", nil), event(t, "kubernetes", "text"), event(t, "other", "x"),
		event(t, "kubernetes", map[string]any{"namespace_name": "shop", "pad": strings.Repeat("x", 2*maxRoot)}),
		event(t, "kubernetes", map[string]any{"namespace_name": "pay", "pad": strings.Repeat("x", 2*maxRoot)}),
		event(t, "kubernetes", 1, "kubernetes", map[string]any{"namespace_name": "twice"}), event(t, "kubernetes", 1),
		{Record: []byte{0x81, 0xa1}}, // cannot be read
	}
	r := configured(t, "logstore", "$kubernetes['namespace_name']|none", "topic", "$kubernetes['labels']['app']|$other|none",
		"source", "$kubernetes['namespace_name']")
	rnd := rand.New(rand.NewSource(1))
	for range 200 {
		before := r.Stats().Fallbacks
		var fallbacks uint64
		s := r.Begin("tag")
		for range 40 {
			ev := events[rnd.Intn(len(events))]
			for range 1 + rnd.Intn(2) {
				target := *s.Route(ev.Record)
				alone := r.Stats().Fallbacks
				require.Equal(t, routeOne(r, "tag", ev), target.Destination)
				fallbacks += 2 * (r.Stats().Fallbacks - alone) // once there and once here
			}
		}
		s.End()
		require.Equal(t, fallbacks, r.Stats().Fallbacks-before)
	}
}

// TestFlushAllocatesNothing: what one flush has met costs the next one nothing.
func TestFlushAllocatesNothing(t *testing.T) {
	r := configured(t, "logstore", "$TAG[1]|none", "topic", "$log", "tags", "tag=$TAG")
	ev := pod(t, "shop", nil)
	s := r.Begin("kube.app.web") // not End: the pool drops sessions as it likes
	s.Route(ev.Record)
	s.end()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s.begin("kube.app.web")
		s.Route(ev.Record)
		s.end()
	}))
}

func TestSessionKeepsNoLargeBuffer(t *testing.T) {
	r := configured(t, "hash_key", "$log")
	s := r.Begin("tag")
	s.Route(event(t, "log", strings.Repeat("x", 2*maxKept)).Record)
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
					target := s.Route(event(t, "t", topic).Record)
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
