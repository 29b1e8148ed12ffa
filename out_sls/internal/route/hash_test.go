package route

import (
	"crypto/md5"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHashKey: the MD5 is f528764d624db129b32c21fbca0cb8d6, as in the SDK (producer AdjustHash).
func TestHashKey(t *testing.T) {
	const zeros = "000000000000000000000000000000"
	for buckets, want := range map[int]string{
		1:   "00" + zeros,
		2:   "80" + zeros,
		4:   "c0" + zeros,
		64:  "f4" + zeros,
		128: "f4" + zeros,
		256: "f5" + zeros,
	} {
		require.Equal(t, want, string(appendHashKey(nil, []byte("127.0.0.1"), buckets)), buckets)
	}
}

// TestHashKeyBuckets: as many keys as buckets, evenly apart, and each no farther
// below its MD5 than a bucket is wide.
func TestHashKeyBuckets(t *testing.T) {
	for _, buckets := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256} {
		width := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(int64(buckets)))
		seen := map[string]bool{}
		for i := range 5000 {
			value := fmt.Appendf(nil, "client-%d", i)
			key := string(appendHashKey(nil, value, buckets))
			require.Regexp(t, "^[0-9a-f]{32}$", key)
			seen[key] = true
			full := new(big.Int).SetBytes(md5Of(value))
			folded, _ := new(big.Int).SetString(key, 16)
			require.Equal(t, new(big.Int).Sub(full, new(big.Int).Mod(full, width)), folded)
		}
		require.Len(t, seen, buckets)
	}
}

func md5Of(b []byte) []byte {
	sum := md5.Sum(b)
	return sum[:]
}
