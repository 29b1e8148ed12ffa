package route

import (
	"crypto/md5"
	"encoding/hex"
	"math/bits"
)

// appendHashKey appends the 32 hex digits that place text in the hash space of a
// logstore: its MD5 with all but the upper log2(buckets) bits cleared, as in the official
// producers.
func appendHashKey(dst, text []byte, buckets int) []byte {
	sum := md5.Sum(text)
	// At most 256 buckets: at most the first byte is left.
	kept := bits.Len(uint(buckets)) - 1
	sum = [md5.Size]byte{sum[0] & (0xff << (8 - kept))}
	return hex.AppendEncode(dst, sum[:])
}
