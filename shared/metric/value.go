package metric

import (
	"math"
	"slices"
)

// Counters is a family of counters.
type Counters struct{ *Family }

// Counter counts one combination of label values. It may be kept, copied and
// used from any goroutine; the zero Counter counts nothing.
type Counter struct{ s *series }

// With is the counter of these label values, which begins at 0: call it at the
// start for the values that are known, so that a rate sees their first increase.
// It allocates for a combination it has not seen.
func (c Counters) With(labels ...string) Counter { return Counter{c.with(labels)} }

// Add adds n.
func (c Counter) Add(n uint64) {
	if c.s != nil {
		c.s.count.Add(n)
	}
}

// Value is the total.
func (c Counter) Value() uint64 {
	if c.s == nil {
		return 0
	}
	return c.s.count.Load()
}

// Gauges is a family of gauges.
type Gauges struct{ *Family }

// Gauge holds the value of one combination of label values, as Counter does.
type Gauge struct{ s *series }

// With is the gauge of these label values, as Counters.With.
func (g Gauges) With(labels ...string) Gauge { return Gauge{g.with(labels)} }

// Set makes v the value.
func (g Gauge) Set(v float64) {
	if g.s != nil {
		g.s.bits.Store(math.Float64bits(v))
	}
}

// Add adds v, which may be negative.
func (g Gauge) Add(v float64) {
	if g.s != nil {
		g.s.addFloat(v)
	}
}

// Value is the value.
func (g Gauge) Value() float64 {
	if g.s == nil {
		return 0
	}
	return math.Float64frombits(g.s.bits.Load())
}

// Histograms is a family of histograms.
type Histograms struct{ *Family }

// Histogram counts the observations of one combination of label values, as
// Counter does.
type Histogram struct{ s *series }

// With is the histogram of these label values, as Counters.With.
func (h Histograms) With(labels ...string) Histogram { return Histogram{h.with(labels)} }

// Observe counts v in its bucket, the first one whose bound is not lower. NaN is
// ignored.
func (h Histogram) Observe(v float64) {
	if h.s == nil || math.IsNaN(v) {
		return
	}
	i, _ := slices.BinarySearch(h.s.bounds, v)
	h.s.buckets[i].Add(1)
	h.s.addFloat(v)
}

func (s *series) addFloat(v float64) {
	for {
		old := s.bits.Load()
		if s.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}
