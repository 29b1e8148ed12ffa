package loggroup

import (
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// jsonReader turns JSON texts (RFC 8259) into msgpack values, one after the other.
type jsonReader struct {
	text []byte
	off  int
	bad  bool // not JSON, or deeper than maxDepth

	out []byte
	enc *msgpack.Encoder // appends to out, which cannot fail
}

func newJSONReader() *jsonReader {
	r := &jsonReader{}
	r.enc = msgpack.NewEncoder(r)
	return r
}

// Write appends to what has been made.
func (r *jsonReader) Write(p []byte) (int, error) {
	r.out = append(r.out, p...)
	return len(p), nil
}

// WriteByte keeps the Encoder from making a slice of each byte.
func (r *jsonReader) WriteByte(c byte) error {
	r.out = append(r.out, c)
	return nil
}

// append appends the msgpack value of a JSON text. It returns false, and dst as it
// was, for what is no JSON, no UTF-8, or nested deeper than maxDepth.
//
//	null nil | true, false bool | string str | array array | object map, its
//	pairs in their order, duplicates included
//	number: without fraction and exponent int (negative) or uint when it fits 64
//	bits; all other float 64
func (r *jsonReader) append(dst, text []byte) ([]byte, bool) {
	if !utf8.Valid(text) {
		return dst, false
	}
	r.text, r.off, r.bad, r.out = text, 0, false, dst
	r.value(0)
	ok := r.space() == 0 && r.off == len(text) && !r.bad
	out := r.out
	r.text, r.out = nil, nil // they are the caller's
	if !ok {
		return out[:len(dst)], false
	}
	return out, true
}

// space skips white space and returns the byte behind it, 0 at the end.
func (r *jsonReader) space() byte {
	for ; r.off < len(r.text); r.off++ {
		switch c := r.text[r.off]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// word takes the literal word; code is its msgpack.
func (r *jsonReader) word(word string, code byte) {
	if len(r.text)-r.off < len(word) || string(r.text[r.off:r.off+len(word)]) != word {
		r.bad = true
		return
	}
	r.off += len(word)
	r.out = append(r.out, code)
}

func (r *jsonReader) value(depth int) {
	switch c := r.space(); {
	case c == '{' || c == '[':
		if depth == maxDepth {
			r.bad = true
			return
		}
		r.container(c, depth+1)
	case c == '"':
		r.str()
	case c == '-' || c >= '0' && c <= '9':
		r.number()
	case c == 't':
		r.word("true", msgpcode.True)
	case c == 'f':
		r.word("false", msgpcode.False)
	default:
		r.word("null", msgpcode.Nil)
	}
}

// container takes an array or an object, whose first byte is open. The number of its
// elements or pairs goes before them and is known behind them. Until then one byte is
// left for the head.
func (r *jsonReader) container(open byte, depth int) {
	at, n := len(r.out), 0
	r.out = append(r.out, 0)
	r.off++
	end := open + 2 // ] and }
	if r.space() == end {
		r.off++
		r.putHead(at, 0, open)
		return
	}
	for !r.bad {
		if open == '{' && !r.name() {
			return
		}
		r.value(depth)
		n++
		switch c := r.space(); {
		case r.bad:
		case c == ',':
			r.off++
		case c == end:
			r.off++
			r.putHead(at, n, open)
			return
		default:
			r.bad = true
		}
	}
}

// name takes the name of a pair and the colon behind it.
func (r *jsonReader) name() bool {
	if r.space() != '"' {
		r.bad = true
		return false
	}
	r.str()
	if r.bad || r.space() != ':' {
		r.bad = true
		return false
	}
	r.off++
	return true
}

// putHead puts the head of n elements or pairs in the place of the byte at at.
func (r *jsonReader) putHead(at, n int, open byte) {
	end := len(r.out)
	switch {
	case n < 16 && open == '{':
		r.out[at] = msgpcode.FixedMapLow | byte(n)
		return
	case n < 16:
		r.out[at] = msgpcode.FixedArrayLow | byte(n)
		return
	case open == '{':
		_ = r.enc.EncodeMapLen(n)
	default:
		_ = r.enc.EncodeArrayLen(n)
	}
	var head [5]byte
	size := copy(head[:], r.out[end:])
	r.out = slices.Replace(r.out[:end], at, at+1, head[:size]...)
}

// str takes a string. One without escapes is copied; another is written behind
// room for the longest head, which is known afterwards.
func (r *jsonReader) str() {
	start := r.off + 1
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.off = i + 1
			r.out = appendStr(r.out, "", r.text[start:i])
			return
		case c == '\\':
			at := len(r.out)
			r.out = append(r.out, noLen[:maxStrHead]...)
			r.out = append(r.out, r.text[start:i]...)
			r.off = i
			if r.escaped(); !r.bad {
				r.out = closeStr(r.out, at)
			}
			return
		case c < ' ':
			r.bad = true
			return
		}
	}
	r.bad = true
}

// escaped takes the rest of a string from its first escape on.
func (r *jsonReader) escaped() {
	for !r.bad && r.off < len(r.text) {
		c := r.text[r.off]
		r.off++
		switch {
		case c == '"':
			return
		case c == '\\':
			r.escape()
		case c < ' ':
			r.bad = true
		default:
			r.out = append(r.out, c)
		}
	}
	r.bad = true
}

// escape takes what follows a backslash. A surrogate without its other half
// becomes U+FFFD, as in encoding/json.
func (r *jsonReader) escape() {
	if r.off == len(r.text) {
		r.bad = true
		return
	}
	c := r.text[r.off]
	r.off++
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r.escapedRune()
		return
	default:
		r.bad = true
		return
	}
	r.out = append(r.out, c)
}

// escapedRune takes what follows \u.
func (r *jsonReader) escapedRune() {
	first, ok := r.hex4(r.off)
	if !ok {
		r.bad = true
		return
	}
	r.off += 4
	if utf16.IsSurrogate(first) {
		second, _ := r.escapedHalf()
		if first = utf16.DecodeRune(first, second); first != utf8.RuneError {
			r.off += 6
		}
	}
	r.out = utf8.AppendRune(r.out, first)
}

// escapedHalf looks at a \uXXXX at the offset without taking it.
func (r *jsonReader) escapedHalf() (rune, bool) {
	if len(r.text)-r.off < 6 || r.text[r.off] != '\\' || r.text[r.off+1] != 'u' {
		return 0, false
	}
	return r.hex4(r.off + 2)
}

func (r *jsonReader) hex4(off int) (rune, bool) {
	if len(r.text)-off < 4 {
		return 0, false
	}
	n := rune(0)
	for _, c := range r.text[off : off+4] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// number takes a number.
//
//	[-] (0 | 1-9 digits) [. digits] [e|E [+|-] digits]
func (r *jsonReader) number() {
	start := r.off
	if r.text[r.off] == '-' {
		r.off++
	}
	first := r.off
	ok := r.digits() > 0 && (r.text[first] != '0' || r.off == first+1)
	whole := true
	if ok && r.peek() == '.' {
		whole = false
		r.off++
		ok = r.digits() > 0
	}
	if c := r.peek(); ok && (c == 'e' || c == 'E') {
		whole = false
		r.off++
		if c := r.peek(); c == '+' || c == '-' {
			r.off++
		}
		ok = r.digits() > 0
	}
	if !ok {
		r.bad = true
		return
	}
	r.putNumber(string(r.text[start:r.off]), whole)
}

func (r *jsonReader) peek() byte {
	if r.off < len(r.text) {
		return r.text[r.off]
	}
	return 0
}

func (r *jsonReader) digits() int {
	start := r.off
	for r.off < len(r.text) && r.text[r.off] >= '0' && r.text[r.off] <= '9' {
		r.off++
	}
	return r.off - start
}

// putNumber appends a number. One that is too large for a float spoils the whole text,
// which then stays a string.
func (r *jsonReader) putNumber(text string, whole bool) {
	if whole && text[0] == '-' {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n < 0 {
			_ = r.enc.EncodeInt(n)
			return
		}
	} else if whole {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			_ = r.enc.EncodeUint(n)
			return
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.bad = true
		return
	}
	_ = r.enc.EncodeFloat64(f)
}
