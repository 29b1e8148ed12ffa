package route

import (
	"crypto/md5"
	"encoding/hex"
	"math/bits"
)

// appendHashKey appends the 32 hex digits that place text in the hash space of a
// logstore: its MD5, of which the upper log2(buckets) bits are kept and the rest is
// zero, as the official producers do it. With 0 buckets all bits are kept.
func appendHashKey(dst, text []byte, buckets int) []byte {
	sum := md5.Sum(text)
	if buckets > 0 {
		// At most 256 buckets: at most the first byte is left.
		kept := bits.Len(uint(buckets)) - 1
		first := sum[0] & (0xff << (8 - kept))
		sum = [md5.Size]byte{first}
	}
	return hex.AppendEncode(dst, sum[:])
}
