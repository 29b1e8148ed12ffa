package option_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

// parseOne parses value into a new T as the only option set.
func parseOne[T any](value string, o option.Option) (T, error) {
	var dst T
	o.Name, o.Dst = "opt", &dst
	err := option.Parse(option.Map{"opt": value}, []option.Option{o})
	return dst, err
}

func accepts[T any](t *testing.T, o option.Option, cases map[string]T) {
	t.Helper()
	for in, want := range cases {
		got, err := parseOne[T](in, o)
		require.NoError(t, err, "value %q", in)
		require.Equal(t, want, got, "value %q", in)
	}
}

// refuses wants, for each value, an error with the text given.
func refuses[T any](t *testing.T, o option.Option, cases map[string]string) {
	t.Helper()
	for in, want := range cases {
		got, err := parseOne[T](in, o)
		require.ErrorContains(t, err, want, "value %q", in)
		require.Zero(t, got, "value %q stored although refused", in)
	}
}

func TestString(t *testing.T) {
	accepts(t, option.Option{}, map[string]string{
		"a": "a", "  a b\t\n": "a b", "": "", "  ": "",
	})
}

func TestEnum(t *testing.T) {
	o := option.Option{Enum: []string{"lz4", "none", "V4"}, Default: "none"}
	accepts(t, o, map[string]string{"LZ4": "lz4", " v4 ": "V4", "": "none"})
	refuses[string](t, o, map[string]string{
		"gzip": `option opt = "gzip": not one of the values it can have; allowed: lz4, none, V4`,
	})
}

func TestBool(t *testing.T) {
	accepts(t, option.Option{}, map[string]bool{
		"on": true, "TRUE": true, "Yes": true, "off": false, "False": false, "no": false, "": false,
	})
	accepts(t, option.Option{Default: "on"}, map[string]bool{"": true, "off": false})
	refuses[bool](t, option.Option{}, map[string]string{
		"1": `option opt = "1": not a boolean; allowed: on, off`, "tru": "not a boolean",
	})
}

func TestInt(t *testing.T) {
	o := option.Option{Min: "-1", Max: "10"}
	accepts(t, o, map[string]int{"-1": -1, "10": 10, " 7 ": 7, "": 0})
	refuses[int](t, o, map[string]string{
		"-2":                   `option opt = "-2": too small; allowed: -1 to 10`,
		"11":                   `option opt = "11": too large; allowed: -1 to 10`,
		"1.5":                  "not a whole number",
		"99999999999999999999": "a number out of range",
	})
	refuses[int](t, option.Option{Min: "2"}, map[string]string{"1": "allowed: at least 2"})
	refuses[int](t, option.Option{Max: "2"}, map[string]string{"3": "allowed: at most 2"})
	refuses[int](t, option.Option{}, map[string]string{"x": "allowed: any whole number"})
}

func TestDuration(t *testing.T) {
	o := option.Option{Min: "0s", Max: "24h"}
	accepts(t, o, map[string]time.Duration{
		"500ms": 500 * time.Millisecond, "2s": 2 * time.Second, "1h30m": 90 * time.Minute,
		"1d": 24 * time.Hour, "0.5d": 12 * time.Hour, "0.25d30m": 390 * time.Minute, "0d": 0, "0d5ms": 5 * time.Millisecond,
		"1.5s": 1500 * time.Millisecond, "24h": 24 * time.Hour, "0": 0, "0s": 0, "": 0,
	})
	refuses[time.Duration](t, o, map[string]string{
		"5":              `option opt = "5": a duration needs a unit: write 5s or 5ms; allowed: 0s to 24h`,
		"1.5":            "write 1.5s or 1.5ms",
		"-1s":            "cannot be negative",
		"25h":            "too large",
		"1w":             "not a duration such as 500ms, 2s, 1h30m or 7d",
		"2d":             "too large",
		"1d1ms":          "too large",
		"-1d":            "cannot be negative",
		"d":              "not a duration",
		"1h1d":           "not a duration",
		"1d1d":           "not a duration",
		"1d2":            "not a duration",
		"1d-1h":          "not a duration",
		"-1d1h":          "not a duration",
		"1e4d":           "not a duration",
		"0x1d":           "not a duration",
		"9999999999999d": "not a duration",
		"106751d24h":     "not a duration",
		"5 s":            "not a duration",
		"inf":            "not a duration",
		"1e400":          "not a duration",
	})
}

func TestSize(t *testing.T) {
	o := option.Option{Max: "1G"}
	accepts(t, o, map[string]option.Size{
		"0": 0, "1": 1, "512k": 512 << 10, "512K": 512 << 10, "3M": 3 << 20, "1g": 1 << 30,
		"10b": 10, "2kB": 2 << 10, "2KiB": 2 << 10, "2mib": 2 << 20, "": 0,
	})
	refuses[option.Size](t, o, map[string]string{
		"2G":                  `option opt = "2G": too large; allowed: at most 1G`,
		"1025M":               "too large",
		"-1":                  "not a size such as 65536, 512k, 3M or 1G",
		"+1":                  "not a size",
		"1.5M":                "not a size",
		"1 M":                 "not a size",
		"M":                   "not a size",
		"1T":                  "not a size",
		"1kk":                 "not a size",
		"1i":                  "not a size",
		"1bk":                 "not a size",
		"8589934592G":         "a size out of range",
		"9223372036854775808": "a size out of range",
	})
	accepts(t, option.Option{}, map[string]option.Size{
		"8589934591G": 8589934591 << 30, "9223372036854775807": 1<<63 - 1,
	})
}

func TestSizeString(t *testing.T) {
	for want, size := range map[string]option.Size{
		"0": 0, "1000": 1000, "1k": 1 << 10, "1536k": 1536 << 10, "3M": 3 << 20, "1G": 1 << 30,
	} {
		require.Equal(t, want, size.String())
	}
}

func TestList(t *testing.T) {
	accepts(t, option.Option{}, map[string][]string{
		"a": {"a"}, " a , b c,d": {"a", "b c", "d"}, "": nil,
	})
	refuses[[]string](t, option.Option{}, map[string]string{
		"a,,b": "item 2 is empty", "a,": "item 2 is empty", ",": "item 1 is empty",
	})
	enum := option.Option{Enum: []string{"topic", "source"}}
	accepts(t, enum, map[string][]string{"Source,topic": {"source", "topic"}})
	refuses[[]string](t, enum, map[string]string{
		"topic,tags": "item 2: not one of the values it can have; allowed: comma-separated: topic, source",
	})
}

func TestPairs(t *testing.T) {
	accepts(t, option.Option{}, map[string][]option.Pair{
		"a=1":               {{Key: "a", Value: "1"}},
		" a = 1 , b=x=y,c=": {{Key: "a", Value: "1"}, {Key: "b", Value: "x=y"}, {Key: "c", Value: ""}},
		"":                  nil,
	})
	refuses[[]option.Pair](t, option.Option{}, map[string]string{
		"a=1,b":   "item 2 is not key=value; allowed: key=value, comma-separated",
		"=1":      "item 1 has an empty key",
		"a=1,a=2": "item 2 repeats a key",
		"a=1,":    "item 2 is empty",
	})
}

// A value once stored is replaced by the zero value when the option is not
// set any more: instances are initialised again on a hot reload.
func TestUnsetStoresZero(t *testing.T) {
	s, b, n, d, z := "x", true, 1, time.Second, option.Size(1)
	l, p := []string{"x"}, []option.Pair{{Key: "k"}}
	require.NoError(t, option.Parse(option.Map{}, []option.Option{
		{Name: "s", Dst: &s},
		{Name: "b", Dst: &b},
		{Name: "n", Dst: &n},
		{Name: "d", Dst: &d},
		{Name: "z", Dst: &z},
		{Name: "l", Dst: &l},
		{Name: "p", Dst: &p},
	}))
	require.Equal(t, []any{"", false, 0, time.Duration(0), option.Size(0)}, []any{s, b, n, d, z})
	require.Nil(t, l)
	require.Nil(t, p)
}

func TestMapKeysInAnyCase(t *testing.T) {
	m := option.Map{"EndPoint": "e"}
	require.Equal(t, "e", m.Property("endpoint"))
	require.Empty(t, m.Property("other"))
}

func TestCheck(t *testing.T) {
	o := option.Option{
		Allowed: "begin, end or a time",
		Check: func(v string) error {
			if v == "begin" || v == "end" {
				return nil
			}
			return errors.New("not a position")
		},
	}
	accepts(t, o, map[string]string{"begin": "begin", "": ""})
	refuses[string](t, o, map[string]string{
		"middle": `option opt = "middle": not a position; allowed: begin, end or a time`,
	})
}

func TestAllProblemsAtOnce(t *testing.T) {
	var endpoint, project string
	var linger time.Duration
	var batch option.Size
	opts := []option.Option{
		{Name: "endpoint", Dst: &endpoint, Required: true},
		{Name: "project", Dst: &project, Required: true},
		{Name: "linger", Dst: &linger, Min: "1ms", Max: "1m"},
		{Name: "batch_bytes", Dst: &batch, Default: "3M", Max: "5M"},
	}
	err := option.Parse(option.Map{"project": "p", "linger": "5", "BATCH_BYTES": "6M"}, opts)
	want := []string{
		`option endpoint: not set, but required; allowed: text`,
		`option linger = "5": a duration needs a unit: write 5s or 5ms; allowed: 1ms to 1m`,
		`option batch_bytes = "6M": too large; allowed: at most 5M`,
	}
	require.Equal(t, want, option.Problems(err))
	require.EqualError(t, err, strings.Join(want, "; "))
	require.Equal(t, "p", project)

	// What a plugin adds stands beside them, in order, wrapped or not.
	own := errors.New("option a: needs option b")
	all := append(append([]string(nil), want...), own.Error())
	require.Equal(t, all, option.Problems(errors.Join(err, own)))
	require.Equal(t, all, option.Problems(errors.Join(fmt.Errorf("configuration: %w", err), own)))
	require.Equal(t, []string{own.Error()}, option.Problems(own))
	require.Nil(t, option.Problems(nil))
}

func TestProblemShortensValue(t *testing.T) {
	_, err := parseOne[int](strings.Repeat("é", 5000), option.Option{})
	require.Less(t, len(err.Error()), 400)
	require.ErrorContains(t, err, "é...")
}

func TestProblemIsOneLine(t *testing.T) {
	_, err := parseOne[int]("1\n[error] forged\r\x00", option.Option{})
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "\r")
}

func TestSecretsNeverShow(t *testing.T) {
	const secret = "s3cr\t3t\"value"
	var key string
	var headers []option.Pair
	for name, text := range map[string]string{
		"plain": "rejected " + secret, "quoted": fmt.Sprintf("rejected %q", secret),
	} {
		err := option.Parse(option.Map{"key": secret, "headers": secret + "," + secret}, []option.Option{
			{Name: "key", Dst: &key, Secret: true, Check: func(string) error { return errors.New(text) }},
			{Name: "headers", Dst: &headers, Secret: true},
		})
		require.ErrorContains(t, err, "option key = ***: not accepted", name)
		require.ErrorContains(t, err, "option headers = ***: item 1 is not key=value", name)
		require.NotContains(t, err.Error(), "s3cr", name)
	}
	opts := []option.Option{{Name: "key", Dst: &key, Secret: true}, {Name: "headers", Dst: &headers, Secret: true}}
	require.NoError(t, option.Parse(option.Map{"key": secret, "headers": "a=" + secret}, opts))
	require.Equal(t, "key=*** headers=***", option.Effective(opts))
}

func TestUnknownDst(t *testing.T) {
	var f float64
	for _, dst := range []any{&f, nil, (*string)(nil), f} {
		err := option.Parse(option.Map{"opt": "1"}, []option.Option{{Name: "opt", Dst: dst}})
		require.ErrorContains(t, err, "option opt: cannot be stored in a ")
	}
}
