package flb

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
)

// fakeSink keeps what it was given last. Like the engine's metrics it is not safe
// for two goroutines; the race detector sees to that.
type fakeSink struct {
	every           time.Duration
	values          map[string]float64
	flushes, writes int
	freed           bool
}

func newFakeSink() *fakeSink { return &fakeSink{every: metricsInterval, values: map[string]float64{}} }

func (f *fakeSink) interval() time.Duration { return f.every }

func (f *fakeSink) write(family *metric.Family, s *metric.Sample) {
	f.values[family.Name+"{"+strings.Join(s.Labels, ",")+"}"] = s.Value
	f.writes++
}
func (f *fakeSink) flush() { f.flushes++ }
func (f *fakeSink) free()  { f.freed = true }

// lines collects log lines as "level text key=value ...".
type lines struct {
	mu    sync.Mutex
	lines []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprint(&b, r.Level, " ", r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" {
			appendAttr(&b, "", a)
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, b.String())
	return nil
}

func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.lines
	l.lines = nil
	return taken
}

// advance lets virtual time pass and everything that is due happen.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestPublishesEverySecondFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, to := metric.NewSet(), newFakeSink()
		requests := set.Counter("requests_total", "Requests.", "result")
		requests.With("ok")
		stop := publish(set, to, slog.New(&lines{}))
		defer stop()
		require.Equal(t, map[string]float64{"requests_total{ok}": 0}, to.values,
			"known series exist when Publish returns: the engine is not collecting yet")
		for i := range 3 {
			requests.With("ok").Add(1)
			advance(metricsInterval)
			require.InDelta(t, i+1, to.values["requests_total{ok}"], 0)
		}
		require.Equal(t, 4, to.flushes)
	})
}

func TestStopIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, to := metric.NewSet(), newFakeSink()
		requests := set.Counter("requests_total", "Requests.")
		stop := publish(set, to, slog.New(&lines{}))
		requests.With().Add(7)
		began := time.Now()
		stop()
		require.Zero(t, time.Since(began))
		require.InDelta(t, 7, to.values["requests_total{}"], 0, "the last values are published")
		require.True(t, to.freed)
		writes := to.writes
		stop()
		advance(time.Minute)
		require.Equal(t, writes, to.writes)
	})
}

func TestStopDoesNotWaitForAStuckFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, to, log := metric.NewSet(), newFakeSink(), &lines{}
		stuck, snapshots := make(chan struct{}), 0
		set.GaugeFunc("stuck", "Stuck.", func(emit metric.Emit) {
			if snapshots++; snapshots > 1 {
				<-stuck
			}
			emit(1)
		})
		stop := publish(set, to, slog.New(log))
		advance(2 * metricsInterval)
		began := time.Now()
		stop()
		require.Equal(t, stopWait, time.Since(began))
		require.Len(t, log.take(), 1)
		writes := to.writes
		close(stuck)
		synctest.Wait()
		require.Equal(t, writes, to.writes, "nothing is written after stop")
		require.Equal(t, 1, to.flushes)
		require.True(t, to.freed)
	})
}

func TestPanicOfAComputedFamilyDoesNotEndPublishing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, to, log := metric.NewSet(), newFakeSink(), &lines{}
		snapshots := 0
		set.GaugeFunc("broken", "Broken.", func(emit metric.Emit) {
			if snapshots++; snapshots > 1 && snapshots < 4 {
				panic("broken")
			}
			emit(float64(snapshots))
		})
		stop := publish(set, to, slog.New(log))
		advance(5 * metricsInterval)
		stop()
		told := log.take()
		require.Len(t, told, 1)
		require.Contains(t, told[0], "ERROR panic in metrics, please report it")
		require.Contains(t, told[0], "metrics_test.go")
		require.InDelta(t, 7, to.values["broken{}"], 0)
		require.True(t, to.freed)
	})
}

func TestCountingWhilePublishing(t *testing.T) {
	set, to := metric.NewSet(), newFakeSink()
	to.every = time.Millisecond
	c := set.Counter("a_total", "A.", "v")
	stop := publish(set, to, slog.New(&lines{}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 5000 {
				c.With(fmt.Sprint(i % 300)).Add(1)
			}
		})
	}
	wg.Wait()
	stop()
	var sum float64
	for _, v := range to.values {
		sum += v
	}
	require.InDelta(t, 4*5000, sum, 0)
}

func TestLogLineWhereThereAreNoMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, log := metric.NewSet(), &lines{}
		requests := set.Counter("requests_total", "Requests.", "logstore", "result")
		requests.With("app", "ok")
		requests.With("app", "retry")
		var held atomic.Int64
		set.GaugeFunc("shards_held", "Shards.", func(emit metric.Emit) { emit(float64(held.Load())) })
		took := set.Histogram("request_seconds", "Latency.", []float64{0.1, 1}, "logstore")
		stop := publish(set, newMetricLines(slog.New(log)), slog.New(log))

		minute := func() []string {
			advance(logInterval)
			return log.take()
		}
		require.Empty(t, minute(), "nothing has happened")
		requests.With("app", "ok").Add(12_345_678)
		requests.With("my store", "ok").Add(1)
		held.Store(3)
		took.With("app").Observe(0.0501)
		took.With("app").Observe(2)
		require.Equal(t, []string{"INFO metrics requests_total{app,ok}=12345678 requests_total{my_store,ok}=1" +
			" shards_held=3 request_seconds_count{app}=2 request_seconds_sum{app}=2.05"}, minute())
		require.Empty(t, minute(), "nothing has changed")
		requests.With("app", "retry").Add(1)
		held.Store(0)
		require.Equal(t, []string{"INFO metrics requests_total{app,retry}=1 shards_held=0"}, minute())
		requests.With("app", "retry").Add(1)
		stop()
		require.Equal(t, []string{"INFO metrics requests_total{app,retry}=2"}, log.take(), "the last values")
	})
}

func TestLogLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, log := metric.NewSet(), &lines{}
		c := set.Counter("requests_total", "Requests.", "logstore")
		stop := publish(set, newMetricLines(slog.New(log)), slog.New(log))
		defer stop()
		seen := map[string]bool{}
		for range 6 {
			for i := range 200 {
				c.With(fmt.Sprintf("logstore-%03d-%s", i, strings.Repeat("x", 40))).Add(1)
			}
			advance(logInterval)
			got := log.take()
			require.Len(t, got, 1)
			require.Less(t, len(got[0]), 3500)
			require.Contains(t, got[0], " more=")
			for _, word := range strings.Fields(got[0])[2:] {
				seen[strings.Split(word, "=")[0]] = true
			}
		}
		require.Len(t, seen, 201, "every series gets its turn, besides more=")
	})
}
