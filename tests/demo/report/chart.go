package report

import (
	"strconv"
	"strings"
)

// chart is an SVG image as the template draws it. Coordinates are those of its
// view box, rounded to tenths.
type chart struct {
	ID, Class     string // of the element; IDs are unique in the page
	Title, Desc   string // what it is, and in words what it shows
	Width, Height float64
	Plot          box
	XName         string
	LeftName      string
	RightName     string
	X             []tick
	Left, Right   []tick
	Bands         []bar
	Areas         []shape
	Curves        []shape
	Bars          []bar
	Marks         []mark
}

type box struct{ X, Y, W, H float64 }

// Right and Bottom are the far edges.
func (b box) Right() float64  { return round(b.X + b.W) }
func (b box) Bottom() float64 { return round(b.Y + b.H) }

type tick struct {
	At    float64
	Label string
}

type shape struct{ Class, D string }

// bar has a label that stands at its middle, where there is room.
type bar struct {
	box
	Class, Title, Label string
}

// Middle is where the label stands.
func (b bar) Middle() float64 { return round(b.X + b.W/2) }

// mark is a labelled vertical line.
type mark struct {
	X     float64
	Label string
	End   bool // the label stands left of the line
}

func round(f float64) float64 { return float64(int(f*10+0.5)) / 10 }

// charWidth is about what a character of an axis label takes at most.
const charWidth = 7.5

// axis maps 0 to top on a length that begins at from.
type axis struct{ from, length, top float64 }

func (a axis) at(v float64) float64 { return round(a.from + v/a.top*a.length) }

// path is the d attribute of a curve.
type path struct{ strings.Builder }

func (p *path) move(x, y float64) { p.op("M", x, y) }
func (p *path) to(x, y float64)   { p.op("L", x, y) }

func (p *path) op(op string, x, y float64) {
	p.WriteString(op + strconv.FormatFloat(x, 'f', -1, 64) + " " + strconv.FormatFloat(y, 'f', -1, 64))
}

// frame is a chart with its axes; height and width are its view box. The
// right axis has the marks of the left one, named by right.
func frame(width, height float64, x, left []tick, right []tick) chart {
	c := chart{Width: width, Height: height, X: x, Left: left, Right: right}
	c.Plot.X = max(12+charWidth*float64(longest(left)), charWidth*float64(len(x[0].Label))/2)
	c.Plot.Y = 30 // the names of the axes and marks stand above the plot
	c.Plot.W = width - c.Plot.X - 10
	if right != nil {
		c.Plot.W -= charWidth * float64(longest(right))
	} else {
		c.Plot.W -= charWidth * float64(len(x[len(x)-1].Label)) / 2
	}
	c.Plot.H = height - c.Plot.Y - 38
	return c
}

func longest(ticks []tick) int {
	n := 0
	for _, t := range ticks {
		n = max(n, len([]rune(t.Label)))
	}
	return n
}
