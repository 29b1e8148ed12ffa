package report

import (
	"math"
	"slices"
	"time"
)

// nice returns the least of 1, 2 and 5 times a power of ten that is at least f.
func nice(f float64) float64 {
	if f <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(f)))
	for _, m := range []float64{1, 2, 5} {
		// The division may leave the quotient a hair above what it stands for.
		if f/power <= m+1e-9 {
			return m * power
		}
	}
	return 10 * power
}

// ticks returns 0 and its multiples up to the first that is at least top, in
// about n steps.
func ticks(top float64, n int) []float64 {
	step := nice(top / float64(n))
	out := []float64{0}
	for k := 1; out[len(out)-1] < top-step*1e-9; k++ {
		out = append(out, step*float64(k))
	}
	if len(out) == 1 {
		out = append(out, step)
	}
	return out
}

// bin is the width that cuts total into at most n parts, from 50 ms up.
func bin(total time.Duration, n int) time.Duration {
	ms := nice(float64(total.Milliseconds()) / float64(n))
	return max(50*time.Millisecond, time.Duration(ms)*time.Millisecond)
}

// sums adds up the lines of each bin of width w.
func sums(arrivals []Arrival, w, total time.Duration) []int {
	out := make([]int, int(total/w)+1)
	for _, a := range arrivals {
		out[min(len(out)-1, max(0, int(a.At/w)))] += a.Lines
	}
	return out
}

// lines adds up all lines.
func lines(arrivals []Arrival) int {
	n := 0
	for _, a := range arrivals {
		n += a.Lines
	}
	return n
}

// quantile is the smallest value that at least the fraction q of the sorted
// values does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(len(sorted)-1, max(0, i))]
}

// bucket counts the values from From up to, not including, To.
type bucket struct {
	From, To time.Duration
	Count    int
}

// histogram counts sorted values in buckets whose bounds go 1, 2, 5, 10: a
// latency is told by its order of magnitude.
func histogram(sorted []time.Duration) []bucket {
	if len(sorted) == 0 {
		return nil
	}
	var out []bucket
	for from, rest := floor125(sorted[0]), sorted; len(rest) > 0; {
		to := next125(from)
		n, _ := slices.BinarySearch(rest, to)
		out = append(out, bucket{From: from, To: to, Count: n})
		from, rest = to, rest[n:]
	}
	return out
}

// floor125 is the largest of 1, 2, 5 times a power of ten microseconds that is
// not above d; at least 1 µs.
func floor125(d time.Duration) time.Duration {
	f := time.Microsecond
	for next125(f) <= d {
		f = next125(f)
	}
	return f
}

func next125(d time.Duration) time.Duration {
	lead := d
	for lead >= 10 {
		lead /= 10
	}
	if lead == 2 {
		return d * 5 / 2
	}
	return d * 2
}
