package sls

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCursorCodec(t *testing.T) {
	require.Equal(t, "MTcxMzg0Njc2OTI4NzU1MjM5Mg==", encodeCursor(1713846769287552392))
	for _, n := range []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 1713846769287552392} {
		got, err := DecodeCursor(encodeCursor(n))
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	for _, bad := range []string{"", "MTI", "MTI=\n", "bm90IGEgbnVtYmVy", "MDAx" /* 001 */, "KzE=" /* +1 */, "MTJ=", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ=="} {
		_, err := DecodeCursor(bad)
		require.ErrorIs(t, err, errCursor, bad)
	}
}

func FuzzDecodeCursor(f *testing.F) {
	f.Add("MTcxMzg0Njc2OTI4NzU1MjM5Mg==")
	f.Add("MTI=")
	f.Add("x")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := DecodeCursor(s)
		if err == nil {
			require.Equal(t, s, encodeCursor(n))
			require.NoError(t, checkCursor(s))
		}
	})
}
