package route

import (
	"strings"

	"fluent-bit-sls/shared/loggroup"
)

// need is what it takes to render a template.
type need int

const (
	needNothing need = iota
	needTag
	needRecord
)

// template is a parsed option.
type template struct {
	parts []part
	needs need
	// name is what makes a name of it; nil = a text.
	name *naming
	// dotted are the keys behind dots that were typed as if they reached deeper.
	dotted []dotted
}

// part is a text, or a variable with its default.
type part struct {
	at         int         // where it begins in the option, in bytes
	text       string      // the text, or the default of a variable
	alternates []reference // in order; nil = a text
	optional   bool        // the variable has a default, be it empty
}

// reference is where a variable gets its value from.
type reference struct {
	from source
	n    int // tag part
	path []loggroup.Step
	root int // which of Router.roots the path begins with
}

type source int

const (
	fromTag source = iota
	fromTagPart
	fromRecord
)

// static is the text of a template without variables.
func (t *template) static() string {
	var b strings.Builder
	for i := range t.parts {
		b.WriteString(t.parts[i].text)
	}
	return b.String()
}

// mandatory is the first variable without a default, nil when there is none.
func (t *template) mandatory() *part {
	for i := range t.parts {
		if p := &t.parts[i]; p.alternates != nil && !p.optional {
			return p
		}
	}
	return nil
}

// input is what templates are rendered from.
type input struct {
	tag   string
	roots [][]byte // values of Router.roots in a record, nil for what it does not have
}

// appendTo appends the value of t. In a name the values of the variables are made to fit.
// It is false, and dst is as it was, when a variable without a default is missing.
func (t *template) appendTo(dst []byte, in *input) ([]byte, bool) {
	start := len(dst)
	for i := range t.parts {
		p, before := &t.parts[i], len(dst)
		for a := range p.alternates {
			if dst = p.alternates[a].appendTo(dst, in); t.name != nil {
				dst = t.name.mend(dst, before)
			}
			if len(dst) > before {
				break
			}
		}
		switch {
		case len(dst) > before:
		case p.alternates == nil || p.optional:
			dst = append(dst, p.text...)
		default:
			return dst[:start], false
		}
	}
	return dst, true
}

// appendTo appends nothing for what is missing.
func (r *reference) appendTo(dst []byte, in *input) []byte {
	switch r.from {
	case fromTag:
		return append(dst, in.tag...)
	case fromTagPart:
		return append(dst, tagPart(in.tag, r.n)...)
	default:
		if r.root >= len(in.roots) || in.roots[r.root] == nil {
			return dst
		}
		value, ok := loggroup.Lookup(in.roots[r.root], r.path[1:])
		if !ok || loggroup.IsNil(value) {
			return dst
		}
		// Lookup has read all of the value: there is no error to come.
		dst, _ = loggroup.AppendText(dst, r.path[len(r.path)-1].Key, value)
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
