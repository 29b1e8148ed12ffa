package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// report prints the tables and the lines.
func report(out io.Writer, figures []figure, r results, notes []string, rounds int) error {
	var b bytes.Buffer // writing to it cannot fail
	say := func(format string, args ...any) { b.WriteString(fmt.Sprintf(format, args...)) }
	say("%s, %d processors, %s, %d rounds; medians, with the least and the most of the rounds in brackets\n\n",
		cpuModel(), runtime.NumCPU(), runtime.Version(), rounds)
	say("figure\tunit\tbar\tmet\taccess\tkubernetes\tshort\n")
	for _, f := range figures {
		say("%s\n", f.row())
	}
	slices.Sort(notes)
	for _, note := range slices.Compact(notes) {
		say("\n%s\n", note)
	}
	say("\nmeasured\t\t\n")
	for _, key := range slices.Sorted(maps.Keys(r)) {
		name, unit, _ := strings.Cut(key, " ")
		say("%s\t%s\t%s\n", name, unit, spreadOf(r[key]))
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if _, err := t.Write(append(b.Bytes(), '\n')); err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range figures {
		if _, err := fmt.Fprintf(out, "bench: %s %s %s\n", f.name, number(f.value()), f.unit); err != nil {
			return err
		}
	}
	return nil
}

// row is a figure in the table: one value that goes for all, or one per data set.
func (f *figure) row() string {
	met := "yes"
	if !f.bar.met(f.value()) {
		met = "NO"
	}
	cells := []string{f.name, f.unit, f.bar.String(), met}
	if v, ok := f.values[""]; ok {
		return strings.Join(append(cells, v.String()), "\t")
	}
	for _, set := range sets {
		cells = append(cells, f.values[set].String())
	}
	return strings.Join(cells, "\t")
}

func (s spread) String() string {
	if s.least == s.most {
		return number(s.median)
	}
	return fmt.Sprintf("%s (%s..%s)", number(s.median), number(s.least), number(s.most))
}

// number prints about three digits, and never more than say something. A
// thousandth of an allocation per record is one that a pool had to make anew.
func number(v float64) string {
	decimals := 3
	for size := max(v, -v); size >= 1 && decimals > 0; size /= 10 {
		decimals--
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// cpuModel is what the kernel calls the processor.
func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}
