package loggroup

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// replacement is U+FFFD in UTF-8.
const replacement = "\uFFFD"

// appendValid appends text with every run of bytes that are no UTF-8 replaced
// by one U+FFFD: what strings.ToValidUTF8 does.
func appendValid(dst, text []byte) []byte {
	if utf8.Valid(text) {
		return append(dst, text...)
	}
	return appendRepaired(dst, text)
}

func appendRepaired(dst, text []byte) []byte {
	bad := false
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			dst = append(dst, c)
			bad = false
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r != utf8.RuneError || n > 1:
			dst = append(dst, text[i:i+n]...)
			bad = false
		case !bad:
			dst = append(dst, replacement...)
			bad = true
		}
		i += n
	}
	return dst
}

// appendBytesField appends a protobuf string field of valid UTF-8.
func appendBytesField(dst []byte, tag byte, text []byte) []byte {
	dst = append(dst, tag)
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// appendStringField appends a protobuf string field: tag, length, text.
func appendStringField(dst []byte, tag byte, text string) []byte {
	dst = append(dst, tag)
	at := len(dst)
	dst = append(dst, 0)
	if utf8.ValidString(text) {
		dst = append(dst, text...)
	} else {
		dst = append(dst, strings.ToValidUTF8(text, replacement)...)
	}
	dst, _ = putLen(dst, at, 1)
	return dst
}
