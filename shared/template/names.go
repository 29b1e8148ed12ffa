package template

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NameRules is what a kind of name can be, beside letters and digits.
type NameRules struct {
	What            string // for errors: "a logstore name"
	Least, Most     int    // bytes
	Underscore, Dot bool   // anywhere but at its ends, as "-" always can be
	Upper           bool   // values keep their upper case
}

// ends are the characters that no name begins or ends with.
const ends = "-_."

func isEnd(c byte) bool { return c == '-' || c == '_' || c == '.' }

// CanHold tells whether a name can hold c anywhere but at its ends.
func (r *NameRules) CanHold(c byte) bool { return isLetter(c) || isDigit(c) || r.canHold(c) }

// canHold is CanHold of what is no letter and no digit.
func (r *NameRules) canHold(c byte) bool {
	return c == '-' || c == '_' && r.Underscore || c == '.' && r.Dot
}

// Check tells why this cannot be a name, typed in full by the operator. It is more lenient
// than SLS is with new names: older ones are not all alike.
func (r *NameRules) Check(name string) error {
	for i := range len(name) {
		c := name[i]
		if isLetter(c) || isDigit(c) {
			continue
		}
		if !r.CanHold(c) {
			return SyntaxError(name, i, "%s cannot hold %q", r.What, FirstRune(name[i:]))
		}
		if i == 0 || i == len(name)-1 {
			return SyntaxError(name, i, "%s begins and ends with a letter or digit", r.What)
		}
	}
	if len(name) > r.Most {
		return SyntaxError(name, r.Most, "%s has at most %d characters", r.What, r.Most)
	}
	return nil
}

// CheckTemplate tells why what is typed in a template would have to be changed to
// become part of a name: an operator who types "K8S_" should see "K8S_" or an error.
func (r *NameRules) CheckTemplate(t *Template) error {
	for i := range t.Parts {
		p := &t.Parts[i]
		for at := range len(p.Text) {
			c := p.Text[at]
			if r.CanHold(c) && (r.Upper || c < 'A' || c > 'Z') {
				continue
			}
			err := fmt.Errorf("%q: %s cannot hold %q", p.Text, r.What, FirstRune(p.Text[at:]))
			if len(t.Dotted) > 0 && !r.Dot {
				err = fmt.Errorf("%w; %s", err, t.Dotted[0])
			}
			return err
		}
	}
	if t.Mandatory() != nil {
		return nil
	}
	name, _ := t.Append(nil, Nothing{})
	if fitting, ok := t.Name.Fit(name); !ok || string(fitting) != string(name) {
		return fmt.Errorf("with every default in its place this is %q, which cannot be %s", name, r.What)
	}
	return nil
}

// Naming makes a name of a template's value.
type Naming struct {
	rules *NameRules
	// separators are the characters that stand between two variables. No value may
	// contain one. Otherwise the values billing and audit-error would give the same name
	// as billing-audit and error.
	separators string
	instead    byte // takes the place of what a value cannot have; 0 = nothing does
	several    bool // variables
}

// Parse reads the template of a name.
func (r *NameRules) Parse(s string) (Template, error) {
	t, err := Parse(s)
	if err != nil {
		return t, err
	}
	n := &Naming{rules: r}
	between, before := "", false
	for i := range t.Parts {
		p := &t.Parts[i]
		switch {
		case p.Alternates == nil:
			between += p.Text
			continue
		case before && strings.IndexFunc(between, separates) < 0:
			return Template{}, SyntaxError(s, p.At, "%s expected between two variables of a name, or the one's value could end in the other's;"+
				" a default in front of it needs quotes, as in $a|'none'-$b", r.separators())
		case before:
			n.several = true
			n.separators += between
		}
		between, before = "", true
	}
	for _, c := range []byte("-_") {
		if r.canHold(c) && !strings.Contains(n.separators, string(c)) && n.instead == 0 {
			n.instead = c
		}
	}
	t.Name = n
	return t, nil
}

// separators are the characters that can stand between variables, in words.
func (r *NameRules) separators() string {
	if r.Dot {
		return "., - or _"
	}
	return "- or _"
}

// separates tells what can stand between two values; what of it cannot be in a name is
// refused by CheckTemplate.
func separates(r rune) bool { return r > unicode.MaxASCII || !isLetter(byte(r)) && !isDigit(byte(r)) }

// Stops tells whether c stands between variables.
func (n *Naming) Stops(c byte) bool {
	return isEnd(c) && strings.IndexByte(n.separators, c) >= 0
}

// mend makes the value of one variable, dst from start on, part of a name. Letters become
// lower case, if names are, each run of other characters one n.instead, and what no name
// ends with goes from the ends. The result is never longer.
func (n *Naming) mend(dst []byte, start int) []byte {
	end, gap := start, false
	for _, c := range dst[start:] {
		switch {
		case c >= 'A' && c <= 'Z':
			if !n.rules.Upper {
				c |= 0x20
			}
			gap = false
		case c >= 'a' && c <= 'z', isDigit(c), n.rules.canHold(c) && !n.Stops(c):
			gap = false
		case gap || n.instead == 0:
			continue
		default:
			c, gap = n.instead, true
		}
		if end == start && isEnd(c) {
			continue
		}
		dst[end] = c
		end++
	}
	for end > start && isEnd(dst[end-1]) {
		end--
	}
	return dst[:end]
}

// Fit tells whether a template's value is a name. One of a single variable is cut when it
// is too long. One of several is not: without its last variable it would be another's
// name.
func (n *Naming) Fit(name []byte) ([]byte, bool) {
	name = bytes.Trim(name, ends)
	if len(name) > n.rules.Most {
		if n.several {
			return nil, false
		}
		name = bytes.TrimRight(name[:n.rules.Most], ends)
	}
	return name, len(name) >= n.rules.Least
}

// FirstRune is the first character of s, for errors.
func FirstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}
