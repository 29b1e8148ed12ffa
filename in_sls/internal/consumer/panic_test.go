package consumer

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
)

// panicky is a transport in which requests panic, as a fault of the plugin would.
type panicky struct {
	to   http.RoundTripper
	at   atomic.Pointer[func(*http.Request) bool]
	hits atomic.Int64
}

func (p *panicky) RoundTrip(r *http.Request) (*http.Response, error) {
	if at := p.at.Load(); at != nil && (*at)(r) {
		p.hits.Add(1)
		panic("broken")
	}
	return p.to.RoundTrip(r)
}

// none lets every request through from now on.
func (p *panicky) none() { p.at.Store(nil) }

// panickyAgent makes a consumer whose requests panic where at says so.
func (r *rig) panickyAgent(name string, at func(*http.Request) bool, props ...string) (*agent, *panicky) {
	r.t.Helper()
	p := &panicky{to: r.srv.Transport()}
	p.at.Store(&at)
	r.srv.AddKey(name, "secret", "")
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.test", Credentials: sdk.NewStaticCredentialsProvider(name, "secret", ""), Transport: p,
	})
	require.NoError(r.t, err)
	r.t.Cleanup(client.Close)
	a := &agent{t: r.t, log: &logBuffer{}}
	a.Consumer, err = New(testConfig(r.t, name, props...), client, slog.New(slog.NewTextHandler(a.log, nil)))
	require.NoError(r.t, err)
	r.run(a, name)
	return a, p
}

func (a *agent) panicked() int {
	n := 0
	a.Metrics().Each(func(f *metric.Family, s *metric.Sample) {
		if f.Name == "panics_total" {
			n = int(s.Value)
		}
	})
	return n
}

// pullsOf is every pull of a shard.
func pullsOf(shard string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/shards/"+shard) && strings.Contains(r.URL.RawQuery, "type=logs")
	}
}

// Data that panics whenever it is read holds up its own shard, at greater and greater
// intervals, and no other; the log says which and where. Nothing of it is
// checkpointed, and once it can be read nothing is missing.
func TestPanicHoldsUpItsShardOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a, p := r.panickyAgent("a", pullsOf("0"))
		for range 5 {
			r.put(0, 2)
			r.put(1, 2)
			collectFor(60, a)
		}
		require.Len(t, a.got, 10)
		require.Equal(t, 5, r.committed(1))
		require.Equal(t, 0, r.committed(0))
		require.Zero(t, a.Stats().LeasesLost)
		require.LessOrEqual(t, p.hits.Load(), int64(16), "of 5 minutes")
		require.Equal(t, int(p.hits.Load()), a.panicked())
		require.Equal(t, 1, a.log.count("stack="))
		require.Contains(t, a.log.String(), "panic_test.go")
		require.Positive(t, a.log.count(`msg="this shard stands still: reading it panics, and is tried again" logstore=app shard=0 cursor=`))
		p.none()
		collectFor(70, a)
		require.Zero(t, requireAll(t, 20, a))
		require.Equal(t, 5, r.committed(0))
	})
}

// What a pull holds is given back when it panics: bytes, slot, and the turn of others.
func TestThousandPanicsLeakNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 4)
		for shard := range 4 {
			r.put(shard, 1)
		}
		a, p := r.panickyAgent("a", func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "type=logs") },
			"max_concurrent_fetches", "2", "memory_limit", "1M", "buffer_size", "64k")
		for p.hits.Load() < 1000 {
			advance(time.Minute)
		}
		require.True(t, a.budget.Idle(), "no bytes are claimed")
		require.Empty(t, a.slots)
		p.none()
		collectFor(70, a)
		require.Zero(t, requireAll(t, 4, a))
	})
}

// Whatever panics is tried again, and everything is read and committed in the end.
func TestEveryPartSurvivesAPanic(t *testing.T) {
	query := func(text string) func(*http.Request) bool {
		return func(r *http.Request) bool { return strings.Contains(r.URL.String(), text) }
	}
	for name, one := range map[string]struct {
		at    func(*http.Request) bool
		props []string
	}{
		"join":      {at: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/consumergroups") }},
		"heartbeat": {at: query("type=heartbeat")},
		"commit":    {at: query("type=checkpoint")},
		"open":      {at: query("type=cursor")},
		"pull":      {at: query("type=logs")},
		"lag":       {at: query("type=cursor_time")},
		"shards":    {at: func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/shards") }},
		"discovery": {
			at:    func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/logstores") },
			props: []string{"logstore", "", "logstore_pattern", "a.*"},
		},
		"no group": {
			at:    func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/shards") },
			props: []string{"consumer_group", "none"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 2)
				r.put(0, 1)
				r.put(1, 1)
				a, p := r.panickyAgent("a", one.at, one.props...)
				collectFor(90, a)
				require.Positive(t, p.hits.Load())
				require.Equal(t, int(p.hits.Load()), a.panicked())
				require.LessOrEqual(t, p.hits.Load(), int64(60), "with a pause after each")
				require.Equal(t, 1, a.log.count("stack="))
				p.none()
				r.put(0, 1)
				r.put(1, 1)
				collectFor(120, a)
				requireAll(t, 4, a)
				if len(one.props) < 2 || one.props[1] != "none" {
					require.Equal(t, 2, r.committed(0))
					require.Equal(t, 2, r.committed(1))
				}
			})
		})
	}
}

// panickyMonitor is an engine whose reports cannot be read for a while.
type panickyMonitor struct {
	handover.Monitor
	broken atomic.Bool
}

func (m *panickyMonitor) Report(ctx context.Context) (handover.Report, error) {
	if m.broken.Load() {
		panic("broken")
	}
	return m.Monitor.Report(ctx)
}

// A barrier that panics lets the hand-over go on, and another one is made.
func TestBarrierSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		m := &panickyMonitor{Monitor: idleEngine{began: time.Now()}}
		m.broken.Store(true)
		cfg := testConfig(t, "a", "checkpoint", "delivered", "checkpoint_interval", "1s")
		cfg.Monitor = m
		a := r.start(&agent{t: t, log: &logBuffer{}}, cfg)
		collectFor(60, a)
		require.Empty(t, a.got, "nothing is read before the first report")
		m.broken.Store(false)
		collectFor(90, a)
		require.Equal(t, 1, r.committed(0))

		m.broken.Store(true)
		r.put(0, 1)
		collectFor(60, a)
		r.put(0, 1)
		collectFor(60, a)
		require.Zero(t, requireAll(t, 3, a), "the hand-over goes on")
		require.Equal(t, 1, r.committed(0))
		require.Equal(t, 1, a.log.count("stack="))
		m.broken.Store(false)
		collectFor(120, a)
		require.Equal(t, 3, r.committed(0))
	})
}

// A shard whose release panics goes to its next owner.
func TestReleaseSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.put(0, 1)
		r.put(1, 1)
		a, p := r.panickyAgent("a", func(r *http.Request) bool { return strings.Contains(r.URL.RawQuery, "type=checkpoint") })
		collectFor(5, a)
		b := r.agent("b")
		collectFor(120, a, b)
		require.Positive(t, p.hits.Load())
		require.Len(t, r.holds("b"), 1)
		require.Len(t, r.holds("a"), 1)
		p.none()
		r.put(0, 1)
		r.put(1, 1)
		collectFor(120, a, b)
		requireAll(t, 4, a, b)
	})
}
