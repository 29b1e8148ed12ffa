package metric

import (
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

const (
	maxLabels    = 4   // label names of a family
	maxLabelSize = 128 // bytes of a label value
	defaultLimit = 256 // label combinations of a family
	spareSeries  = 32  // combinations past the limit whose first label is "other"

	// Other stands for label values beyond a family's limit.
	Other = "other"
)

// Family is a declared metric with all its series. The exported fields are not
// to be modified.
type Family struct {
	Name   string // snake_case, a counter's ends in _total, another's in its unit
	Help   string
	Kind   Kind
	Labels []string  // names
	Bounds []float64 // of a histogram: the upper bounds of its buckets, ascending

	collect func(Emit) // nil when the values are counted, not computed
	round   sync.Mutex // one computation is applied at a time; before mu

	mu     sync.RWMutex // guards limit, byKey and series
	limit  int
	byKey  map[key]*series
	series []*series // in order of appearance, only ever appended to
}

// key is the label values of a series, "" beyond the family's labels.
type key [maxLabels]string

// series is one combination of label values. Which field counts depends on the
// family's kind.
type series struct {
	index   int
	values  []string
	count   atomic.Uint64   // counter
	bits    atomic.Uint64   // float64: a gauge's value, a histogram's sum
	buckets []atomic.Uint64 // histogram: observations of each bucket, not cumulative; the last has no bound
	bounds  []float64       // the family's
}

// Limit sets how many label combinations the family keeps apart, 256 unless it is called.
// What comes after is counted with the first label as "other". So the values of the other
// labels stay apart. If even those become too many, every label is "other".
func (f *Family) Limit(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limit = n
}

// with returns the series of values. Missing values are "", surplus ones are ignored. The
// zero Counters and Histograms have no family: their values count nothing.
func (f *Family) with(values []string) *series {
	if f == nil {
		return nil
	}
	var k key
	n := copy(k[:len(f.Labels)], values)
	f.mu.RLock()
	s := f.byKey[k]
	f.mu.RUnlock()
	if s != nil {
		return s
	}
	for i := range n {
		k[i] = clean(k[i])
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.internLocked(k)
}

func (f *Family) internLocked(k key) *series {
	if s := f.byKey[k]; s != nil {
		return s
	}
	if len(f.Labels) > 0 && len(f.series) >= f.limit {
		k[0] = Other
		if f.byKey[k] == nil && len(f.series) >= f.limit+spareSeries {
			for i := range f.Labels {
				k[i] = Other
			}
		}
		if s := f.byKey[k]; s != nil {
			return s
		}
	}
	s := &series{index: len(f.series), bounds: f.Bounds}
	for _, v := range k[:len(f.Labels)] {
		s.values = append(s.values, strings.Clone(v))
	}
	if f.Kind == KindHistogram {
		s.buckets = make([]atomic.Uint64, len(f.Bounds)+1)
	}
	copy(k[:], s.values) // the clones: the caller's may be part of something large
	f.byKey[k] = s
	f.series = append(f.series, s)
	return s
}

// all is a snapshot of the series there are.
func (f *Family) all() []*series {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return slices.Clip(f.series)
}

// clean makes a label value that every consumer of metrics takes: valid UTF-8 without
// control characters, and of a bounded size.
func clean(v string) string {
	if len(v) > maxLabelSize {
		end := maxLabelSize
		for end > 0 && !utf8.RuneStart(v[end]) {
			end--
		}
		v = v[:end]
	}
	if utf8.ValidString(v) && strings.IndexFunc(v, unicode.IsControl) < 0 {
		return v
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, v)
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

func (s *series) addFloat(v float64) {
	for {
		old := s.bits.Load()
		if s.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}
