package shard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

func TestParseRange(t *testing.T) {
	low, high := slsfake.EncodeCursor(9), slsfake.EncodeCursor(10)
	got, err := ParseRange(" 3:" + low + ":" + high)
	require.NoError(t, err)
	require.Equal(t, Range{Shard: 3, begin: low, end: high}, got)
	_, err = ParseRange("3:opaque==:other")
	require.NoError(t, err, "cursors are the service's: nothing is read into them")
	for _, raw := range []string{"", "3", "3:" + low, "3::" + high, "x:a:b", "-1:a:b", "3:" + high + ":" + low, "1:a:b:c"} {
		require.Error(t, CheckRanges(raw), raw)
	}
}

func FuzzParseRange(f *testing.F) {
	f.Add("3:MTA=:MTE=")
	f.Fuzz(func(t *testing.T, raw string) {
		if s, err := ParseRange(raw); err == nil {
			require.GreaterOrEqual(t, s.Shard, 0)
			require.NotEmpty(t, s.begin)
			require.NotEmpty(t, s.end)
		}
	})
}

func TestParseStop(t *testing.T) {
	now := time.Unix(1000, 5)
	for raw, want := range map[string]Stop{
		"":     {},
		"end":  {at: time.Unix(1001, 0)},
		"1s":   {at: time.Unix(1000, 0), margin: stopMargin},
		"2000": {at: time.Unix(2000, 0), margin: stopMargin},
	} {
		got, err := ParseStop(raw, now)
		require.NoError(t, err)
		require.True(t, want.at.Equal(got.at), "%q: %v", raw, got.at)
		require.Equal(t, want.margin, got.margin)
	}
	require.Error(t, CheckStop("begin"))
	require.Error(t, CheckStop("soon"))
}
