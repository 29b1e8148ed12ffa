package main

import (
	"bufio"
	"hash/maphash"
	"os"
	"strings"

	"fluent-bit-sls/tests/demo"
)

// generate writes an access log.
func generate(name string, lines int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if _, err := demo.WriteAccessLog(w, lines, 1); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// tally counts lines by their content. One goroutine uses it at a time.
type tally struct {
	count map[uint64]int
	lines int
	bytes int64
}

// seed is one for the process: tallies are compared.
var seed = maphash.MakeSeed()

func newTally() *tally { return &tally{count: map[uint64]int{}} }

// add counts a line as SLS keeps it: what is no UTF-8 is replaced.
func (t *tally) add(line string) {
	t.count[maphash.String(seed, strings.ToValidUTF8(line, "\uFFFD"))]++
	t.lines++
	t.bytes += int64(len(line)) + 1
}

// has tells whether a line is in t.
func (t *tally) has(line string) bool { return t.count[maphash.String(seed, line)] > 0 }

// compare returns how many lines are in t and not in got, and how many more
// often in got than in t.
func (t *tally) compare(got *tally) (lost, doubled int) {
	for line, n := range t.count {
		lost += max(0, n-got.count[line])
	}
	for line, n := range got.count {
		doubled += max(0, n-t.count[line])
	}
	return lost, doubled
}

// count tallies the lines of a file that in_tail would ship.
func count(name string) (*tally, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	t := newTally()
	err = demo.EachLine(f, func(line []byte) error {
		t.add(string(line))
		return nil
	})
	return t, err
}
