package report

import (
	"fmt"
	"strconv"
	"time"
)

// size is a format of the charts over time. The page shows the one that fits
// the window: text in an image shrinks and grows with it.
type size struct {
	class         string
	width, height float64
	bins, xTicks  int
}

func sizes() []size {
	return []size{
		{"wide", 960, 270, 100, 10},
		{"medium", 600, 250, 70, 8},
		{"narrow", 340, 230, 45, 4},
	}
}

// timeAxis has ticks from 0 to total; the last may lie before its end.
func timeAxis(total time.Duration, n int) (axis, []tick) {
	a := axis{top: max(total.Seconds(), 0.001)}
	var out []tick
	for _, v := range ticks(a.top, n) {
		if v <= a.top {
			out = append(out, tick{v, short(round(v*10) / 10)})
		}
	}
	return a, out
}

// place moves the ticks from values to coordinates.
func (c *chart) place(x, y axis) {
	for i := range c.X {
		c.X[i].At = x.at(c.X[i].At)
	}
	for _, ts := range [][]tick{c.Left, c.Right} {
		for i := range ts {
			ts[i].At = y.at(ts[i].At)
		}
	}
}

// throughputChart shows lines a second, stored and read back, on the left and
// MB a second on the right.
func (r *Run) throughputChart(s size) chart {
	w := bin(r.Took, s.bins)
	stored, read := sums(r.Stored, w, r.Took), sums(r.Read, w, r.Took)
	top := 1.0
	for i := range stored {
		top = max(top, float64(stored[i])/w.Seconds(), float64(read[i])/w.Seconds())
	}
	c, x, y := r.overTime(s, top, func(v float64) string {
		return strconv.FormatFloat(v*r.meanLine()/1e6, 'f', decimals(top*r.meanLine()/1e6), 64)
	})
	c.ID, c.LeftName, c.RightName = "throughput-"+s.class, "lines/s", "MB/s"
	c.Title = "Throughput over time"
	c.Desc = fmt.Sprintf("Lines a second in steps of %s: out_sls reached %s, in_sls %s.", Span(w),
		Count(peak(stored, w)), Count(peak(read, w)))
	for i, counts := range [][]int{stored, read} {
		class := []string{"stored", "read"}[i]
		p := &path{}
		for k, n := range counts {
			from, to := x.at(w.Seconds()*float64(k)), x.at(min(x.top, w.Seconds()*float64(k+1)))
			if n > 0 && (k == 0 || counts[k-1] == 0) {
				p.move(from, y.at(0))
			}
			if n == 0 {
				continue
			}
			v := y.at(float64(n) / w.Seconds())
			p.to(from, v)
			p.to(to, v)
			if k+1 == len(counts) || counts[k+1] == 0 {
				p.to(to, y.at(0))
			}
		}
		c.Areas = append(c.Areas, shape{class, p.String()})
	}
	return c
}

func peak(counts []int, w time.Duration) int {
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	return int(float64(most) / w.Seconds())
}

// decimals is how many an axis up to top needs.
func decimals(top float64) int {
	if top < 10 {
		return 1
	}
	return 0
}

// progressChart shows how many lines were stored and read back so far.
func (r *Run) progressChart(s size) chart {
	c, x, y := r.overTime(s, float64(max(r.Lines, lines(r.Stored), lines(r.Read))), nil)
	c.ID, c.LeftName = "progress-"+s.class, "lines"
	c.Title = "Lines so far"
	c.Desc = fmt.Sprintf("Of %s lines %s were stored and %s read back.",
		Count(r.Lines), Count(lines(r.Stored)), Count(lines(r.Read)))
	for i, arrivals := range [][]Arrival{r.Stored, r.Read} {
		p := &path{}
		p.move(x.at(0), y.at(0))
		w, n := bin(r.Took, s.bins)/2, 0
		for k, more := range sums(arrivals, w, r.Took) {
			n += more
			p.to(x.at(min(x.top, w.Seconds()*float64(k+1))), y.at(float64(n)))
		}
		c.Curves = append(c.Curves, shape{[]string{"stored", "read"}[i], p.String()})
	}
	return c
}

// overTime is a frame over the whole run with its phases as bands.
func (r *Run) overTime(s size, top float64, right func(float64) string) (chart, axis, axis) {
	x, xTicks := timeAxis(r.Took, s.xTicks)
	var left, more []tick
	for _, v := range ticks(top, 4) {
		left = append(left, tick{v, short(v)})
		if right != nil {
			more = append(more, tick{v, right(v)})
		}
	}
	y := axis{top: left[len(left)-1].At}
	c := frame(s.width, s.height, xTicks, left, more)
	c.Class, c.XName = s.class, "seconds since the start"
	x.from, x.length = c.Plot.X, c.Plot.W
	y.from, y.length = c.Plot.Bottom(), -c.Plot.H
	c.place(x, y)
	for i, p := range r.Phases {
		from, to := x.at(p.From.Seconds()), x.at(min(x.top, p.To.Seconds()))
		b := bar{box: box{from, c.Plot.Y, round(to - from), c.Plot.H}, Class: []string{"even", "odd"}[i%2], Title: p.Name}
		if float64(len(p.Name))*charWidth < b.W {
			b.Label = p.Name
		}
		c.Bands = append(c.Bands, b)
	}
	return c, x, y
}
