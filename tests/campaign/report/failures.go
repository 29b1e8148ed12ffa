// Package report prints what a campaign finds, and counts what must not happen.
package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Say prints a line. An error of out changes nothing of what was found.
func Say(out io.Writer, line string) { _, _ = fmt.Fprintln(out, line) }

// MaxPrinted bounds the failures of one kind that are printed: one cause can show
// in every chunk.
const MaxPrinted = 10

// Failures gathers what must not happen, and prints it as it does.
type Failures struct {
	Out   io.Writer
	About string // before each text

	mu    sync.Mutex     // guards the following, and out
	kinds map[string]int // by format
	n     int
	all   []string // the printed ones
}

// Addf adds a failure and prints it.
func (f *Failures) Addf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds = map[string]int{}
	}
	f.n++
	f.kinds[format]++
	switch n := f.kinds[format]; {
	case n > MaxPrinted:
		return
	case n == MaxPrinted:
		format += " (no more of these are shown)"
	}
	text := fmt.Sprintf(format, args...)
	f.all = append(f.all, text)
	Say(f.Out, "FAILURE: "+f.About+text)
}

// Printf prints a line that is no failure.
func (f *Failures) Printf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	Say(f.Out, fmt.Sprintf(format, args...))
}

// Count returns how many there are.
func (f *Failures) Count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// List prints counts by name.
func List(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// Texts are the failures that were printed.
func (f *Failures) Texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.all...)
}
