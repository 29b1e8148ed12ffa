package loggroup

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

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
