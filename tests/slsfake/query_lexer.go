package slsfake

import (
	"slices"
	"strings"
)

type tokenKind int

const (
	tokenEnd     tokenKind = iota
	tokenWord              // outside quotes
	tokenString            // within quotes
	tokenPhrase            // within quotes behind "#"
	tokenCompare           // > >= < <= =
	tokenSign              // ( ) [ ] :
)

type queryToken struct {
	kind tokenKind
	text string
}

func (t queryToken) is(sign string) bool { return t.kind == tokenSign && t.text == sign }

func (t queryToken) isWord(operator string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, operator)
}

func (t queryToken) isText() bool {
	return t.kind == tokenWord || t.kind == tokenString || t.kind == tokenPhrase
}

func (t queryToken) isOperator() bool { return t.isWord("and") || t.isWord("or") || t.isWord("not") }

// lexQuery cuts a search statement into tokens, tokenEnd behind them.
func lexQuery(statement string) ([]queryToken, *apiError) {
	var tokens []queryToken
	for rest := strings.TrimLeft(statement, " \t\r\n"); rest != ""; rest = strings.TrimLeft(rest, " \t\r\n") {
		var t queryToken
		var err *apiError
		switch {
		case rest[0] == '|':
			return nil, unsupported("an analytic statement, which is what stands behind a |")
		case strings.ContainsRune("()[]:", rune(rest[0])):
			t, rest = queryToken{tokenSign, rest[:1]}, rest[1:]
		case strings.HasPrefix(rest, ">=") || strings.HasPrefix(rest, "<="):
			t, rest = queryToken{tokenCompare, rest[:2]}, rest[2:]
		case strings.ContainsRune("<>=", rune(rest[0])):
			t, rest = queryToken{tokenCompare, rest[:1]}, rest[1:]
		case strings.HasPrefix(rest, `#"`):
			t.kind = tokenPhrase
			t.text, rest, err = lexString(rest[2:])
		case rest[0] == '"':
			t.kind = tokenString
			t.text, rest, err = lexString(rest[1:])
		default:
			n := strings.IndexAny(rest, " \t\r\n|()[]:<>=\"")
			if n < 0 {
				n = len(rest)
			}
			t, rest = queryToken{tokenWord, rest[:n]}, rest[n:]
		}
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
	}
	return slices.Clip(append(tokens, queryToken{})), nil
}

// lexString reads up to the closing quotation mark.
func lexString(s string) (text, rest string, err *apiError) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", fail(codeParameterInvalid, "syntax error in query: a quotation mark is not closed")
}
