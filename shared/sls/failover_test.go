package sls

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

const (
	internal = "http://internal.test"
	public   = "http://public.test"
	fast     = "https://fast.test"
)

// region is a service with several endpoints, each an emulator of its own so
// that it shows which of them a request went to.
type region struct {
	t     *testing.T
	mu    sync.Mutex
	down  map[string]bool // host: nothing listens there; guarded by mu
	dials map[string]int  // guarded by mu
	at    map[string]*slsfake.Server
	log   bytes.Buffer
	*Client
}

func newRegion(t *testing.T, list ...string) *region {
	t.Helper()
	r := &region{t: t, down: map[string]bool{}, dials: map[string]int{}, at: map[string]*slsfake.Server{}}
	for _, e := range list {
		r.at[e] = newFake(t)
	}
	transport := wire{maxConns: 4}.transport()
	transport.DialContext = r.dial
	r.Client = newClient(t, strings.Join(list, ","), func(cfg *Config) {
		cfg.Transport, cfg.Logger = transport, slog.New(slog.NewTextHandler(&r.log, nil))
	})
	return r
}

func (r *region) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(strings.TrimPrefix(addr, "proj."))
	require.NoError(r.t, err)
	for name, fake := range r.at {
		if !strings.HasSuffix(name, "//"+host) {
			continue
		}
		r.mu.Lock()
		r.dials[name]++
		down := r.down[name]
		r.mu.Unlock()
		if !down {
			return fake.DialContext(ctx, network, addr)
		}
	}
	return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
}

// take brings an endpoint down, connections and all, or up again.
func (r *region) take(name string, down bool) {
	r.mu.Lock()
	r.down[name] = down
	r.mu.Unlock()
	r.Close()
}

func (r *region) dialed(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dials[name]
}

func (r *region) put() error {
	raw := encodeGroup(r.t, "v")
	return r.Logstore("proj", "store").PutLogs(r.t.Context(), Body{Data: raw, RawSize: len(raw), Codec: None}, "")
}

func (r *region) stored(name string) int { return r.at[name].LogCount("proj", "store") }

func (r *region) switches() int { return strings.Count(r.log.String(), "endpoint switched") }

// The first endpoint cannot be connected to: no request fails, the next one is
// used, the first is probed now and then, and used again once it is back.
func TestFailoverAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegion(t, internal, public)
		require.NoError(t, r.put())
		require.Equal(t, internal, r.Endpoint())
		r.take(internal, true)
		for range 600 {
			require.NoError(t, r.put())
			require.Equal(t, public, r.Endpoint())
			<-time.After(time.Second)
		}
		require.Equal(t, 600, r.stored(public))
		require.Equal(t, 1, r.switches(), r.log.String())
		require.Contains(t, r.log.String(), "from="+internal+" to="+public+` why="dial`)
		probes := r.dialed(internal) - 2
		require.GreaterOrEqual(t, probes, 7)
		require.LessOrEqual(t, probes, 14, "one probe in 45 to 75 s")

		r.take(internal, false)
		for range 80 {
			require.NoError(t, r.put())
			<-time.After(time.Second)
		}
		require.Equal(t, internal, r.Endpoint())
		require.Greater(t, r.stored(internal), 4)
		require.Equal(t, 2, r.switches(), r.log.String())
	})
}

// A streak of failures of the service, or of answers that never come, are their
// callers' to see and to retry; then the next endpoint is used.
func TestFailureStreaks(t *testing.T) {
	for name, fault := range map[string]func(*slsfake.Call){
		"5xx":           func(c *slsfake.Call) { c.Fail(500, "InternalServerError", "x") },
		"a gateway":     func(c *slsfake.Call) { c.FailHTML(502) },
		"connections":   func(c *slsfake.Call) { c.CloseBefore() },
		"stored, reset": func(c *slsfake.Call) { c.CloseAfter() },
		"no answer":     func(c *slsfake.Call) { c.Delay(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRegion(t, internal, public)
				remove := r.at[internal].Hook("", fault)
				for range failureStreak {
					e := requireError(t, r.put())
					require.Equal(t, ClassRetry, e.Class)
					require.Equal(t, name != "5xx", e.Ambiguous)
					require.Zero(t, r.stored(public), "an ambiguous failure was hidden by a second try")
				}
				require.Equal(t, public, r.Endpoint())
				require.NoError(t, r.put())
				// A probe that fails is its caller's to see, too, and changes nothing.
				<-time.After(2 * probeEvery)
				require.Error(t, r.put())
				require.NoError(t, r.put())
				require.Equal(t, public, r.Endpoint())
				remove()
				<-time.After(2 * probeEvery)
				require.NoError(t, r.put())
				require.Equal(t, internal, r.Endpoint())
			})
		})
	}
}

// Failures with answers in between are the service's daily life, and so is any
// number of refusals.
func TestNoFailoverWithoutAStreak(t *testing.T) {
	r := newRegion(t, internal, public)
	n := 0
	r.at[internal].Hook("", func(c *slsfake.Call) {
		switch n++; {
		case n%failureStreak != 0:
			c.Fail(503, "ServerBusy", "x")
		case n%2 == 0:
			c.Fail(403, "WriteQuotaExceed", "x")
		}
	})
	for range 10 * failureStreak {
		_ = r.put()
	}
	require.Equal(t, internal, r.Endpoint())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 10 {
		require.Error(t, r.Logstore("proj", "store").PutLogs(ctx, oneByte, ""))
	}
	require.Equal(t, internal, r.Endpoint())
	require.Zero(t, r.dialed(public))
}

// Probes that fail, in a row and with nothing in between, say nothing about the
// endpoint in use.
func TestFailedProbesSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegion(t, internal, public, fast)
		r.down[internal], r.down[fast] = true, true
		require.NoError(t, r.put())
		require.Equal(t, public, r.Endpoint())
		r.take(public, true)
		r.take(internal, false)
		r.at[internal].Hook("", func(c *slsfake.Call) { c.Fail(500, "InternalServerError", "x") })
		for range 3 * failureStreak {
			<-time.After(2 * probeEvery)
			require.Error(t, r.put(), "the probe's own failure")
			require.Equal(t, public, r.Endpoint())
		}
		r.take(public, false)
		require.NoError(t, r.put())
	})
}

// With the network down every endpoint is tried once a request, none is taken
// for the better one, and the error is the first one's.
func TestAllEndpointsDown(t *testing.T) {
	r := newRegion(t, internal, public, fast)
	for _, name := range []string{internal, public, fast} {
		r.take(name, true)
	}
	for n := range 20 {
		e := requireError(t, r.put())
		require.Equal(t, "endpoint, project", e.Mend)
		require.False(t, e.Ambiguous)
		for _, name := range []string{internal, public, fast} {
			require.Equal(t, n+1, r.dialed(name))
		}
	}
	require.Equal(t, internal, r.Endpoint())
	require.Empty(t, r.log.String())
	r.take(public, false)
	require.NoError(t, r.put())
	require.Equal(t, public, r.Endpoint())
}

// Endpoints that all answer 5xx are used in turn, and the log stays readable.
func TestSwitchingForEverIsLoggedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegion(t, internal, public)
		for _, fake := range r.at {
			fake.Hook("", func(c *slsfake.Call) { c.Fail(500, "InternalServerError", "x") })
		}
		for range 1500 {
			require.Error(t, r.put())
			<-time.After(200 * time.Millisecond)
		}
		require.LessOrEqual(t, r.switches(), int(5*time.Minute/logEvery)+1)
		require.Greater(t, r.switches(), 3)
	})
}

// An answer that was long on its way does not bring back the endpoint it is from.
func TestLateAnswerSwitchesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegion(t, internal, public)
		remove := r.at[internal].Hook("", func(c *slsfake.Call) { c.Delay(10 * time.Second) })
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, r.put()) })
		synctest.Wait()
		remove()
		r.take(internal, true)
		require.NoError(t, r.put())
		wg.Wait()
		require.Equal(t, public, r.Endpoint())
	})
}

// Under load and with the race detector: endpoints come and go, and while one of
// them can be connected to no request fails.
func TestFailoverUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegion(t, internal, public)
		var over atomic.Bool
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for !over.Load() {
					require.NoError(t, r.put())
					<-time.After(time.Second)
				}
			})
		}
		for i := range 20 {
			<-time.After(17*time.Second + 100*time.Millisecond)
			r.take(internal, i%2 == 0)
		}
		over.Store(true)
		wg.Wait()
		require.Positive(t, r.stored(internal))
		require.Positive(t, r.stored(public))
	})
}

func TestDialTimeouts(t *testing.T) {
	one, two := make([]endpoint, 1), make([]endpoint, 2)
	require.Equal(t, dialTimeout, wire{endpoints: one, timeout: time.Second}.dialTimeout())
	require.Equal(t, shortDialTimeout, wire{endpoints: two, timeout: time.Minute}.dialTimeout())
	require.Equal(t, shortDialTimeout, wire{endpoints: two}.dialTimeout())
	require.Equal(t, time.Second, wire{endpoints: two, timeout: 2 * time.Second}.dialTimeout())
}

func TestParseEndpoints(t *testing.T) {
	list, err := parseEndpoints("cn-hangzhou-intranet.log.aliyuncs.com, http://127.0.0.1:80 ,https://b")
	require.NoError(t, err)
	require.Equal(t, []endpoint{
		{"https", "cn-hangzhou-intranet.log.aliyuncs.com", false, "", nil}, {"http", "127.0.0.1:80", true, "", nil}, {"https", "b", false, "", nil},
	}, list)
	for _, raw := range []string{"a,", ",a", "a,,b", "a,b,https://A", "1,2,3,4,5,6,7,8,9", "a,ftp://b,c/d"} {
		_, err := parseEndpoints(raw)
		require.ErrorContains(t, err, "endpoint", raw)
		require.Error(t, checkEndpoints(raw), raw)
	}
	_, err = parseEndpoints("ftp://b,a,c/d")
	require.ErrorContains(t, err, "ftp://b")
	require.ErrorContains(t, err, "c/d")
}
