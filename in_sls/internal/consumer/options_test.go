package consumer

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// What options do to the requests and their times, where no other test shows it.

// pullWatch remembers the queries of the pulls that go through it.
type pullWatch struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen []url.Values
	at   []time.Time
}

func (w *pullWatch) RoundTrip(req *http.Request) (*http.Response, error) {
	if q := req.URL.Query(); q.Get("type") == "logs" {
		w.mu.Lock()
		w.seen, w.at = append(w.seen, q), append(w.at, time.Now())
		w.mu.Unlock()
	}
	return w.next.RoundTrip(req)
}

// pulls are the queries so far, and when they were sent.
func (w *pullWatch) pulls() ([]url.Values, []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen, w.at
}

// watching is an agent whose pulls are watched.
func (r *rig) watching(props ...string) (*agent, *pullWatch) {
	r.t.Helper()
	r.srv.AddKey("a", "secret", "")
	transport := r.srv.Transport()
	w := &pullWatch{next: transport}
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.test", Transport: w,
		Credentials: sdk.NewStaticCredentialsProvider("a", "secret", ""),
	})
	require.NoError(r.t, err)
	a := &agent{t: r.t, log: &logBuffer{}}
	a.Consumer, err = New(testConfig(r.t, "a", props...), client, slog.New(slog.NewTextHandler(a.log, nil)))
	require.NoError(r.t, err)
	a.Start()
	r.t.Cleanup(func() {
		require.NoError(r.t, a.Stop(context.Background()))
		client.Close()
		transport.CloseIdleConnections()
	})
	return a, w
}

// query and processor go with every pull, fetch_max_groups bounds it.
func TestPullsAsTheOptionsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		r.answerQueries()
		_, w := r.watching("query", "* | where status = '500' & x", "processor", "mask", "fetch_max_groups", "7")
		advance(3 * time.Second)
		plain, pw := r.watching("consumer_group", "none")
		collectFor(1, plain)
		seen, _ := w.pulls()
		require.NotEmpty(t, seen)
		for _, q := range seen {
			require.Equal(t, "* | where status = '500' & x", q.Get("query"))
			require.Equal(t, "scan_on_stream", q.Get("pullMode"))
			require.Equal(t, "mask", q.Get("processor"))
			require.Equal(t, "7", q.Get("count"))
			require.NotContains(t, q, "end_cursor")
		}
		seen, _ = pw.pulls()
		require.NotEmpty(t, seen)
		for _, name := range []string{"query", "pullMode", "processor"} {
			require.NotContains(t, seen[0], name)
		}
	})
}

// fetch_interval is the least pause of a shard that keeps up, and of an idle one if it is
// longer than the usual pause. A shard that is behind does not pause.
func TestFetchInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		for range 30 {
			r.put(0, 1)
		}
		a, w := r.watching("fetch_interval", "3s", "fetch_max_groups", "10")
		advance(100 * time.Millisecond)
		_, at := w.pulls()
		require.GreaterOrEqual(t, len(at), 3, "behind")
		for range 30 {
			r.put(0, 1)
			collectFor(1, a)
		}
		busy := len(at)
		_, at = w.pulls()
		require.InDelta(t, 10, len(at)-busy, 1)
		for i := busy + 1; i < len(at); i++ {
			require.GreaterOrEqual(t, at[i].Sub(at[i-1]), 3*time.Second)
		}
		collectFor(4, a)
		require.Zero(t, requireAll(t, r.seq, a))
	})
}

// The group is made as heartbeat_timeout and in_order say, under the names of
// consumer_group and consumer.
func TestGroupAsTheOptionsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		a := r.agent("me", "consumer_group", "mine", "heartbeat_timeout", "12s", "in_order", "off")
		advance(13 * time.Second)
		groups, err := r.writer.ListConsumerGroups(t.Context())
		require.NoError(t, err)
		require.Equal(t, []sls.ConsumerGroup{{Name: "mine", Timeout: 12 * time.Second}}, groups)
		members := r.srv.ConsumerGroups(testProject, testLogstore)[0].Members
		require.Len(t, members, 1)
		require.Equal(t, "me", members[0].Name)
		require.Equal(t, int64(4), a.Stats().Heartbeats, "every third of the timeout")
	})
}

// in_order off: children are read while their parent is not; on: not before it has
// been read to its end. A group that exists keeps its own setting.
func TestInOrder(t *testing.T) {
	for name, c := range map[string]struct {
		option   string
		existing *sls.ConsumerGroup
		atOnce   bool
	}{
		"on":          {option: "on"},
		"off":         {option: "off", atOnce: true},
		"kept as on":  {option: "off", existing: &sls.ConsumerGroup{Name: testGroup, Timeout: time.Minute, Order: true}},
		"kept as off": {option: "on", existing: &sls.ConsumerGroup{Name: testGroup, Timeout: time.Minute}, atOnce: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				if c.existing != nil {
					require.NoError(t, r.writer.CreateConsumerGroup(t.Context(), *c.existing))
				}
				r.put(0, 1)
				r.split(0)
				r.put(1, 1)
				r.put(2, 1)
				remove := r.srv.Hook(slsfake.OpPullLogs, func(call *slsfake.Call) {
					if call.Shard == 0 {
						call.Fail(http.StatusInternalServerError, "InternalServerError", "")
					}
				})
				a := r.agent("a", "in_order", c.option)
				collectFor(60, a)
				if c.atOnce {
					require.ElementsMatch(t, []int{2, 3}, ids(a.got))
				} else {
					require.Empty(t, a.got)
				}
				remove()
				collectFor(90, a)
				require.Zero(t, requireAll(t, 3, a))
			})
		})
	}
}

// What was handed over is committed when handoff_delay is over and checkpoint_interval
// has come round, whichever is later.
func TestWhenCheckpointsAreWritten(t *testing.T) {
	for name, c := range map[string]struct {
		props []string
		after time.Duration // of the hand-over
	}{
		"long delay":    {[]string{"handoff_delay", "7s", "checkpoint_interval", "1s"}, 7 * time.Second},
		"long interval": {[]string{"handoff_delay", "300ms", "checkpoint_interval", "20s"}, 19 * time.Second},
		"short":         {[]string{"handoff_delay", "300ms", "checkpoint_interval", "100ms"}, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(0, 1)
				a := r.agent("a", c.props...)
				collectFor(1, a)
				require.Len(t, a.got, 1)
				handed := time.Now()
				for r.committed(0) < 1 {
					advance(10 * time.Millisecond)
					require.Less(t, time.Since(handed), time.Minute)
				}
				require.InDelta(t, c.after.Seconds(), time.Since(handed).Seconds(), 0.11)
			})
		})
	}
}
