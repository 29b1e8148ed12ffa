package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"fluent-bit-sls/tests/slsfake"
)

// printTotals says what was served, by operation, and what is stored.
func printTotals(out io.Writer, s *slsfake.Server, set settings) error {
	st := s.Stats()
	var b strings.Builder
	b.WriteString("operation\trequests\tstatus\traw in\twire in\traw out\twire out\n")
	for _, op := range slices.Sorted(maps.Keys(st.Ops)) {
		o := st.Ops[op]
		fmt.Fprintf(&b, "%s\t%d\t%s\t%d\t%d\t%d\t%d\n",
			op, o.Requests, statuses(o), o.RawIn, o.WireIn, o.RawOut, o.WireOut)
	}
	for _, name := range set.logstores {
		var size int64
		for _, sh := range s.Shards(set.project, name) {
			size += sh.Bytes
		}
		fmt.Fprintf(&b, "%s/%s\t%d logs\t\t%d\n", set.project, name, s.LogCount(set.project, name), size)
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return w.Flush()
}

// statuses is "200:5 403:1".
func statuses(o slsfake.OpStats) string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(o.ByStatus)) {
		parts = append(parts, fmt.Sprintf("%d:%d", status, o.ByStatus[status]))
	}
	if o.Aborted > 0 {
		parts = append(parts, fmt.Sprintf("aborted:%d", o.Aborted))
	}
	return strings.Join(parts, " ")
}
