package shard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParsePosition(t *testing.T) {
	now := time.Unix(1_700_000_000, 500)
	for raw, want := range map[string]string{
		"begin":                     "begin",
		"END":                       "end",
		"0":                         "0",
		"1600000000":                "1600000000",
		"2023-11-14T22:13:20Z":      "1700000000",
		"2023-11-14T22:13:20.9Z":    "1700000000",
		"2023-11-15T06:13:20+08:00": "1700000000",
		"2h":                        "1699992800",
		"90m":                       "1699994600",
		"1d":                        "1699913600",
		"1.5d":                      "1699870400",
		"7d12h":                     "1699352000",
		"-1d":                       "",
		"1d-1h":                     "",
		"100000000h":                "",
		"-1":                        "",
		"-5m":                       "",
		"1700000000000":             "",
		"1969-12-31T23:59:59Z":      "",
		"soon":                      "",
		"":                          "",
	} {
		p, err := ParsePosition(raw, now)
		if want == "" {
			require.Error(t, err, raw)
			continue
		}
		require.NoError(t, err, raw)
		require.Equal(t, want, p.From(), raw)
	}
	// Longer ago than 1970 is the beginning of time, not a negative number.
	p, err := ParsePosition("1000000h", now)
	require.NoError(t, err)
	require.Equal(t, "0", p.From())
}

func FuzzParsePosition(f *testing.F) {
	for _, seed := range []string{"begin", "end", "1600000000", "2h", "2023-11-14T22:13:20Z", "-1", "9223372036854775807"} {
		f.Add(seed)
	}
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := ParsePosition(raw, now)
		if err != nil {
			return
		}
		from := p.From()
		if from != "begin" && from != "end" {
			require.Regexp(t, `^\d{1,12}$`, from)
		}
	})
}
