package route

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of SLS: of names as in CreateProject and CreateLogStore, of topic and source as
// in its data model. For tags none is documented. This one keeps small what a record can
// add to its requests.
const (
	maxName  = 63
	maxTopic = 128
	maxTag   = 1024
)

// nameRules is what a kind of name can be, beside letters and digits.
type nameRules struct {
	what       string
	least      int // bytes
	underscore bool
}

var (
	projectRules  = nameRules{what: "a project name", least: 3}
	logstoreRules = nameRules{what: "a logstore name", least: 2, underscore: true}
)

// inner tells whether a name can hold c anywhere but at its ends.
func (r *nameRules) inner(c byte) bool {
	return c == '-' || c == '_' && r.underscore
}

// check tells why SLS cannot have this name, typed in full by the operator. It is
// more lenient than SLS is with new names: older ones are not all alike.
func (r *nameRules) check(name string) error {
	for i := range len(name) {
		c := name[i]
		if isLetter(c) || isDigit(c) {
			continue
		}
		if !r.inner(c) {
			return syntaxError(name, i, "%s cannot hold %q", r.what, firstRune(name[i:]))
		}
		if i == 0 || i == len(name)-1 {
			return syntaxError(name, i, "%s begins and ends with a letter or digit", r.what)
		}
	}
	if len(name) > maxName {
		return syntaxError(name, maxName, "%s has at most %d characters", r.what, maxName)
	}
	return nil
}

// checkTemplate tells why what is typed in a template would have to be changed to
// become part of a name: an operator who types "K8S_" should see "K8S_" or an error.
func (r *nameRules) checkTemplate(t *template) error {
	for i := range t.parts {
		p := &t.parts[i]
		for at := range len(p.text) {
			c := p.text[at]
			if c >= 'a' && c <= 'z' || isDigit(c) || r.inner(c) {
				continue
			}
			err := fmt.Errorf("%q: %s cannot hold %q", p.text, r.what, firstRune(p.text[at:]))
			if len(t.dotted) > 0 {
				err = fmt.Errorf("%w; %s", err, t.dotted[0])
			}
			return err
		}
	}
	if t.mandatory() != nil {
		return nil
	}
	name, _ := t.appendTo(nil, &input{})
	if fitting, ok := t.name.fit(name); !ok || string(fitting) != string(name) {
		return fmt.Errorf("with every default in its place this is %q, which cannot be %s", name, r.what)
	}
	return nil
}

// naming makes a name of a template's value.
type naming struct {
	rules *nameRules
	// separators are the characters that stand between two variables. No value may
	// contain one. Otherwise the values billing and audit-error would give the same name
	// as billing-audit and error.
	separators string
	instead    byte // takes the place of what a value cannot have; 0 = nothing does
	several    bool // variables
}

// parse reads the template of a name.
func (r *nameRules) parse(s string) (template, error) {
	t, err := parse(s)
	if err != nil {
		return t, err
	}
	n := &naming{rules: r}
	between, before := "", false
	for i := range t.parts {
		p := &t.parts[i]
		switch {
		case p.alternates == nil:
			between += p.text
			continue
		case before && strings.IndexFunc(between, separates) < 0:
			return template{}, syntaxError(s, p.at, "- or _ expected between two variables of a name, or the one's value could end in the other's;"+
				" a default in front of it needs quotes, as in $a|'none'-$b")
		case before:
			n.several = true
			n.separators += between
		}
		between, before = "", true
	}
	for _, c := range []byte("-_") {
		if r.inner(c) && !strings.Contains(n.separators, string(c)) && n.instead == 0 {
			n.instead = c
		}
	}
	t.name = n
	return t, nil
}

// separates tells what can stand between two values; what of it cannot be in a name is
// refused by checkTemplate.
func separates(r rune) bool { return r > unicode.MaxASCII || !isLetter(byte(r)) && !isDigit(byte(r)) }

// stops tells whether c stands between variables.
func (n *naming) stops(c byte) bool {
	return (c == '-' || c == '_') && strings.IndexByte(n.separators, c) >= 0
}

// mend makes the value of one variable, dst from start on, part of a name. Letters become
// lower case, each run of other characters one n.instead, and "-" and "_" at the ends go.
// The result is never longer.
func (n *naming) mend(dst []byte, start int) []byte {
	end, gap := start, false
	for _, c := range dst[start:] {
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
			gap = false
		case c >= 'a' && c <= 'z', isDigit(c), n.rules.inner(c) && !n.stops(c):
			gap = false
		case gap || n.instead == 0:
			continue
		default:
			c, gap = n.instead, true
		}
		if end == start && (c == '-' || c == '_') {
			continue
		}
		dst[end] = c
		end++
	}
	for end > start && (dst[end-1] == '-' || dst[end-1] == '_') {
		end--
	}
	return dst[:end]
}

// fit tells whether a template's value is a name. One of a single variable is cut when it
// is too long. One of several is not: without its last variable it would be another's
// name.
func (n *naming) fit(name []byte) ([]byte, bool) {
	name = bytes.Trim(name, "-_")
	if len(name) > maxName {
		if n.several {
			return nil, false
		}
		name = bytes.TrimRight(name[:maxName], "-_")
	}
	return name, len(name) >= n.rules.least
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// appendText appends raw as valid UTF-8 of at most limit bytes.
func appendText(dst, raw []byte, limit int) []byte {
	if len(raw) > limit {
		end := limit
		for end > limit-utf8.UTFMax && !utf8.RuneStart(raw[end]) {
			end--
		}
		raw = raw[:end]
	}
	if utf8.Valid(raw) {
		return append(dst, raw...)
	}
	// Values of records are repaired already: this is a tag that is no UTF-8.
	repaired := strings.ToValidUTF8(string(raw), "\uFFFD")
	for len(repaired) > limit {
		_, n := utf8.DecodeLastRuneInString(repaired)
		repaired = repaired[:len(repaired)-n]
	}
	return append(dst, repaired...)
}
