package template

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplateNeeds(t *testing.T) {
	for in, want := range map[string]Need{
		"": NeedNothing, "a$$b": NeedNothing, "$TAG": NeedTag, "x$TAG[1]": NeedTag,
		"$a": NeedRecord, "$TAG-$a": NeedRecord, "$a|$TAG": NeedRecord, "$TAG[0]|$['a']": NeedRecord,
	} {
		tmpl, err := Parse(in)
		require.NoError(t, err)
		require.Equal(t, want, tmpl.Needs, in)
	}
}

func TestTemplateErrors(t *testing.T) {
	for in, want := range map[string]string{
		"$":                 "position 1: neither $TAG nor $key",
		"ab$":               "position 3: neither",
		"日志$ x":             "position 3: neither",
		"$-a":               "position 1: neither",
		"$1":                "position 1: there is no regular expression that $1",
		"x${NS":             "position 2: an environment variable",
		"$a[":               "position 3: ['key'] or [n] expected",
		"$a[b]":             "position 3: ['key'] or [n] expected",
		"$a[-1]":            "position 3: ['key'] or [n] expected",
		"$a[1":              "position 3: ['key'] or [n] expected",
		"$a[1234567890]":    "position 3: ['key'] or [n] expected",
		"$a[]":              "position 3: ['key'] or [n] expected",
		"$[0]":              "position 1: neither",
		"$a['b":             "position 4: the quote is not closed",
		"$a['b''":           "position 4: the quote is not closed",
		"$a['b'":            "position 7: ] expected",
		"$a['b'x]":          "position 7: ] expected",
		"$TAG[x]":           "position 5: $TAG[n] takes the number",
		"$TAG['x']":         "position 5: $TAG[n] takes the number",
		"$a|":               "position 4: no default behind |",
		"$a||b":             "position 4: no default behind |",
		"$a|b|c":            "position 5: a default is the last alternative",
		"$a|'b'|c":          "position 7: a default is the last alternative",
		"$a|'b":             "position 4: the quote is not closed",
		"$a |b":             "position 3: no space before |",
		"$a| b":             "position 4: no space behind |",
		"$a|$":              "position 4: neither",
		"topic $x ok $y[z]": "position 15: ['key'] or [n] expected",
	} {
		_, err := Parse(in)
		require.ErrorContains(t, err, want, in)
	}
}

// worth is what every variable is worth.
type worth string

func (w worth) Append(dst []byte, _ *Reference) []byte { return append(dst, w...) }

// FuzzTemplate: what parses renders whatever its variables are worth, what does not says
// where, and text that is escaped comes back as it was.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"$TAG[1]-$a['b''c'][0]|$d|'x'y$$$|z", "$a|$", "x${A}", "$['a']|''", "$a-", "$a |b", "$TAG[99999999999]",
	} {
		f.Add(s, "v")
	}
	f.Fuzz(func(t *testing.T, in, value string) {
		tmpl, err := Parse(in)
		if err != nil {
			require.Regexp(t, `^position [1-9][0-9]*: `, err.Error())
		} else {
			got, ok := tmpl.Append([]byte("x"), worth(value))
			require.True(t, ok || string(got) == "x")
			require.True(t, ok || value == "" && tmpl.Mandatory() != nil)
			if tmpl.Needs == NeedNothing {
				require.Equal(t, "x"+tmpl.Static(), string(got))
			}
		}
		literal, err := Parse(strings.ReplaceAll(in, "$", "$$"))
		require.NoError(t, err)
		require.Equal(t, in, literal.Static())
		quoted, err := Parse("$nope|'" + strings.ReplaceAll(in, "'", "''") + "'")
		require.NoError(t, err)
		got, ok := quoted.Append(nil, Nothing{})
		require.True(t, ok)
		require.Equal(t, in, string(got))
	})
}
