package main

import (
	"fmt"
	"slices"
	"strings"
)

// results holds what was measured, in the order of the rounds:
// "BINARY/BENCHMARK UNIT".
type results map[string][]float64

// bar is what a figure has to reach.
type bar struct {
	sense sense
	value float64
}

type sense string

const (
	atLeast sense = ">="
	atMost  sense = "<="
)

func (b bar) met(v float64) bool {
	if b.sense == atLeast {
		return v >= b.value
	}
	return v <= b.value
}

func (b bar) String() string { return string(b.sense) + " " + number(b.value) }

// sets are the data sets. The bars are for the first.
var sets = []string{"access", "kubernetes", "short"}

// figure is one of the figures that are printed. over and under are keys of results, with
// SET for the data set; without under the figure is no ratio.
type figure struct {
	name, unit  string
	bar         bar
	over, under string
	worst       bool // the bar is for all data sets

	values map[string]spread // by data set, or for "" alone
}

// spread is a figure over the rounds.
type spread struct{ median, least, most float64 }

// compute fills in the values.
func (f *figure) compute(r results) error {
	f.values = map[string]spread{}
	for _, set := range sets {
		if !strings.Contains(f.over, "SET") {
			set = ""
		}
		values, err := r.ratio(strings.ReplaceAll(f.over, "SET", set), strings.ReplaceAll(f.under, "SET", set))
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		f.values[set] = spreadOf(values)
	}
	return nil
}

// value is what the bar is for.
func (f *figure) value() float64 {
	v, ok := f.values[""]
	if !ok {
		v = f.values[sets[0]]
	}
	out := v.median
	for _, other := range f.values {
		if f.worst {
			out = max(out, other.median)
		}
	}
	return out
}

// ratio divides the measurements of the same rounds.
func (r results) ratio(over, under string) ([]float64, error) {
	a := r[over]
	if len(a) == 0 {
		return nil, fmt.Errorf("%q was not measured", over)
	}
	if under == "" {
		return a, nil
	}
	b := r[under]
	if len(a) != len(b) {
		return nil, fmt.Errorf("%q was measured %d times, %q %d times", over, len(a), under, len(b))
	}
	out := make([]float64, len(a))
	for i := range a {
		if b[i] == 0 {
			return nil, fmt.Errorf("%q is 0 in round %d", under, i+1)
		}
		out[i] = a[i] / b[i]
	}
	return out, nil
}

// spreadOf needs one value at least.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, least: sorted[0], most: sorted[n-1]}
}
