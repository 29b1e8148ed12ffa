package metric

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// snapshot renders a set, one line per series.
func snapshot(s *Set) []string {
	var lines []string
	s.Each(func(f *Family, m *Sample) {
		line := f.Name + "{" + strings.Join(m.Labels, ",") + "} "
		if f.Kind == KindHistogram {
			line += fmt.Sprint(m.Buckets, " ", m.Sum, " ", m.Count())
		} else {
			line += fmt.Sprint(m.Value)
		}
		lines = append(lines, line)
	})
	return lines
}

func TestSnapshot(t *testing.T) {
	s := NewSet()
	requests := s.Counter("requests_total", "Requests.", "logstore", "result")
	s.GaugeFunc("shards_held", "Shards.", func(emit Emit) { emit(3.5) })
	took := s.Histogram("request_seconds", "Latency.", []float64{0.1, 1}, "logstore")
	requests.With("app", "ok").Add(2)
	requests.With("app", "ok").Add(1)
	requests.With("app", "retry") // known, has not happened
	for _, v := range []float64{0.05, 0.1, 0.5, 7, math.NaN()} {
		took.With("app").Observe(v)
	}
	require.Equal(t, []string{
		"requests_total{app,ok} 3",
		"requests_total{app,retry} 0",
		"shards_held{} 3.5",
		"request_seconds{app} [2 3 4] 7.65 4",
	}, snapshot(s))
}

func TestUnlabelledFamiliesStartAtZero(t *testing.T) {
	s := NewSet()
	s.Counter("a_total", "A.")
	s.Counter("b_total", "B.", "logstore")
	s.Histogram("c_seconds", "C.", []float64{1})
	require.Equal(t, []string{"a_total{} 0", "c_seconds{} [0 0] 0 0"}, snapshot(s))
	require.Len(t, s.Families(), 3, "one without a series is declared all the same")
}

func TestNameDeclaredTwiceIsOneFamily(t *testing.T) {
	s := NewSet()
	s.Counter("a_total", "A.", "logstore").With("app").Add(1)
	s.Counter("a_total", "again", "logstore").With("app").Add(1)
	require.Equal(t, []string{"a_total{app} 2"}, snapshot(s))
}

func TestZeroHandlesCountNothing(*testing.T) {
	Counters{}.With("app").Add(1)
	Histograms{}.With("app").Observe(1)
}

func TestWrongNumberOfLabels(t *testing.T) {
	s := NewSet()
	c := s.Counter("a_total", "A.", "logstore", "result")
	c.With("app").Add(1)
	c.With("app", "", "surplus").Add(1)
	c.With().Add(1)
	require.Equal(t, []string{"a_total{app,} 2", "a_total{,} 1"}, snapshot(s))
	many := s.Counter("b_total", "B.", "a", "b", "c", "d", "e")
	require.Equal(t, []string{"a", "b", "c", "d"}, many.Labels)
}

func TestSeriesAreBounded(t *testing.T) {
	s := NewSet()
	c := s.Counter("a_total", "A.", "logstore", "result")
	c.Limit(4)
	for i := range 1000 {
		c.With(fmt.Sprint("store", i), "ok").Add(1)
		c.With(fmt.Sprint("store", i), "retry").Add(1)
	}
	require.Equal(t, []string{
		"a_total{store0,ok} 1", "a_total{store0,retry} 1", "a_total{store1,ok} 1", "a_total{store1,retry} 1",
		"a_total{other,ok} 998", "a_total{other,retry} 998",
	}, snapshot(s), "the result stays told apart")

	for i := range 1000 {
		c.With("app", fmt.Sprint("made up ", i)).Add(1)
	}
	lines := snapshot(s)
	require.Len(t, lines, 4+spareSeries+1)
	require.Equal(t, fmt.Sprintf("a_total{other,other} %d", 1000-(spareSeries-2)), lines[len(lines)-1])
}

func TestLabelValuesAreCleaned(t *testing.T) {
	s := NewSet()
	c := s.Counter("a_total", "A.", "v")
	for _, v := range []string{"a\nb\x00c", "a\xffb", strings.Repeat("é", 100), "日志"} {
		c.With(v).Add(1)
		c.With(v).Add(1) // the same series
	}
	require.Equal(t, []string{
		"a_total{a_b_c} 2", "a_total{a_b} 2", "a_total{" + strings.Repeat("é", 64) + "} 2", "a_total{日志} 2",
	}, snapshot(s))
}

func TestComputedFamilies(t *testing.T) {
	s := NewSet()
	total, shards := 7.0, []string{"0", "1"}
	s.CounterFunc("records_total", "Records.", func(emit Emit) { emit(total) })
	s.GaugeFunc("lag_seconds", "Lag.", func(emit Emit) {
		for i, id := range shards {
			emit(float64(i+1), "app", id)
		}
	}, "logstore", "shard")
	require.Equal(t, []string{"records_total{} 7", "lag_seconds{app,0} 1", "lag_seconds{app,1} 2"}, snapshot(s))

	total, shards = 5, []string{"1"}
	require.Equal(t, []string{"records_total{} 7", "lag_seconds{app,0} 0", "lag_seconds{app,1} 1"}, snapshot(s),
		"a counter never falls; a shard that is gone has no lag")
}

func TestComputedValuesThatMeetUnderOther(t *testing.T) {
	s := NewSet()
	emit3 := func(emit Emit) {
		emit(1, "a")
		emit(5, "b")
		emit(3, "c")
	}
	s.GaugeFunc("lag_seconds", "Lag.", emit3, "logstore").Limit(1)
	s.CounterFunc("records_total", "Records.", emit3, "logstore").Limit(1)
	require.Equal(t, []string{
		"lag_seconds{a} 1", "lag_seconds{other} 5", "records_total{a} 1", "records_total{other} 8",
	}, snapshot(s))
}

func TestIndexIsStable(t *testing.T) {
	s := NewSet()
	c := s.Counter("a_total", "A.", "v")
	index := map[string]int{}
	for i := range 20 {
		c.With(fmt.Sprint(i))
		s.Each(func(_ *Family, m *Sample) {
			if known, ok := index[m.Labels[0]]; ok {
				require.Equal(t, known, m.Index)
			}
			index[m.Labels[0]] = m.Index
		})
	}
	require.Len(t, index, 20)
}

func TestConcurrentUse(t *testing.T) {
	const workers, rounds = 8, 2000
	s := NewSet()
	c := s.Counter("a_total", "A.", "v")
	c.Limit(10)
	h := s.Histogram("c_seconds", "C.", []float64{1, 2})
	s.GaugeFunc("d", "D.", func(emit Emit) { emit(1, "x") }, "v")
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				c.With(fmt.Sprint(i % 50)).Add(1)
				h.With().Observe(float64(i % 3))
				if i%100 == w {
					snapshot(s)
				}
			}
		})
	}
	wg.Wait()
	var sum float64
	s.Each(func(f *Family, m *Sample) {
		switch f.Name {
		case "a_total":
			sum += m.Value
			require.LessOrEqual(t, m.Index, 10)
		case "c_seconds":
			require.EqualValues(t, workers*rounds, m.Count())
			require.True(t, slices.IsSorted(m.Buckets))
			require.Positive(t, m.Sum)
		}
	})
	require.InDelta(t, workers*rounds, sum, 0)
}

func TestCountingTakesNoMemory(t *testing.T) {
	s := NewSet()
	c := s.Counter("a_total", "A.", "logstore", "result")
	h := s.Histogram("c_seconds", "C.", []float64{1, 2}, "logstore")
	kept := c.With("app", "ok")
	h.With("app")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		kept.Add(1)
		c.With("app", "ok").Add(1)
		h.With("app").Observe(1.5)
	}))
}

func BenchmarkCounterAdd(b *testing.B) {
	c := NewSet().Counter("a_total", "A.", "logstore", "result").With("app", "ok")
	b.ReportAllocs()
	for b.Loop() {
		c.Add(1)
	}
}

func BenchmarkCounterWith(b *testing.B) {
	c := NewSet().Counter("a_total", "A.", "logstore", "result")
	b.ReportAllocs()
	for b.Loop() {
		c.With("app", "ok").Add(1)
	}
}
