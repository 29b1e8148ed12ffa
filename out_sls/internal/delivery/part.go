package delivery

import (
	"slices"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/loggroup"
)

// part is a run of logs of one segment, which go in one log group.
type part struct {
	memory.Range
	of        *progress
	body      []byte // encoded Log messages
	rewritten bool   // with another time, because SLS did not take its own
}

// progress counts the parts of one segment that have no answer. One goroutine owns it: the
// parts of a segment never leave the request that carries it.
type progress struct {
	segment *segment.Segment
	open    int // parts without an answer
}

// partsOf are the parts of s that are to be sent, in order: all of it, or what an earlier
// flush has left.
func partsOf(s *segment.Segment) []part { return cut(s, s.Outcome.Missing()) }

// cut cuts ranges, in order, out of s.
func cut(s *segment.Segment, ranges []memory.Range) (parts []part) {
	of := &progress{segment: s}
	from, log := 0, 0
	for _, r := range ranges {
		from += loggroup.LogsSize(s.Logs[from:], r.First-log)
		size := len(s.Logs) - from
		if r.First+r.Count < s.Count {
			size = loggroup.LogsSize(s.Logs[from:], r.Count)
		}
		parts = append(parts, part{of: of, body: s.Logs[from : from+size], Range: r})
		from, log = from+size, r.First+r.Count
	}
	of.open = len(parts)
	return parts
}

// halve cuts a part of at least two logs at a log boundary.
func (p part) halve() (first, second part) {
	half := p.Count / 2
	n := loggroup.LogsSize(p.body, half)
	first, second = p, p
	first.body, first.Count = p.body[:n], half
	second.body, second.First, second.Count = p.body[n:], p.First+half, p.Count-half
	return first, second
}

// spare is the buffer of the segment that the part is all of, if there is room for n bytes
// behind the logs, else nil. Nobody else uses the room until the segment is settled. So a
// log group can be completed there, and a full segment is not copied.
func (p part) spare(n int) []byte {
	buf := p.of.segment.Logs
	if p.rewritten || len(p.body) != len(buf) || cap(buf)-len(buf) < n {
		return nil
	}
	return buf
}

// answered takes note that p has its answer. The last part settles the segment.
func (p part) answered() {
	if p.of.open--; p.of.open == 0 {
		p.of.segment.Settle()
	}
}

// join appends a part of one log, to the last part if it follows on it.
func join(parts []part, one part) []part {
	if n := len(parts); n > 0 {
		last := &parts[n-1]
		if last.of == one.of && !last.rewritten && !one.rewritten && last.First+last.Count == one.First {
			last.Count++
			last.body = last.body[:len(last.body)+len(one.body)]
			return parts
		}
	}
	return append(parts, one)
}

// segmentsOf are the segments that parts are of. Parts of one segment follow each other.
func segmentsOf(parts []part) (segments []*segment.Segment) {
	for _, p := range parts {
		if n := len(segments); n == 0 || segments[n-1] != p.of.segment {
			segments = append(segments, p.of.segment)
		}
	}
	return segments
}

// unsettled are the parts whose segments nobody has given up.
func unsettled(parts []part) []part {
	settled := func(p part) bool { return p.of.segment.Settled() }
	if !slices.ContainsFunc(parts, settled) {
		return parts
	}
	return slices.DeleteFunc(slices.Clone(parts), settled)
}
