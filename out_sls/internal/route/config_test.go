package route

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

func TestOptions(t *testing.T) {
	var c Config
	require.Empty(t, option.Verify(c.Options(), option.Output))
}

// TestBadOptions: every problem names option, value and position.
func TestBadOptions(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"project", "My.Proj", `option project = "My.Proj": position 3: a project name cannot hold "."`},
		{"logstore", "$ns|", `option logstore = "$ns|": position 5: no default behind |`},
		{"default_project", "a_b", `option default_project = "a_b": position 2: a project name cannot hold "_"`},
		{"default_logstore", "$x", `option default_logstore = "$x": position 1: a logstore name cannot hold "$"`},
		{"topic", "a $", `option topic = "a $": position 3: neither`},
		{"topic", strings.Repeat("x", 129), "longer than 128 bytes"},
		{"topic", "\xff", "not valid UTF-8"},
		{"source", strings.Repeat("x", 129), "longer than 128 bytes"},
		{"source", "$1", "position 1: there is no regular expression"},
		{"hash_key", "$a[", "position 3: ['key'] or [n] expected"},
		{"tags", "env=prod,ns=$a[", `tag "ns": position 3: ['key'] or [n] expected`},
		{"tags", "env=" + strings.Repeat("x", 1025), `tag "env": longer than 1024 bytes`},
		{"tags", "\xff=a", "not valid UTF-8"},
		{"tags", "a=1,a=2", "repeats a key"},
		{"hash_buckets", "48", "not a power of two; allowed: a power of two up to 256"},
		{"hash_buckets", "512", "too large"},
		{"hash_buckets", "0", "too small"},
		{"max_destinations", "15", "too small"},
	} {
		var cfg Config
		given := option.Map{"project": "proj", "logstore": "logs", c.name: c.value}
		err := option.Parse(given, cfg.Options())
		require.ErrorContains(t, err, "option "+c.name+" = ")
		require.ErrorContains(t, err, c.want)
		require.Len(t, option.Problems(err), 1)
	}
}

func TestGoodOptions(t *testing.T) {
	for _, buckets := range []string{"1", "2", "64", "256"} {
		require.NotPanics(t, func() { parsed(t, "hash_buckets", buckets) })
	}
	c := parsed(t)
	require.Equal(t, 64, c.HashBuckets)
	require.Equal(t, 1000, c.MaxDestinations)
	require.NoError(t, c.Validate())
}

func TestNamesNeedADefault(t *testing.T) {
	for _, c := range []struct {
		project, logstore, defaultProject, defaultLogstore string
		want                                               []string
	}{
		{project: "p", logstore: "$ns|none"},
		{project: "p", logstore: "$ns", defaultLogstore: "misc"},
		{project: "$TAG|none", logstore: "x-$ns|$pod|none"},
		{project: "p", logstore: "x-$ns|'none'-$pod", want: []string{
			`option logstore = "x-$ns|'none'-$pod": position 14: this variable may be missing: give it a default, as in $key|default, or set default_logstore`,
		}},
		{project: "p", logstore: "$TAG", defaultProject: "p", want: []string{`option logstore = "$TAG": position 1: this`}},
		{project: "$a", logstore: "$TAG[1]", want: []string{
			`option project = "$a": position 1: this variable may be missing: give it a default, as in $key|default, or set default_project`,
			`option logstore = "$TAG[1]": position 1`,
		}},
		{}, // not set: another check's concern
	} {
		cfg := Config{
			Project: c.project, Logstore: c.logstore, DefaultProject: c.defaultProject, DefaultLogstore: c.defaultLogstore,
			AllowDestinations: []string{"*/*"},
		}
		problems := option.Problems(cfg.Validate())
		require.Len(t, problems, len(c.want))
		for i, want := range c.want {
			require.Contains(t, problems[i], want)
		}
		_, err := New(cfg)
		require.Equal(t, len(c.want) > 0, err != nil)
	}
}

func TestNewRefusesBadTemplates(t *testing.T) {
	for _, cfg := range []Config{
		{Project: "$"},
		{Logstore: "$1"},
		{Topic: "$["},
		{Tags: []option.Pair{{Key: "k", Value: "${X"}}},
		{HashKey: "$-"},
	} {
		_, err := New(cfg)
		require.ErrorContains(t, err, "position 1", cfg)
	}
}

// Names that look as if they reached into a value, as in jq, and do not.
func TestDotsBehindAKeyAreWarnedOf(t *testing.T) {
	const reach = " is text behind the whole value; to reach into it write "
	for value, want := range map[string]string{
		"$kubernetes.labels.app":           "in $kubernetes.labels.app, .labels.app" + reach + "$kubernetes['labels']['app'], or for that text $['kubernetes'].labels.app",
		"x-$a.b|none":                      "in $a.b, .b" + reach + "$a['b'], or for that text $['a'].b",
		"$a['b'].c.d-e.":                   "in $a['b'].c.d-e, .c.d-e" + reach + "$a['b']['c']['d-e'], or for that text $['a']['b'].c.d-e",
		"$a:$kubernetes.host":              "in $kubernetes.host, .host" + reach + "$kubernetes['host'], or for that text $['kubernetes'].host",
		"$a.":                              "",
		"$a. b":                            "",
		"$a.1":                             "",
		"$['a'].b":                         "",
		"$a|x.b":                           "",
		"$a|'x'.b":                         "",
		"$TAG.$TAG[1].x":                   "",
		"a.b $kubernetes['labels']['app']": "",
	} {
		for _, option := range []string{"topic", "source", "hash_key", "tags"} {
			given := value
			if option == "tags" {
				given = "env=x,k=" + value
			}
			c := parsed(t, option, given)
			if want == "" {
				require.Empty(t, c.Warnings(), value)
				continue
			}
			require.Equal(t, []string{fmt.Sprintf("option %s = %q: %s", option, value, want)}, c.Warnings())
		}
	}
}
