package report

import (
	"fmt"
	"time"
)

// latencyChart is the histogram of a call's sorted times.
func latencyChart(id string, name string, took []time.Duration) chart {
	buckets := histogram(took)
	top := 1
	for _, b := range buckets {
		top = max(top, b.Count)
	}
	var left, edges []tick // the marks' labels stand above the bars
	for _, v := range ticks(float64(top)*1.2, 4) {
		if v == float64(int(v)) {
			left = append(left, tick{v, short(v)})
		}
	}
	for i, b := range buckets {
		edges = append(edges, tick{float64(i), Span(b.From)})
	}
	edges = append(edges, tick{float64(len(buckets)), Span(buckets[len(buckets)-1].To)})
	c := frame(400, 220, edges, left, nil)
	c.ID, c.Class, c.LeftName, c.XName = id, "half", "requests", "time, in steps of 1, 2, 5"
	p50, p99 := quantile(took, .5), quantile(took, .99)
	c.Title = "Latency of " + name
	c.Desc = fmt.Sprintf("Half of %s requests took up to %s, 99 in 100 up to %s, the longest %s.",
		Count(len(took)), Span(p50), Span(p99), Span(took[len(took)-1]))
	x := axis{c.Plot.X, c.Plot.W, float64(len(buckets))}
	y := axis{c.Plot.Bottom(), -c.Plot.H, left[len(left)-1].At}
	for i, b := range buckets {
		at, h := x.at(float64(i)), y.at(float64(b.Count))
		c.Bars = append(c.Bars, bar{
			box: box{at + 1, h, round(x.at(1) - x.at(0) - 2), round(c.Plot.Bottom() - h)}, Class: "latency",
			Title: fmt.Sprintf("%s to %s: %s requests", Span(b.From), Span(b.To), Count(b.Count)),
		})
	}
	for i, q := range []time.Duration{p50, p99} {
		at := x.at(position(buckets, q))
		c.Marks = append(c.Marks, mark{at, []string{"p50", "p99"}[i], i == 0 || at > c.Plot.X+c.Plot.W*.8})
	}
	c.place(x, y)
	c.X = thin(c.X, c.Plot.W)
	return c
}

// position is where d lies among the buckets, one unit each.
func position(buckets []bucket, d time.Duration) float64 {
	for i, b := range buckets {
		if d < b.To {
			return float64(i) + float64(d-b.From)/float64(b.To-b.From)
		}
	}
	return float64(len(buckets))
}

// thin leaves out labels that would touch their neighbours.
func thin(ticks []tick, width float64) []tick {
	room := width / float64(len(ticks))
	step := 1
	for float64(step)*room < charWidth*float64(longest(ticks)+1) {
		step++
	}
	var out []tick
	for i := 0; i < len(ticks); i += step {
		out = append(out, ticks[i])
	}
	return out
}
