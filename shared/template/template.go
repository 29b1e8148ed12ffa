package template

import (
	"strings"

	"fluent-bit-sls/shared/loggroup"
)

// Need is what it takes to render a template.
type Need int

// The needs, each with all before it.
const (
	NeedNothing Need = iota
	NeedTag
	NeedRecord
)

// Template is a parsed option.
type Template struct {
	Parts []Part
	Needs Need
	// Name is what makes a name of it; nil = a text.
	Name *Naming
	// Dotted are the keys behind dots that were typed as if they reached deeper.
	Dotted []Dotted
}

// Part is a text, or a variable with its default.
type Part struct {
	At         int         // where it begins in the option, in bytes
	Text       string      // the text, or the default of a variable
	Alternates []Reference // in order; nil = a text
	Optional   bool        // the variable has a default, be it empty
}

// Reference is where a variable gets its value from.
type Reference struct {
	From Source
	N    int // tag part
	Path []loggroup.Step
	// Slot is where Values find what the path begins with. Who renders the template sets it.
	Slot int
}

// Source is what a variable begins with.
type Source int

// The sources.
const (
	FromTag Source = iota
	FromTagPart
	FromRecord
)

// Values say what a variable is worth.
type Values interface {
	// Append appends the value of r to dst, and nothing for what is missing.
	Append(dst []byte, r *Reference) []byte
}

// Nothing are values that are all missing.
type Nothing struct{}

// Append appends nothing.
func (Nothing) Append(dst []byte, _ *Reference) []byte { return dst }

// Static is the text of a template without variables.
func (t *Template) Static() string {
	var b strings.Builder
	for i := range t.Parts {
		b.WriteString(t.Parts[i].Text)
	}
	return b.String()
}

// Mandatory is the first variable without a default, nil when there is none.
func (t *Template) Mandatory() *Part {
	for i := range t.Parts {
		if p := &t.Parts[i]; p.Alternates != nil && !p.Optional {
			return p
		}
	}
	return nil
}

// Append appends the value of t. In a name the values of the variables are made to fit.
// It is false, and dst is as it was, when a variable without a default is missing.
func (t *Template) Append(dst []byte, values Values) ([]byte, bool) {
	start := len(dst)
	for i := range t.Parts {
		p, before := &t.Parts[i], len(dst)
		for a := range p.Alternates {
			if dst = values.Append(dst, &p.Alternates[a]); t.Name != nil {
				dst = t.Name.mend(dst, before)
			}
			if len(dst) > before {
				break
			}
		}
		switch {
		case len(dst) > before:
		case p.Alternates == nil || p.Optional:
			dst = append(dst, p.Text...)
		default:
			return dst[:start], false
		}
	}
	return dst, true
}

// WithoutValues is the name that is left when all that t reads is missing.
func (t *Template) WithoutValues() string {
	name, _ := t.Append(nil, Nothing{})
	name, _ = t.Name.Fit(name)
	return string(name)
}
