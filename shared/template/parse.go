package template

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"fluent-bit-sls/shared/loggroup"
)

// SyntaxError says what is wrong and where: in characters, from 1.
func SyntaxError(s string, at int, format string, args ...any) error {
	position := utf8.RuneCountInString(s[:at]) + 1
	return fmt.Errorf("position %d: %s", position, fmt.Sprintf(format, args...))
}

// Parse reads a template; the grammar is in the package comment.
func Parse(s string) (Template, error) {
	p := parser{s: s}
	for p.at < len(s) {
		begin := p.at
		if text := p.text("$"); text != "" {
			p.t.Parts = append(p.t.Parts, Part{At: begin, Text: text})
			continue
		}
		v, err := p.variable()
		if err != nil {
			return Template{}, err
		}
		p.t.Parts = append(p.t.Parts, v)
		p.noteDotted(&v)
	}
	return p.t, nil
}

type parser struct {
	s  string
	at int
	t  Template
}

func (p *parser) fail(format string, args ...any) error {
	return SyntaxError(p.s, p.at, format, args...)
}

// peek is the character i bytes ahead, 0 behind the end.
func (p *parser) peek(i int) byte {
	if p.at+i < len(p.s) {
		return p.s[p.at+i]
	}
	return 0
}

func (p *parser) take(c byte) bool {
	if p.at == len(p.s) || p.s[p.at] != c {
		return false
	}
	p.at++
	return true
}

// text reads up to one of the characters in stop, or the end. An escaped
// character stops nothing.
func (p *parser) text(stop string) string {
	var b strings.Builder
	for p.at < len(p.s) {
		c := p.s[p.at]
		if next := p.peek(1); c == '$' && (next == '$' || next == '|') {
			b.WriteByte(next)
			p.at += 2
			continue
		}
		if strings.IndexByte(stop, c) >= 0 {
			break
		}
		b.WriteByte(c)
		p.at++
	}
	return b.String()
}

func (p *parser) variable() (v Part, err error) {
	v.At = p.at
	for {
		r, err := p.reference()
		if err != nil {
			return v, err
		}
		v.Alternates = append(v.Alternates, r)
		if !p.take('|') {
			break
		}
		if next := p.peek(1); p.peek(0) == '$' && next != '$' && next != '|' {
			continue
		}
		if v.Text, err = p.defaultText(); err != nil {
			return v, err
		}
		v.Optional = true
		break
	}
	if rest := strings.TrimLeft(p.s[p.at:], " "); rest != p.s[p.at:] && strings.HasPrefix(rest, "|") {
		return v, p.fail("no space before |: write $| for the character itself")
	}
	return v, nil
}

// Dotted is a text such as ".b" behind a variable. In jq and Fluentd it leads into the
// value; here the text follows the whole value.
type Dotted struct{ typed, text, meant, literal string }

func (d Dotted) String() string {
	return fmt.Sprintf("in %s%s, %s is text behind the whole value; to reach into it write %s, or for that text %s%s",
		d.typed, d.text, d.text, d.meant, d.literal, d.text)
}

// noteDotted looks at what follows a variable that is a plain key of the record.
func (p *parser) noteDotted(v *Part) {
	rest := p.s[p.at:]
	typed := p.s[v.At:p.at]
	if v.Optional || len(v.Alternates) != 1 || v.Alternates[0].From != FromRecord || strings.HasPrefix(typed, "$[") {
		return
	}
	at := 0
	var meant strings.Builder
	meant.WriteString(typed)
	for at+1 < len(rest) && rest[at] == '.' && (isLetter(rest[at+1]) || rest[at+1] == '_') {
		sub := parser{s: rest, at: at + 1}
		meant.WriteString("['" + sub.name() + "']")
		at = sub.at
	}
	if at == 0 {
		return
	}
	name, subkeys, _ := strings.Cut(typed[1:], "[")
	if subkeys != "" {
		subkeys = "[" + subkeys
	}
	p.t.Dotted = append(p.t.Dotted, Dotted{typed, rest[:at], meant.String(), "$['" + name + "']" + subkeys})
}

func (p *parser) defaultText() (text string, err error) {
	begin := p.at
	switch {
	case p.peek(0) == '\'':
		text, err = p.quote()
	case p.peek(0) == ' ':
		return "", p.fail("no space behind |: put a default that begins with one in quotes")
	default:
		if text = p.text("$|"); text == "" && p.at == begin {
			err = p.fail("no default behind |: write '' for an empty one")
		}
	}
	if err == nil && p.peek(0) == '|' {
		err = p.fail("a default is the last alternative: write $| for the character itself")
	}
	return text, err
}

// quote reads a text in quotes, in which two quotes stand for one.
func (p *parser) quote() (string, error) {
	begin := p.at
	var b strings.Builder
	for p.at++; p.at < len(p.s); p.at++ {
		if p.s[p.at] == '\'' {
			if p.peek(1) != '\'' {
				p.at++
				return b.String(), nil
			}
			p.at++
		}
		b.WriteByte(p.s[p.at])
	}
	p.at = begin
	return "", p.fail("the quote is not closed")
}

// reference reads what begins with a $ that is no escape.
func (p *parser) reference() (Reference, error) {
	begin := p.at
	p.at++
	c := p.peek(0)
	switch {
	case strings.HasPrefix(p.s[p.at:], "TAG"):
		p.at += len("TAG")
		return p.tag()
	case isLetter(c) || c == '_':
		return p.subkeys([]loggroup.Step{{Key: p.name()}})
	case c == '[' && p.peek(1) == '\'':
		return p.subkeys(nil)
	}
	p.at = begin
	switch {
	case isDigit(c):
		return Reference{}, p.fail("there is no regular expression that $%c could be a capture of", c)
	case c == '{':
		return Reference{}, p.fail("an environment variable that Fluent Bit has not expanded")
	default:
		return Reference{}, p.fail("neither $TAG nor $key: write $$ for the character itself")
	}
}

func (p *parser) tag() (Reference, error) {
	p.t.Needs = max(p.t.Needs, NeedTag)
	if p.peek(0) != '[' {
		return Reference{From: FromTag}, nil
	}
	n, ok := p.index()
	if !ok {
		return Reference{}, p.fail("$TAG[n] takes the number of a part, from 0")
	}
	return Reference{From: FromTagPart, N: n}, nil
}

// name reads a name. What is at its end and no letter, digit or underscore is
// left: "$a-$b" is a minus between two variables.
func (p *parser) name() string {
	begin, end := p.at, p.at
	for c := p.peek(0); ; c = p.peek(0) {
		switch {
		case isLetter(c), isDigit(c), c == '_':
			p.at++
			end = p.at
		case c == '-', c == '/':
			p.at++
		default:
			p.at = end
			return p.s[begin:end]
		}
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// subkeys reads what follows the steps in brackets.
func (p *parser) subkeys(path []loggroup.Step) (Reference, error) {
	p.t.Needs = NeedRecord
	for p.peek(0) == '[' {
		if n, ok := p.index(); ok {
			path = append(path, loggroup.Step{Index: n, IsIndex: true})
			continue
		}
		if p.peek(1) != '\'' {
			return Reference{}, p.fail("['key'] or [n] expected: write $key|''[ for the character itself")
		}
		p.at++
		key, err := p.quote()
		if err != nil {
			return Reference{}, err
		}
		if !p.take(']') {
			return Reference{}, p.fail("] expected")
		}
		path = append(path, loggroup.Step{Key: key})
	}
	return Reference{From: FromRecord, Path: path}, nil
}

// index reads a number in brackets, or nothing.
func (p *parser) index() (int, bool) {
	const most = 9 // digits: no list is that long, and an int holds it
	end := strings.IndexByte(p.s[p.at:], ']')
	if end < 2 || end-1 > most {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[p.at+1:p.at+end], 10, 31)
	if err != nil {
		return 0, false
	}
	p.at += end + 1
	return int(n), true
}
