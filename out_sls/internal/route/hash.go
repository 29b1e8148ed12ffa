package route

import (
	"crypto/md5"
	"encoding/hex"
	"math/bits"
)

// appendHashKey appends the 32 hex digits that place text in the hash space of a
// logstore: its MD5, of which the upper log2(buckets) bits are kept and the rest is
// zero, as the official producers do it.
func appendHashKey(dst, text []byte, buckets int) []byte {
	sum := md5.Sum(text)
	// At most 256 buckets: at most the first byte is left.
	kept := bits.Len(uint(buckets)) - 1
	sum = [md5.Size]byte{sum[0] & (0xff << (8 - kept))}
	return hex.AppendEncode(dst, sum[:])
}
