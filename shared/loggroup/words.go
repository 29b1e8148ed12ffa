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

// maxShort is the longest string that copyShort copies.
const maxShort = 16

// slack is how many bytes behind a short string source and destination must have:
// a word is read and written whole. What lies behind the string does not count, and
// what is written there is overwritten by what is appended next.
const slack = 8

// copyShort copies up to maxShort bytes and returns all of them or-ed together, in
// any position of a word. Both slices must reach slack bytes further.
func copyShort(dst, src []byte, n int) uint64 {
	w := copyWord(dst, src)
	if n <= 8 {
		return w << (64 - 8*uint(n)) // an empty string is a shift by 64: 0
	}
	return w | copyWord(dst[n-8:], src[n-8:])
}

func copyWord(dst, src []byte) uint64 {
	w := binary.LittleEndian.Uint64(src)
	binary.LittleEndian.PutUint64(dst, w)
	return w
}

// copyLong is copyShort for 8 bytes and more, and touches nothing behind them: its
// last word overlaps the one before.
func copyLong(dst, src []byte, n int) uint64 {
	src, dst = src[:n], dst[:n]
	seen := copyWord(dst[n-8:], src[n-8:])
	for len(src) >= 32 && len(dst) >= 32 {
		seen |= copyWord(dst[0:8], src[0:8]) | copyWord(dst[8:16], src[8:16]) |
			copyWord(dst[16:24], src[16:24]) | copyWord(dst[24:32], src[24:32])
		src, dst = src[32:], dst[32:]
	}
	for len(src) >= 8 && len(dst) >= 8 {
		seen |= copyWord(dst, src)
		src, dst = src[8:], dst[8:]
	}
	return seen
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

// special sets a word's high bits where JSON needs more than the byte itself; where
// it sets one, the bytes above may have theirs set wrongly, by the borrow.
func special(w uint64) uint64 {
	return w | (w - spaces) | ((w ^ quotes) - everyByte) | ((w ^ backslashes) - everyByte)
}
