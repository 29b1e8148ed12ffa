package loggroup

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// jsonReader turns one JSON text (RFC 8259) into one msgpack value, byte by byte.
type jsonReader struct {
	text []byte
	off  int
	bad  bool // not JSON, or deeper than maxDepth
}

// appendJSONValue appends the msgpack value of a JSON text. It returns false, and
// dst as it was, for what is no JSON, no UTF-8, or nested deeper than maxDepth.
//
//	null nil | true, false bool | string str | array array | object map, its
//	pairs in their order, duplicates included
//	number: without fraction and exponent int (negative) or uint when it fits 64
//	bits; all other float 64
func appendJSONValue(dst, text []byte) ([]byte, bool) {
	if !utf8.Valid(text) {
		return dst, false
	}
	r := jsonReader{text: text}
	before := len(dst)
	dst = r.value(dst, 0)
	if r.space(); r.bad || r.off != len(text) {
		return dst[:before], false
	}
	return dst, true
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

func (r *jsonReader) fail(dst []byte) []byte {
	r.bad = true
	return dst
}

// word takes a literal.
func (r *jsonReader) word(dst []byte, word string, code byte) []byte {
	if len(r.text)-r.off < len(word) || string(r.text[r.off:r.off+len(word)]) != word {
		return r.fail(dst)
	}
	r.off += len(word)
	return append(dst, code)
}

func (r *jsonReader) value(dst []byte, depth int) []byte {
	switch c := r.space(); {
	case c == '{' || c == '[':
		if depth == maxDepth {
			return r.fail(dst)
		}
		if c == '{' {
			return r.object(dst, depth+1)
		}
		return r.array(dst, depth+1)
	case c == '"':
		return r.str(dst)
	case c == '-' || c >= '0' && c <= '9':
		return r.number(dst)
	case c == 't':
		return r.word(dst, "true", 0xc3)
	case c == 'f':
		return r.word(dst, "false", 0xc2)
	default:
		return r.word(dst, "null", 0xc0)
	}
}

func (r *jsonReader) array(dst []byte, depth int) []byte {
	at, n := len(dst), 0
	dst = append(dst, 0)
	r.off++
	if r.space() == ']' {
		r.off++
		return putArrayHead(dst, at, 0)
	}
	for !r.bad {
		dst = r.value(dst, depth)
		n++
		switch c := r.space(); {
		case r.bad:
		case c == ',':
			r.off++
		case c == ']':
			r.off++
			return putArrayHead(dst, at, n)
		default:
			r.bad = true
		}
	}
	return dst
}

func (r *jsonReader) object(dst []byte, depth int) []byte {
	at, n := len(dst), 0
	dst = append(dst, 0)
	r.off++
	if r.space() == '}' {
		r.off++
		dst, _ = putMapHead(dst, at, 1, 0)
		return dst
	}
	for !r.bad {
		if r.space() != '"' {
			return r.fail(dst)
		}
		dst = r.str(dst)
		if r.bad || r.space() != ':' {
			return r.fail(dst)
		}
		r.off++
		dst = r.value(dst, depth)
		n++
		switch c := r.space(); {
		case r.bad:
		case c == ',':
			r.off++
		case c == '}':
			r.off++
			dst, _ = putMapHead(dst, at, 1, n)
			return dst
		default:
			r.bad = true
		}
	}
	return dst
}

// putArrayHead is putMapHead for an array whose head has one byte of room.
//
//	fixarray 90-9f | array 16 dc | array 32 dd
func putArrayHead(dst []byte, at, n int) []byte {
	if n <= 15 {
		dst[at] = 0x90 | byte(n)
		return dst
	}
	more := 2
	if n > math.MaxUint16 {
		more = 4
	}
	dst = append(dst, noLen[:more]...)
	copy(dst[at+1+more:], dst[at+1:len(dst)-more])
	if more == 2 {
		dst[at] = 0xdc
		binary.BigEndian.PutUint16(dst[at+1:], uint16(n))
	} else {
		dst[at] = 0xdd
		binary.BigEndian.PutUint32(dst[at+1:], uint32(n))
	}
	return dst
}
