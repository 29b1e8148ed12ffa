package metric

import (
	"math"
	"slices"
	"sync"
)

// Kind says what the values of a family are.
type Kind int

// The kinds of families.
const (
	KindCounter   Kind = iota // only grows
	KindGauge                 // goes up and down
	KindHistogram             // observations counted in buckets
)

// Set holds the families of one plugin instance. Its methods may be called from
// any goroutine.
type Set struct {
	mu       sync.Mutex // guards families
	families []*Family
}

// NewSet is an empty Set.
func NewSet() *Set { return &Set{} }

// Emit gives one value of a computed family: the labels are values, in the order
// of the declaration.
type Emit func(value float64, labels ...string)

// Counter declares a family of counters. labels are label names, at most four. A label
// whose values come from the data stands first (see Family.Limit). A name that is
// declared already gives the family of then.
func (s *Set) Counter(name, help string, labels ...string) Counters {
	return Counters{s.declare(&Family{Name: name, Help: help, Kind: KindCounter, Labels: labels})}
}

// Histogram declares a family of histograms, as Counter does. bounds are the upper bounds
// of its buckets, at least one, ascending. The bucket without a bound is added.
func (s *Set) Histogram(name, help string, bounds []float64, labels ...string) Histograms {
	return Histograms{s.declare(&Family{
		Name: name, Help: help, Kind: KindHistogram, Labels: labels, Bounds: slices.Clone(bounds),
	})}
}

// CounterFunc declares counters that collect computes when a snapshot is taken, for what
// is counted elsewhere already. Each value is a total since the start; one that is lower
// than before is ignored. collect must not block and must not call the Set. It may be
// called from any goroutine.
func (s *Set) CounterFunc(name, help string, collect func(Emit), labels ...string) *Family {
	return s.declare(&Family{Name: name, Help: help, Kind: KindCounter, Labels: labels, collect: collect})
}

// GaugeFunc declares gauges that collect computes, as CounterFunc does. A gauge that is
// not emitted any more becomes 0: it cannot be removed from the engine's metrics, and NaN
// would spoil every sum. Of several values under "other" the largest counts.
func (s *Set) GaugeFunc(name, help string, collect func(Emit), labels ...string) *Family {
	return s.declare(&Family{Name: name, Help: help, Kind: KindGauge, Labels: labels, collect: collect})
}

func (s *Set) declare(f *Family) *Family {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.families {
		if known.Name == f.Name {
			return known
		}
	}
	f.Labels = slices.Clone(f.Labels[:min(len(f.Labels), maxLabels)])
	f.limit = defaultLimit
	f.byKey = map[key]*series{}
	if len(f.Labels) == 0 {
		f.with(nil) // a family without labels has its only series at once
	}
	s.families = append(s.families, f)
	return f
}

// Families lists what is declared, in that order.
func (s *Set) Families() []*Family {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.families)
}

// Sample is the state of one series in a snapshot.
type Sample struct {
	Index  int      // of the series in its family: 0, 1, 2 ... in order of appearance, stable
	Labels []string // values, in the order of Family.Labels; not to be modified
	Value  float64  // of a counter or gauge

	// Of a histogram: Buckets[i] counts the observations up to and including
	// Bounds[i], the last one all of them. Valid during the call only.
	Buckets []uint64
	Sum     float64
}

// Count is the number of observations of a histogram.
func (s *Sample) Count() uint64 {
	if len(s.Buckets) == 0 {
		return 0
	}
	return s.Buckets[len(s.Buckets)-1]
}

// Each computes the computed families, then calls fn for every series of every family, in
// the order of declaration and appearance. A value that is counted meanwhile is in this
// snapshot or in the next. A histogram's Sum may lag its Buckets.
func (s *Set) Each(fn func(f *Family, sample *Sample)) {
	var sample Sample
	for _, f := range s.Families() {
		f.compute()
		for _, one := range f.all() {
			sample = Sample{Index: one.index, Labels: one.values, Buckets: sample.Buckets[:0]}
			switch f.Kind {
			case KindCounter:
				sample.Value = float64(one.count.Load())
			case KindGauge:
				sample.Value = math.Float64frombits(one.bits.Load())
			case KindHistogram:
				var total uint64
				for i := range one.buckets {
					total += one.buckets[i].Load()
					sample.Buckets = append(sample.Buckets, total)
				}
				sample.Sum = math.Float64frombits(one.bits.Load())
			}
			fn(f, &sample)
		}
	}
}
