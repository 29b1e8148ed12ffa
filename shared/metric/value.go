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
