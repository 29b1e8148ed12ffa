package metric

import "math"

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

// compute fills in the values of a computed family.
func (f *Family) compute() {
	if f.collect == nil {
		return
	}
	type emitted struct {
		to *series
		v  float64
	}
	var round []emitted
	f.collect(func(v float64, labels ...string) { round = append(round, emitted{f.with(labels), v}) })

	f.round.Lock()
	defer f.round.Unlock()
	totals := map[*series]float64{}
	for _, e := range round {
		v, again := totals[e.to]
		switch {
		case !again:
			totals[e.to] = e.v
		case f.Kind == KindGauge:
			totals[e.to] = max(v, e.v)
		default:
			totals[e.to] = v + e.v
		}
	}
	for _, s := range f.all() {
		s.assign(f.Kind, totals[s])
	}
}

// assign gives a computed series its value of this round, 0 for none.
func (s *series) assign(kind Kind, v float64) {
	if kind == KindGauge {
		s.bits.Store(math.Float64bits(v))
		return
	}
	if v > 0 && uint64(v) > s.count.Load() {
		s.count.Store(uint64(v))
	}
}
