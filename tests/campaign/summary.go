package main

import (
	"fmt"
	"io"
	"sync"
)

// summary is what a campaign amounts to, in records unless said otherwise.
type summary struct {
	sent       int // different records handed to the plugin
	stored     int // as often as they are stored
	lost       int // not stored at all
	duplicated int // stored once too often, each time counted
	ambiguous  int // requests accepted without a clear answer
	failures   int
}

// line is the last line of a campaign.
func (s summary) line(seed uint64) string {
	return fmt.Sprintf("campaign: sent %d, stored %d, lost %d, duplicated %d, ambiguous %d, seed %d",
		s.sent, s.stored, s.lost, s.duplicated, s.ambiguous, seed)
}

// say prints a line. That nobody reads it changes nothing of what was found.
func say(out io.Writer, line string) { _, _ = fmt.Fprintln(out, line) }

// maxPrinted bounds the failures of one kind that are printed: one cause can show
// in every chunk.
const maxPrinted = 10

// failures gathers what must not happen, and prints it as it does.
type failures struct {
	out   io.Writer
	about string // before each text

	mu    sync.Mutex     // guards the following, and out
	kinds map[string]int // by format
	n     int
	all   []string // the printed ones
}

func (f *failures) addf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kinds == nil {
		f.kinds = map[string]int{}
	}
	f.n++
	f.kinds[format]++
	switch n := f.kinds[format]; {
	case n > maxPrinted:
		return
	case n == maxPrinted:
		format += " (no more of these are shown)"
	}
	text := fmt.Sprintf(format, args...)
	f.all = append(f.all, text)
	say(f.out, "FAILURE: "+f.about+text)
}

func (f *failures) printf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	say(f.out, fmt.Sprintf(format, args...))
}

func (f *failures) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}
