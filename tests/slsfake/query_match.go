package slsfake

import (
	"slices"
	"strings"
)

// What a search statement's conditions find, by the index. A field that keys names
// is cut into words as that says, any other as line does.

// reserved are the fields that can be queried without being configured.
func reserved(key string) bool {
	return key == "__topic__" || key == "__source__" || strings.HasPrefix(key, "__tag__:")
}

// values calls yield for each value that the log has of a field.
func (l *Log) values(key string, yield func(string) bool) {
	tag, isTag := strings.CutPrefix(key, "__tag__:")
	switch {
	case key == "__topic__":
		yield(l.Topic)
	case key == "__source__":
		yield(l.Source)
	case isTag:
		if v, ok := l.Tags[tag]; ok {
			yield(v)
		}
	default:
		for _, c := range l.Contents {
			if c.Key == key && !yield(c.Value) {
				return
			}
		}
	}
}

// fieldKey says how a field is indexed; false when a search without key does not
// look into it.
func (ix *index) fieldKey(key string) (indexKey, bool) {
	if k, ok := ix.Keys[key]; ok {
		return k, !k.isNumber()
	}
	if ix.Line == nil || slices.Contains(ix.Line.ExcludeKeys, key) ||
		len(ix.Line.IncludeKeys) > 0 && !slices.Contains(ix.Line.IncludeKeys, key) {
		return indexKey{}, false
	}
	return indexKey{Type: "text", Token: ix.Line.Token, CaseSensitive: ix.Line.CaseSensitive}, true
}

// configured finds how a field is indexed that a condition names.
func (ix *index) configured(key string) (indexKey, *apiError) {
	if k, ok := ix.Keys[key]; ok {
		return k, nil
	}
	if !reserved(key) {
		return indexKey{}, fail(codeParameterInvalid,
			"key (%s) is not config as key value config,if symbol : is in your log,please wrap : with quotation mark \"", key)
	}
	if ix.Line != nil {
		return indexKey{Type: "text", Token: ix.Line.Token, CaseSensitive: ix.Line.CaseSensitive}, nil
	}
	return indexKey{Type: "text"}, nil
}

// anywhere finds the logs with a text in any field: each word of it in one of
// them, or the whole phrase.
func (ix *index) anywhere(t queryToken) (matcher, *apiError) {
	if t.kind == tokenWord && t.text == "*" {
		return func(*Log) bool { return true }, nil
	}
	if t.badPattern() {
		return nil, unexpected(t)
	}
	parts := []string{t.text}
	if t.kind != tokenPhrase {
		whole := indexKey{Token: ix.delimiters(), CaseSensitive: true} // case is for the fields to fold
		parts = whole.wordsOf(t)
	}
	return func(l *Log) bool {
		for _, part := range parts {
			if !ix.someField(l, queryToken{t.kind, part}) {
				return false
			}
		}
		return len(parts) > 0
	}, nil
}

// someField reports whether a field that is searched without its key has the text.
func (ix *index) someField(l *Log, t queryToken) bool {
	return slices.ContainsFunc(l.Contents, func(c Pair) bool {
		k, ok := ix.fieldKey(c.Key)
		return ok && k.finds(t, c.Value)
	})
}

// delimiters are where a text without a key is cut: those of line, or else of all
// keys.
func (ix *index) delimiters() []string {
	if ix.Line != nil {
		return ix.Line.Token
	}
	var all []string
	for _, k := range ix.Keys {
		all = append(all, k.Token...)
	}
	return all
}

// inField finds the logs that have a text in the field.
func (ix *index) inField(key string, t queryToken) (matcher, *apiError) {
	k, err := ix.configured(key)
	switch {
	case err != nil:
		return nil, err
	case t.kind == tokenWord && t.text == "*":
		return func(l *Log) bool {
			for range l.valuesOf(key) {
				return true
			}
			return false
		}, nil
	case t.badPattern():
		return nil, unexpected(t)
	case k.isNumber():
		n, ok := parseNumber(t.text)
		if !ok {
			return nil, fail(codeParameterInvalid, "key (%s) is a number, %s is none", key, t.text)
		}
		return ix.numbers(key, func(v float64) bool { return v == n })
	}
	return func(l *Log) bool {
		for v := range l.valuesOf(key) {
			if k.finds(t, v) {
				return true
			}
		}
		return false
	}, nil
}

// valuesOf is values as a sequence.
func (l *Log) valuesOf(key string) func(func(string) bool) {
	return func(yield func(string) bool) { l.values(key, yield) }
}

// numbers finds the logs whose field is a number for which want holds.
func (ix *index) numbers(key string, want func(float64) bool) (matcher, *apiError) {
	k, err := ix.configured(key)
	if err != nil {
		return nil, err
	}
	if !k.isNumber() {
		return nil, fail(codeParameterInvalid, "key (%s) is of type %s, which cannot be compared with a number", key, k.Type)
	}
	return func(l *Log) bool {
		for v := range l.valuesOf(key) {
			if n, ok := parseNumber(v); ok && want(n) {
				return true
			}
		}
		return false
	}, nil
}

// badPattern reports whether a wildcard begins the word.
func (t queryToken) badPattern() bool {
	return t.kind == tokenWord && (strings.HasPrefix(t.text, "*") || strings.HasPrefix(t.text, "?"))
}

// wordsOf are the words of a text as the field is cut into words.
func (k indexKey) wordsOf(t queryToken) []string {
	keep := ""
	if t.kind == tokenWord {
		keep = "*?"
	}
	return words(t.text, k.Token, k.CaseSensitive, keep)
}

// finds reports whether a value has every word of a text, or the phrase.
func (k indexKey) finds(t queryToken, value string) bool {
	have, want := words(value, k.Token, k.CaseSensitive, ""), k.wordsOf(t)
	if t.kind == tokenPhrase {
		for i := 0; i+len(want) <= len(have); i++ {
			if slices.Equal(have[i:i+len(want)], want) {
				return len(want) > 0
			}
		}
		return false
	}
	for _, w := range want {
		if !hasWord(have, w, t.kind) {
			return false
		}
	}
	return len(want) > 0
}

func hasWord(have []string, word string, kind tokenKind) bool {
	if kind != tokenWord || !strings.ContainsAny(word, "*?") {
		return slices.Contains(have, word)
	}
	return slices.ContainsFunc(have, func(h string) bool { return wildcard(word, h) })
}

// wildcard reports whether a pattern of * and ? is all of text. It goes back to
// the last * only: the time it takes is at most the product of the lengths.
func wildcard(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
