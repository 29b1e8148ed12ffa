package option_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

// roundTrip requires that an accepted value, typed again as the start-up line shows it,
// gives the same value, and that a refused one is named in one line.
func roundTrip[T any](t *testing.T, raw string, typed func(T) string) {
	t.Helper()
	first, err := parseOne[T](raw, option.Option{})
	if err != nil {
		require.Len(t, option.Problems(err), 1)
		require.NotContains(t, err.Error(), "\n")
		require.True(t, utf8.ValidString(err.Error()))
		return
	}
	second, err := parseOne[T](typed(first), option.Option{})
	require.NoError(t, err, "%q became %q", raw, typed(first))
	require.Equal(t, first, second)
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"500ms", "2s", "1h30m", "0", "5", "-1s", "1d", "106751d23h47m16.854775807s", "1.5d1h", "2562047h47m16.854775807s", "1µs"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		roundTrip(t, raw, func(d time.Duration) string {
			require.GreaterOrEqual(t, d, time.Duration(0))
			return d.String()
		})
		var d time.Duration
		opts := []option.Option{{Name: "opt", Dst: &d}}
		if option.Parse(option.Map{"opt": raw}, opts) == nil && d != 0 {
			shown := strings.Trim(strings.TrimPrefix(option.Effective(opts), "opt="), `"`)
			again, err := parseOne[time.Duration](shown, option.Option{})
			require.NoError(t, err)
			require.Equal(t, d, again, "shown as %q", shown)
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"0", "1", "512k", "3M", "1G", "2KiB", "8589934591G", "9223372036854775808", "1kk", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		roundTrip(t, raw, func(s option.Size) string {
			require.GreaterOrEqual(t, s, option.Size(0))
			return s.String()
		})
	})
}

func FuzzList(f *testing.F) {
	for _, s := range []string{"a", "a, b", "a,,b", ",", " "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		roundTrip(t, raw, func(l []string) string { return strings.Join(l, ",") })
	})
}

func FuzzPairs(f *testing.F) {
	for _, s := range []string{"a=1", "a=1,b=x=y", "a=", "=1", "a=1,a=2", "a = 1 "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		roundTrip(t, raw, func(pairs []option.Pair) string {
			items := make([]string, len(pairs))
			for i, p := range pairs {
				items[i] = p.String()
			}
			return strings.Join(items, ",")
		})
	})
}
