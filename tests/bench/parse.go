package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// sample is one value that a benchmark has reported.
type sample struct {
	name  string // without the word Benchmark: Encode/access/lz4
	unit  string
	value float64
}

// procsSuffix is what go test appends to the names with more than one processor.
var procsSuffix = regexp.MustCompile(`-\d+$`)

var errNoSample = errors.New("no benchmark has reported anything")

// parse reads what go test -bench prints:
//
//	BenchmarkNAME-PROCS  N  VALUE UNIT  VALUE UNIT ...
//
// Go's own time per operation is left out: it is not what is compared here.
func parse(output string) ([]sample, error) {
	var samples []sample
	for line := range strings.Lines(output) {
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name := procsSuffix.ReplaceAllString(strings.TrimPrefix(words[0], "Benchmark"), "")
		for pair := words[2:]; len(pair) > 1; pair = pair[2:] {
			value, err := strconv.ParseFloat(pair[0], 64)
			if err != nil {
				return nil, fmt.Errorf("line %q: %w", strings.TrimSpace(line), err)
			}
			if pair[1] != "ns/op" {
				samples = append(samples, sample{name, pair[1], value})
			}
		}
	}
	if len(samples) == 0 {
		return nil, errNoSample
	}
	return samples, nil
}

// notes are what a test binary reports of itself, one line each: which hosts it has used.
func notes(output string) (found []string) {
	for line := range strings.Lines(output) {
		if note, ok := strings.CutPrefix(line, "report: "); ok {
			found = append(found, strings.TrimSpace(note))
		}
	}
	return found
}
