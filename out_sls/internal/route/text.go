package route

import (
	"strings"
	"unicode/utf8"
)

// appendText appends raw as valid UTF-8 of at most limit bytes.
func appendText(dst, raw []byte, limit int) []byte {
	if len(raw) > limit {
		end := limit
		for end > limit-utf8.UTFMax && !utf8.RuneStart(raw[end]) {
			end--
		}
		raw = raw[:end]
	}
	if utf8.Valid(raw) {
		return append(dst, raw...)
	}
	// Values of records are repaired already: this is a tag that is no UTF-8.
	repaired := strings.ToValidUTF8(string(raw), "\uFFFD")
	for len(repaired) > limit {
		_, n := utf8.DecodeLastRuneInString(repaired)
		repaired = repaired[:len(repaired)-n]
	}
	return append(dst, repaired...)
}
