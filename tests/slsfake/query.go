package slsfake

import (
	"strconv"
	"strings"
)

// A search statement:
//
//	statement = [ or ]                       nothing at all finds every log
//	or        = and { "or" and }
//	and       = not { [ "and" ] not }        "a b" and "a not b" are "and", too
//	not       = { "not" } primary
//	primary   = "(" or ")" | text | key ":" text | key compare number | key "in" range
//	text      = word | string | "#" string
//	key       = word | string | "__tag__" ":" ( word | string )
//	compare   = ">" | ">=" | "<" | "<=" | "="
//	range     = ( "[" | "(" ) number number ( "]" | ")" )
//
// A text finds the fields that hold all its words, "#" a string's words one
// behind the other. In a word, * stands for any characters and ? for one; * alone
// finds every log, key: * every log that has the field. Operators may be written
// in capitals. In a string, \ keeps the character behind it from meaning anything.

// matcher says whether a search finds a log.
type matcher func(*Log) bool

// maxDepth is how deep brackets and nots may be nested.
const maxDepth = 100

// parseQuery makes a matcher of a statement for what ix indexes. What stands
// behind a "|" is not implemented, what is no statement ParameterInvalid.
func parseQuery(statement string, ix *index) (matcher, *apiError) {
	tokens, err := lexQuery(statement)
	if err != nil {
		return nil, err
	}
	p := &queryParser{index: ix, tokens: tokens}
	if p.peek().kind == tokenEnd {
		return func(*Log) bool { return true }, nil
	}
	m, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, unexpected(t)
	}
	return m, nil
}

// unexpected is fail for a token where none like it may stand.
func unexpected(t queryToken) *apiError {
	if t.kind == tokenEnd {
		return fail(codeParameterInvalid, "syntax error in query: it ends too soon")
	}
	return fail(codeParameterInvalid, "syntax error in query near %s", t.text)
}

type queryParser struct {
	index  *index
	tokens []queryToken // ends with tokenEnd
}

func (p *queryParser) peek() queryToken { return p.tokens[0] }

func (p *queryParser) next() queryToken {
	t := p.tokens[0]
	if t.kind != tokenEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *queryParser) or(depth int) (matcher, *apiError) {
	a, err := p.and(depth)
	for err == nil && p.peek().isWord("or") {
		p.next()
		var left, right matcher
		left = a
		if right, err = p.and(depth); err == nil {
			a = func(l *Log) bool { return left(l) || right(l) }
		}
	}
	return a, err
}

func (p *queryParser) and(depth int) (matcher, *apiError) {
	a, err := p.not(depth)
	for err == nil && !p.peek().isWord("or") && p.peek().kind != tokenEnd && !p.peek().is(")") {
		if p.peek().isWord("and") {
			p.next()
		}
		var left, right matcher
		left = a
		if right, err = p.not(depth); err == nil {
			a = func(l *Log) bool { return left(l) && right(l) }
		}
	}
	return a, err
}

func (p *queryParser) not(depth int) (matcher, *apiError) {
	negative := false
	for p.peek().isWord("not") {
		p.next()
		negative = !negative
	}
	m, err := p.primary(depth)
	if err != nil || !negative {
		return m, err
	}
	return func(l *Log) bool { return !m(l) }, nil
}

func (p *queryParser) primary(depth int) (matcher, *apiError) {
	t := p.next()
	switch {
	case t.is("("):
		if depth == maxDepth {
			return nil, fail(codeParameterInvalid, "query has more than %d brackets within each other", maxDepth)
		}
		m, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if t := p.next(); !t.is(")") {
			return nil, unexpected(t)
		}
		return m, nil
	case !t.isText() || t.isOperator():
		return nil, unexpected(t)
	}
	after := p.peek()
	switch {
	case t.kind == tokenPhrase:
		return p.index.anywhere(t)
	case after.is(":"):
		p.next()
		return p.field(t)
	case after.kind == tokenCompare:
		return p.compare(t.text, p.next().text)
	case after.isWord("in") && len(p.tokens) > 1 && (p.tokens[1].is("[") || p.tokens[1].is("(")):
		p.next()
		return p.within(t.text)
	}
	return p.index.anywhere(t)
}

// field reads what follows "key:".
func (p *queryParser) field(key queryToken) (matcher, *apiError) {
	t := p.next()
	if key.text == "__tag__" && t.isText() && p.peek().is(":") {
		key.text += ":" + t.text
		p.next()
		t = p.next()
	}
	if !t.isText() || t.isOperator() {
		return nil, unexpected(t)
	}
	return p.index.inField(key.text, t)
}

func (p *queryParser) compare(key, operator string) (matcher, *apiError) {
	bound, err := p.number()
	if err != nil {
		return nil, err
	}
	return p.index.numbers(key, func(n float64) bool {
		switch operator {
		case ">":
			return n > bound
		case ">=":
			return n >= bound
		case "<":
			return n < bound
		case "<=":
			return n <= bound
		default:
			return n == bound
		}
	})
}

// within reads a range.
func (p *queryParser) within(key string) (matcher, *apiError) {
	open := p.next()
	low, err := p.number()
	if err != nil {
		return nil, err
	}
	high, err := p.number()
	if err != nil {
		return nil, err
	}
	end := p.next()
	if !end.is("]") && !end.is(")") {
		return nil, unexpected(end)
	}
	return p.index.numbers(key, func(n float64) bool {
		return (n > low || n == low && open.is("[")) && (n < high || n == high && end.is("]"))
	})
}

func (p *queryParser) number() (float64, *apiError) {
	t := p.next()
	n, ok := parseNumber(t.text)
	if !t.isText() || !ok {
		return 0, unexpected(t)
	}
	return n, nil
}

// parseNumber reads a decimal number, none of the words that strconv takes for one.
func parseNumber(text string) (float64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && strings.Trim(text, "0123456789+-.eE") == ""
}
