package journal

import (
	"cmp"
	"slices"
)

// spansBySegment adds up what frames state under one fingerprint: of each segment the
// spans in order, those that touch made one.
func spansBySegment(frames []frame, fingerprint uint64) map[int][]Span {
	all := map[int][]Span{}
	for _, f := range frames {
		if f.kind != kindAccepted || f.fingerprint != fingerprint {
			continue
		}
		for _, s := range f.spans {
			if s.Logs > 0 {
				all[int(f.segment)] = append(all[int(f.segment)], s)
			}
		}
	}
	for n, spans := range all {
		all[n] = join(spans)
	}
	return all
}

// join sorts spans and makes one of those that touch.
func join(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.First, b.First) })
	joined := spans[:0]
	for _, s := range spans {
		if n := len(joined); n > 0 && s.First <= joined[n-1].First+joined[n-1].Logs {
			last := &joined[n-1]
			last.Logs = max(last.Logs, s.First+s.Logs-last.First)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
