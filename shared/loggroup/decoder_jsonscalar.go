package loggroup

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// str takes a string. One without escapes is copied; another is written behind
// room for the longest head, which is known afterwards.
func (r *jsonReader) str(dst []byte) []byte {
	start := r.off + 1
	for i := start; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.off = i + 1
			return appendStr(dst, "", r.text[start:i])
		case c == '\\':
			at := len(dst)
			dst = append(dst, noLen[:maxStrHead]...)
			dst = append(dst, r.text[start:i]...)
			r.off = i
			if dst = r.escaped(dst); r.bad {
				return dst
			}
			return closeStr(dst, at)
		case c < ' ':
			return r.fail(dst)
		}
	}
	return r.fail(dst)
}

// escaped takes the rest of a string from its first escape on.
func (r *jsonReader) escaped(dst []byte) []byte {
	for r.off < len(r.text) {
		c := r.text[r.off]
		r.off++
		switch {
		case c == '"':
			return dst
		case c == '\\':
			if dst = r.escape(dst); r.bad {
				return dst
			}
		case c < ' ':
			return r.fail(dst)
		default:
			dst = append(dst, c)
		}
	}
	return r.fail(dst)
}

// escape takes what follows a backslash. A surrogate without its other half
// becomes U+FFFD, as in encoding/json.
func (r *jsonReader) escape(dst []byte) []byte {
	if r.off == len(r.text) {
		return r.fail(dst)
	}
	c := r.text[r.off]
	r.off++
	switch c {
	case '"', '\\', '/':
		return append(dst, c)
	case 'b':
		return append(dst, '\b')
	case 'f':
		return append(dst, '\f')
	case 'n':
		return append(dst, '\n')
	case 'r':
		return append(dst, '\r')
	case 't':
		return append(dst, '\t')
	case 'u':
		first, ok := r.hex4(r.off)
		if !ok {
			return r.fail(dst)
		}
		r.off += 4
		if utf16.IsSurrogate(first) {
			if second, ok := r.escapedHalf(); ok {
				if both := utf16.DecodeRune(first, second); both != utf8.RuneError {
					r.off += 6
					return utf8.AppendRune(dst, both)
				}
			}
			first = utf8.RuneError
		}
		return utf8.AppendRune(dst, first)
	default:
		return r.fail(dst)
	}
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
func (r *jsonReader) number(dst []byte) []byte {
	start := r.off
	if r.text[r.off] == '-' {
		r.off++
	}
	first := r.off
	if r.digits() == 0 || r.text[first] == '0' && r.off > first+1 {
		return r.fail(dst)
	}
	whole := true
	if r.peek() == '.' {
		whole = false
		r.off++
		if r.digits() == 0 {
			return r.fail(dst)
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		whole = false
		r.off++
		if c := r.peek(); c == '+' || c == '-' {
			r.off++
		}
		if r.digits() == 0 {
			return r.fail(dst)
		}
	}
	return r.appendNumber(dst, r.text[start:r.off], whole)
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

// appendNumber appends a number. One too large for a float is no value: the text
// it came in stays a string.
func (r *jsonReader) appendNumber(dst, text []byte, whole bool) []byte {
	if whole && text[0] == '-' {
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && n < 0 {
			return appendInt(dst, n)
		}
	} else if whole {
		if n, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return appendUint(dst, n)
		}
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return r.fail(dst)
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f))
}

// appendUint appends n in its shortest form.
//
//	positive fixint 00-7f | uint 8/16/32/64 cc-cf
func appendUint(dst []byte, n uint64) []byte {
	switch {
	case n < 0x80:
		return append(dst, byte(n))
	case n <= math.MaxUint8:
		return append(dst, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), n)
	}
}

// appendInt appends a negative n in its shortest form.
//
//	negative fixint e0-ff | int 8/16/32/64 d0-d3
func appendInt(dst []byte, n int64) []byte {
	switch {
	case n >= -32:
		return append(dst, byte(n))
	case n >= math.MinInt8:
		return append(dst, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(n))
	}
}
