package route

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of SLS: names as CreateProject and CreateLogStore take them, topic and
// source as its data model has them. For tags none is documented; this one keeps
// what a record can put into every request it is part of small.
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
			return fmt.Errorf("%q: %s cannot hold %q", p.text, r.what, firstRune(p.text[at:]))
		}
	}
	if t.mandatory() != nil {
		return nil
	}
	name, _ := t.appendTo(nil, &input{})
	if mended, ok := r.appendMended(nil, name); !ok || string(mended) != string(name) {
		return fmt.Errorf("with every default in its place this is %q, which cannot be %s", name, r.what)
	}
	return nil
}

func firstRune(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return s[:n]
}

// appendMended appends raw as a name. It is false when nothing that could be one
// is left of it; dst comes back as it was then.
func (r *nameRules) appendMended(dst, raw []byte) ([]byte, bool) {
	start, gap := len(dst), false
	for _, c := range raw {
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
			gap = false
		case c >= 'a' && c <= 'z', isDigit(c), r.inner(c):
			gap = false
		case gap:
			continue
		default:
			c, gap = '-', true
		}
		if len(dst) == start && (c == '-' || c == '_') {
			continue
		}
		if len(dst)-start == maxName {
			break
		}
		dst = append(dst, c)
	}
	for len(dst) > start && (dst[len(dst)-1] == '-' || dst[len(dst)-1] == '_') {
		dst = dst[:len(dst)-1]
	}
	if len(dst)-start < r.least {
		return dst[:start], false
	}
	return dst, true
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
