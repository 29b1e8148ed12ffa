package loggroup

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func formatted(t *testing.T, format string, at time.Time) string {
	t.Helper()
	f, err := ParseTimeFormat(format)
	require.NoError(t, err)
	return string(f.append([]byte("> "), uint32(at.Unix()), uint32(at.Nanosecond())))[2:]
}

func TestTimeFormat(t *testing.T) {
	at := time.Date(2023, 1, 4, 0, 7, 9, 5_060_708, time.UTC)
	for format, want := range map[string]string{
		"":                         "2023-01-04T00:07:09.005060708Z",
		"rfc3339":                  "2023-01-04T00:07:09.005060708Z",
		"epoch":                    "1672790829",
		"epoch_ms":                 "1672790829005",
		"epoch_us":                 "1672790829005060",
		"epoch_ns":                 "1672790829005060708",
		"%Y-%m-%dT%H:%M:%S.%LZ":    "2023-01-04T00:07:09.005Z",
		"%F %T,%f":                 "2023-01-04 00:07:09,005060",
		"%3N %6N %9N %N":           "005 005060 005060708 005060708",
		"%d/%b/%Y:%H:%M:%S %z":     "04/Jan/2023:00:07:09 +0000",
		"%a %A %b %h %B %e %j":     "Wed Wednesday Jan Jan January  4 004",
		"%I %l %k %p":              "12 12  0 AM",
		"%y %C %u %w %G-W%V %s %Z": "23 20 3 3 2023-W01 1672790829 UTC",
		"%D %R":                    "01/04/23 00:07",
		"%c":                       "Wed Jan  4 00:07:09 2023",
		"100%% %n%t日":              "100% \n\t日",
	} {
		require.Equal(t, want, formatted(t, format, at), format)
	}
	noon := time.Date(2023, 12, 31, 12, 0, 0, 0, time.UTC)
	require.Equal(t, "12 PM 7 0 2023-W52 365", formatted(t, "%I %p %u %w %G-W%V %j", noon))
	require.Equal(t, "01  1 PM", formatted(t, "%I %l %p", noon.Add(time.Hour)))
	require.Equal(t, "2020-W53", formatted(t, "%G-W%V", time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.Equal(t, "2023-12-31T12:00:00Z", formatted(t, "rfc3339", noon))
}

// TestTimeFormatAgrees compares with package time over all times there are.
func TestTimeFormatAgrees(t *testing.T) {
	pairs := [][2]string{
		{"%Y-%m-%dT%H:%M:%S.%NZ", "2006-01-02T15:04:05.000000000Z"},
		{"%a %b %e %T %Y", "Mon Jan _2 15:04:05 2006"},
		{"%A, %d-%b-%y %I:%M:%S %p %Z", "Monday, 02-Jan-06 03:04:05 PM MST"},
		{"%j %B %L %f", "002 January .000 .000000"},
	}
	rnd := rand.New(rand.NewSource(1))
	for range 2000 {
		at := time.Unix(int64(rnd.Uint32()), int64(rnd.Intn(1e9))).UTC()
		for _, p := range pairs {
			want := strings.ReplaceAll(at.Format(p[1]), " .", " ")
			require.Equal(t, want, formatted(t, p[0], at))
		}
		require.Equal(t, fmt.Sprint(at.UnixNano()), formatted(t, "epoch_ns", at))
		require.Equal(t, fmt.Sprint(at.UnixMicro()), formatted(t, "epoch_us", at))
		require.Equal(t, fmt.Sprint(at.UnixMilli()), formatted(t, "epoch_ms", at))
		require.Equal(t, fmt.Sprint(at.Unix()), formatted(t, "%s", at))
	}
}

// TestTimeFormatVerbs: every directive that is parsed is written, and takes no
// other's place.
func TestTimeFormatVerbs(t *testing.T) {
	at := time.Date(2023, 11, 19, 22, 13, 47, 123_456_789, time.UTC)
	seen := map[string]byte{}
	for _, v := range []byte(verbs) {
		text := formatted(t, "%"+string(v), at)
		if other := seen[text]; other != 0 {
			require.Contains(t, []string{"GY", "Hk", "Il", "bh", "de"}, string([]byte{min(other, v), max(other, v)}))
		}
		seen[text] = v
	}
}

func TestTimeFormatRefuses(t *testing.T) {
	for format, want := range map[string]string{
		"iso8601":  "neither the name of a format nor a format of strftime, which has a %",
		"EPOCH":    "neither the name",
		"%":        "nothing behind the last %: write %% for the character itself",
		"%Y %":     "nothing behind the last %",
		"%3":       "no directive %3; there are %Y %C",
		"%Q":       "no directive %Q; there are",
		"%É":       "no directive %É; there are",
		"%Y\xff":   "not valid UTF-8",
		"%4N":      "no directive %4; there are",
		"%-d":      "no directive %-; there are",
		"%Y %E %m": "no directive %E; there are",
	} {
		_, err := ParseTimeFormat(format)
		require.ErrorContains(t, err, want, format)
	}
}

// FuzzTimeFormat: what is parsed is written, and nothing allocates for it.
func FuzzTimeFormat(f *testing.F) {
	f.Add("%d/%b/%Y:%H:%M:%S.%3N %z", uint32(1_700_000_000), uint32(5))
	f.Add("%c%%%e", uint32(0), uint32(0))
	f.Fuzz(func(t *testing.T, text string, sec, nsec uint32) {
		format, err := ParseTimeFormat(text)
		if err != nil {
			return
		}
		out := format.append(make([]byte, 0, 16*len(text)+64), sec, min(nsec, maxNsec))
		require.NotEmpty(t, out)
	})
}
