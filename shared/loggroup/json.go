package loggroup

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"unicode/utf8"
)

// maxDepth is how many arrays and maps may be open at once in one value's
// JSON. What is nested deeper is written as the string tooDeep: the record and
// the rest of the chunk are worth more than its innermost part.
const maxDepth = 64

const tooDeep = "..."

// jsonState is where in a JSON text the writer is.
type jsonState struct {
	depth int
	// inKey: inside an array or map that is itself the key of a map. Such a key
	// is its JSON text quoted as a string; one more such key inside is written as
	// tooDeep, or each level would double the backslashes of the one below.
	inKey bool
}

// appendJSON appends the value at off as JSON and returns the offset behind it.
// Its recursion ends at maxDepth.
func (r *Reader) appendJSON(dst []byte, off int, s jsonState) ([]byte, int, error) {
	t, next, err := readToken(r.chunk, off)
	if err != nil {
		return dst, off, err
	}
	switch t.kind {
	case kindStr, kindBin:
		return r.appendJSONText(dst, t, next), next + int(t.n), nil
	case kindArray, kindMap:
		if s.depth == maxDepth {
			end, err := skip(r.chunk, off)
			return append(dst, `"`+tooDeep+`"`...), end, err
		}
		s.depth++
		if t.kind == kindArray {
			return r.appendArray(dst, next, t.n, s)
		}
		return r.appendMap(dst, next, t.n, s)
	default:
		end := next + t.size()
		return appendJSONScalar(dst, t, r.chunk[next:end]), end, nil
	}
}

func (r *Reader) appendArray(dst []byte, off int, n uint64, s jsonState) ([]byte, int, error) {
	var err error
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, off, err = r.appendJSON(dst, off, s); err != nil {
			return dst, off, err
		}
	}
	return append(dst, ']'), off, nil
}

func (r *Reader) appendMap(dst []byte, off int, n uint64, s jsonState) ([]byte, int, error) {
	var err error
	dst = append(dst, '{')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		key := off
		if dst, off, err = r.appendJSONKey(dst, off, s); err != nil {
			return dst, off, err
		}
		dst = append(dst, ':')
		if dst, off, err = r.appendMember(dst, key, off, s); err != nil {
			return dst, off, err
		}
	}
	return append(dst, '}'), off, nil
}

// appendMember is appendJSON for the value at off. The key of its pair is at key.
func (r *Reader) appendMember(dst []byte, key, off int, s jsonState) ([]byte, int, error) {
	if id, end := idAt(r.chunk, key, off); end > 0 {
		dst = hex.AppendEncode(append(dst, '"'), id)
		return append(dst, '"'), end, nil
	}
	return r.appendJSON(dst, off, s)
}

// appendJSONText appends the str or bin whose bytes begin at off.
func (r *Reader) appendJSONText(dst []byte, t token, off int) []byte {
	if data := r.chunk[off : off+int(t.n)]; t.kind == kindBin && !utf8.Valid(data) {
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), data)
		return append(dst, '"')
	}
	return appendQuoted(dst, r.chunk[off:], int(t.n))
}

// appendJSONKey appends the value at off as a JSON string.
func (r *Reader) appendJSONKey(dst []byte, off int, s jsonState) ([]byte, int, error) {
	t, next, err := readToken(r.chunk, off)
	if err != nil {
		return dst, off, err
	}
	switch t.kind {
	case kindStr, kindBin:
		return r.appendJSONText(dst, t, next), next + int(t.n), nil
	case kindArray, kindMap:
		return r.appendContainerKey(dst, off, s)
	default:
		end := next + t.size()
		dst = append(dst, '"')
		dst = appendScalar(dst, t, r.chunk[next:end])
		return append(dst, '"'), end, nil
	}
}

func (r *Reader) appendContainerKey(dst []byte, off int, s jsonState) ([]byte, int, error) {
	if s.inKey {
		end, err := skip(r.chunk, off)
		return append(dst, `"`+tooDeep+`"`...), end, err
	}
	s.inKey = true
	start := len(dst)
	dst, off, err := r.appendJSON(dst, off, s)
	if err != nil {
		return dst, off, err
	}
	r.scratch = append(r.scratch[:0], dst[start:]...)
	return appendQuoted(dst[:start], r.scratch, len(r.scratch)), off, nil
}

// appendJSONScalar is appendScalar with quotes around what is no JSON literal.
func appendJSONScalar(dst []byte, t token, data []byte) []byte {
	if t.kind != kindExt && t.isFinite() {
		return appendScalar(dst, t, data)
	}
	dst = append(dst, '"')
	dst = appendScalar(dst, t, data)
	return append(dst, '"')
}

// appendQuoted appends the first n bytes of b as a JSON string: the quote, the
// backslash and the bytes below 0x20 escaped, everything else as it is, invalid
// UTF-8 repaired. HTML's characters are not escaped: these are logs.
func appendQuoted(dst, b []byte, n int) []byte {
	dst = slices.Grow(dst, n+2+slack)
	dst = append(dst, '"')
	if p := len(dst); n+slack <= len(b) && copyPlain(dst[p:cap(dst)], b, n) {
		return append(dst[:p+n], '"')
	}
	if text := b[:n]; utf8.Valid(text) {
		dst = appendEscaped(dst, text)
	} else {
		dst = appendEscapedRepaired(dst, text)
	}
	return append(dst, '"')
}

func appendEscaped(dst, text []byte) []byte {
	start := 0
	for i, c := range text {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		dst = appendEscape(dst, c)
		start = i + 1
	}
	return append(dst, text[start:]...)
}

// appendEscapedRepaired is appendEscaped, with each run of invalid UTF-8 replaced.
func appendEscapedRepaired(dst, text []byte) []byte {
	start, bad := 0, false
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r != utf8.RuneError || n != 1 {
			bad = false
			i += n
			continue
		}
		dst = appendEscaped(dst, text[start:i])
		if !bad {
			dst = append(dst, replacement...)
		}
		bad = true
		i++
		start = i
	}
	return appendEscaped(dst, text[start:])
}

// appendEscape appends the escape of the quote, the backslash or a byte below
// 0x20.
func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&0x0f])
}
