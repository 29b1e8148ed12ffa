package route

import (
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/template"
)

// values are what templates are rendered from.
type values struct {
	tag   string
	roots [][]byte // values of Router.roots in a record, nil for what it does not have
}

// Append appends the value of r, and nothing for what is missing.
func (v *values) Append(dst []byte, r *template.Reference) []byte {
	switch r.From {
	case template.FromTag:
		return append(dst, v.tag...)
	case template.FromTagPart:
		return append(dst, tagPart(v.tag, r.N)...)
	default:
		if r.Slot >= len(v.roots) || v.roots[r.Slot] == nil {
			return dst
		}
		value, ok := loggroup.Lookup(v.roots[r.Slot], r.Path[1:])
		if !ok || loggroup.IsNil(value) {
			return dst
		}
		// Lookup has read all of the value: there is no error to come.
		dst, _ = loggroup.AppendText(dst, r.Path[len(r.Path)-1].Key, value)
		return dst
	}
}

// tagPart is the n-th part of the tag between its dots, "" behind the last.
func tagPart(tag string, n int) string {
	start := 0
	for i := range len(tag) {
		if tag[i] != '.' {
			continue
		}
		if n == 0 {
			return tag[start:i]
		}
		n--
		start = i + 1
	}
	if n == 0 {
		return tag[start:]
	}
	return ""
}
