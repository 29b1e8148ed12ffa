package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTicks(t *testing.T) {
	for top, want := range map[float64][]float64{
		1: {0, .5, 1}, 3: {0, 1, 2, 3}, 100_000: {0, 50_000, 100_000}, 620_000: {0, 200_000, 400_000, 600_000, 800_000}, 0: {0, 1},
	} {
		require.InDeltaSlice(t, want, ticks(top, 4), 1e-9, "top %g", top)
	}
}

// Every line is in one bin, also what came at the very end or, by another clock,
// after it.
func TestSums(t *testing.T) {
	arrivals := []Arrival{{At: -1, Lines: 1}, {At: 0, Lines: 2}, {At: 99, Lines: 4}, {At: 100, Lines: 8}, {At: 250, Lines: 16}, {At: 900, Lines: 32}}
	require.Equal(t, []int{7, 8, 48}, sums(arrivals, 100, 250))
	require.Equal(t, 100*time.Millisecond, bin(8*time.Second, 100))
	require.Equal(t, 50*time.Millisecond, bin(0, 100))
	require.Equal(t, 5*time.Second, bin(5*time.Minute, 100))
}

func TestQuantile(t *testing.T) {
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(i+1))
	}
	require.Equal(t, []time.Duration{1, 50, 99, 100},
		[]time.Duration{quantile(values, 0), quantile(values, .5), quantile(values, .99), quantile(values, 1)})
	require.Equal(t, time.Duration(7), quantile([]time.Duration{7}, .99))
	require.Zero(t, quantile(nil, .5))
}

// The buckets touch, and each value is in the one whose bounds it fits.
func TestHistogram(t *testing.T) {
	const us = time.Microsecond
	require.Equal(t, []bucket{
		{1 * us, 2 * us, 2}, {2 * us, 5 * us, 1}, {5 * us, 10 * us, 0}, {10 * us, 20 * us, 1},
	}, histogram([]time.Duration{0, 1999, 2 * us, 10 * us}))
	require.Equal(t, []bucket{{20 * us, 50 * us, 1}}, histogram([]time.Duration{49 * us}))
	require.Nil(t, histogram(nil))
}

// The charts' areas add up: the tallest step is the fastest bin.
func TestThroughputChart(t *testing.T) {
	r := &Run{Took: time.Second, Lines: 100, Bytes: 1000, Stored: []Arrival{{At: 120 * time.Millisecond, Lines: 100}}}
	c := r.throughputChart(sizes()[0])
	require.Contains(t, c.Desc, "out_sls reached 2,000, in_sls 0.", "100 lines in 50 ms")
	top := c.Plot.Y
	require.Equal(t, "2000", c.Left[len(c.Left)-1].Label)
	require.InDelta(t, top, c.Left[len(c.Left)-1].At, 1e-9)
	require.Len(t, c.Areas, 2)
	from, to := c.Plot.X+.1*c.Plot.W, c.Plot.X+.15*c.Plot.W
	want := &path{}
	want.move(round(from), c.Plot.Bottom())
	want.to(round(from), top)
	want.to(round(to), top)
	want.to(round(to), c.Plot.Bottom())
	require.Equal(t, want.String(), c.Areas[0].D)
	require.Empty(t, c.Areas[1].D)
}
