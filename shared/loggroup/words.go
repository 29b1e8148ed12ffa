package loggroup

import "encoding/binary"

// The copies below look at strings while they copy them, a word of eight bytes at
// a time: for the strings of logs, which are short and nearly always plain ASCII,
// that takes half the time of utf8.Valid and copy (BenchmarkReader).

const (
	everyByte = 0x0101010101010101
	highBits  = 0x80 * everyByte

	highBits32 = highBits & (1<<32 - 1)
)

// slack is how many bytes behind a string source and destination must have: short
// ones are copied as two words. What lies behind the string does not count, and what
// is written there is overwritten by what is appended next.
const slack = 16

// copyText copies the n bytes at src[i:] to dst[p:] and returns all of them or-ed
// together, in any position of a word. Both slices must reach slack bytes further.
//
// A third index tells the compiler that a slice is not empty, which saves the arithmetic
// for that case. Every access is still checked.
func copyText(dst []byte, p int, src []byte, i, n int) uint64 {
	if n <= 16 {
		s, d := src[i:i+16:i+16], dst[p:p+16:p+16]
		v, w := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		binary.LittleEndian.PutUint64(d, v)
		binary.LittleEndian.PutUint64(d[8:], w)
		if n <= 8 {
			return v << (64 - 8*uint(n)) // an empty string is a shift by 64: 0
		}
		return v | w<<(128-8*uint(n))
	}
	s, d := src[i:i+n:i+n], dst[p:p+n:p+n]
	// The last two words, which overlap what is copied before them.
	seen := copyWord(d[n-8:n:n], s[n-8:n:n]) | copyWord(d[n-16:n:n], s[n-16:n:n])
	for len(s) > 32 && len(d) > 32 {
		seen |= copyWord(d, s) | copyWord(d[8:], s[8:]) | copyWord(d[16:], s[16:]) | copyWord(d[24:], s[24:])
		s, d = s[32:], d[32:]
	}
	if len(s) > 16 && len(d) > 16 {
		seen |= copyWord(d, s) | copyWord(d[8:], s[8:])
	}
	return seen
}

func copyWord(dst, src []byte) uint64 {
	w := binary.LittleEndian.Uint64(src)
	binary.LittleEndian.PutUint64(dst, w)
	return w
}

// copyPlain copies n bytes and says whether JSON takes them as they are: ASCII, no
// control character, no quote, no backslash. Both slices must reach slack bytes
// further.
func copyPlain(dst, src []byte, n int) bool {
	w := copyWord(dst, src)
	if n <= 8 {
		// Spaces stand in for what is behind the string.
		return special(w<<(64-8*uint(n))|spaces>>(8*uint(n)))&highBits == 0
	}
	seen := special(w) | special(copyWord(dst[n-8:], src[n-8:]))
	for at := 8; at < n-8; at += 8 {
		seen |= special(copyWord(dst[at:], src[at:]))
	}
	return seen&highBits == 0
}

const (
	spaces      = ' ' * everyByte
	quotes      = '"' * everyByte
	backslashes = '\\' * everyByte
)

// special sets the high bit of each byte that JSON does not take as it is. A borrow may
// then wrongly set high bits above it, so a result is exact only when no bit is set.
func special(w uint64) uint64 {
	return w | (w - spaces) | ((w ^ quotes) - everyByte) | ((w ^ backslashes) - everyByte)
}
