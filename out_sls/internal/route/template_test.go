package route

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/loggroup"
)

func TestTemplate(t *testing.T) {
	record := event(t, "level", "warn", "a", "A", "a-b", "dash", "x/y", "slash", "_u", "under", "empty", "", "nil", nil,
		"n", 42, "f", 0.25, "ok", true, "dup", "first", "dup", "last", "log.level", "dotted", "it's", "quoted",
		"TAGS", "key", "list", []any{"zero", map[string]any{"k": "in list"}}, "bin", []byte("\xff"),
		"kubernetes", map[string]any{"labels": map[string]any{"app.kubernetes.io/name": "web"}}).Record
	const missing = "<missing>"
	for in, want := range map[string]string{
		"":                     "",
		"text only":            "text only",
		"a.b-c_d/e:f[0]{x}'||": "a.b-c_d/e:f[0]{x}'||", // bars that follow no variable
		"100$$":                "100$",
		"$$a $$$$b":            "$a $$b",
		"a$|b":                 "a|b",
		"日志-$a":                "日志-A",

		"$TAG":                     "kube.app.web",
		"<$TAG>":                   "<kube.app.web>",
		"$TAG[0]":                  "kube",
		"$TAG[1]-$TAG[2]":          "app-web",
		"$TAG[3]":                  missing,
		"$TAG[3]|none":             "none",
		"$TAG.$TAG[000000001]":     "kube.app.web.app",
		"$TAGS":                    "kube.app.webS",
		"$['TAGS']":                "key",
		"$TAG|''[1]":               "kube.app.web[1]",
		"$level":                   "warn",
		"app-$level.log":           "app-warn.log",
		"$level:$a":                "warn:A",
		"$level $a,$a":             "warn A,A",
		"$a$level":                 "Awarn",
		"$a-b":                     "dash",
		"$['a']-b":                 "A-b",
		"$x/y":                     "slash",
		"$a-$level":                "A-warn",
		"$a-/":                     "A-/",
		"$a/-b-$ok":                missing, // the key a/-b
		"$nil|$a-|x":               "A-|x",
		"$_u":                      "under",
		"$n|''/$f|''/$ok":          "42/0.25/true",
		"$dup":                     "last",
		"$['log.level']":           "dotted",
		"$['it''s']":               "quoted",
		"$list[0]":                 "zero",
		"$list[1]['k']!":           "in list!",
		"$list":                    `["zero",{"k":"in list"}]`,
		"$list[2]":                 missing,
		"$level['x']":              missing,
		"$bin":                     "/w==",
		"$Level":                   missing,
		"$empty":                   missing,
		"$nil":                     missing,
		"pre-$nil-post":            missing,
		"$nil|default":             "default",
		"$nil|a b.c":               "a b.c",
		"$nil|'quoted'-rest":       "quoted-rest",
		"$nil|''":                  "",
		"$nil|'it''s $a | x'!":     "it's $a | x!",
		"$nil|x$a":                 "xA",
		"$nil|x$$y$|z$a":           "x$y|zA",
		"$nil|$empty|$level":       "warn",
		"$level|$a|x":              "warn",
		"$nil|$empty|x":            "x",
		"$nil|$empty":              missing,
		"$nil|$|x":                 "|x",
		"$nil|$$x":                 "$x",
		"$TAG[9]|$nil|$TAG[0]-$ok": "kube-true",
		"$nope['a']['b']|default":  "default",
		"$kubernetes['labels']['app.kubernetes.io/name']": "web",
		"$kubernetes['labels']['app']|default":            "default",
	} {
		tmpl, err := parse(in)
		require.NoError(t, err, in)
		got, ok := tmpl.appendTo([]byte("before "), inputOf(&tmpl, "kube.app.web", record))
		if want == missing {
			require.False(t, ok, in)
			require.Equal(t, "before ", string(got), in)
			continue
		}
		require.True(t, ok, in)
		require.Equal(t, "before "+want, string(got), in)
	}
}

// inputOf is what a session gives t of a record.
func inputOf(t *template, tag string, record []byte) *input {
	b := builder{r: &Router{}}
	b.roots(t)
	roots, _ := loggroup.LookupKeys(nil, record, b.r.roots, nil)
	return &input{tag: tag, roots: roots}
}

func TestTemplateNeeds(t *testing.T) {
	for in, want := range map[string]need{
		"": needNothing, "a$$b": needNothing, "$TAG": needTag, "x$TAG[1]": needTag,
		"$a": needRecord, "$TAG-$a": needRecord, "$a|$TAG": needRecord, "$TAG[0]|$['a']": needRecord,
	} {
		tmpl, err := parse(in)
		require.NoError(t, err)
		require.Equal(t, want, tmpl.needs, in)
	}
}

func TestTagPart(t *testing.T) {
	for tag, parts := range map[string][]string{
		"a.b.c": {"a", "b", "c", ""},
		"a":     {"a", ""},
		"":      {"", ""},
		"a.":    {"a", "", ""},
		".a":    {"", "a", ""},
		"a..b":  {"a", "", "b", ""},
	} {
		for n, want := range parts {
			require.Equal(t, want, tagPart(tag, n), "%q %d", tag, n)
		}
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
		_, err := parse(in)
		require.ErrorContains(t, err, want, in)
	}
}

// FuzzTemplate: what parses renders whatever the record, what does not says where,
// and text that is escaped comes back as it was.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{
		"$TAG[1]-$a['b''c'][0]|$d|'x'y$$$|z", "$a|$", "x${A}", "$['a']|''", "$a-", "$a |b", "$TAG[99999999999]",
	} {
		f.Add(s, "kube.app", []byte("\x81\xa1a\x81\xa3b'c\x91\xa1v"))
	}
	f.Fuzz(func(t *testing.T, in, tag string, record []byte) {
		tmpl, err := parse(in)
		if err != nil {
			require.Regexp(t, `^position [1-9][0-9]*: `, err.Error())
		} else {
			got, ok := tmpl.appendTo([]byte("x"), inputOf(&tmpl, tag, record))
			require.True(t, ok || string(got) == "x")
			require.True(t, ok || tmpl.mandatory() != nil)
			if tmpl.needs == needNothing {
				require.Equal(t, "x"+tmpl.static(), string(got))
			}
		}
		literal, err := parse(strings.ReplaceAll(in, "$", "$$"))
		require.NoError(t, err)
		require.Equal(t, in, literal.static())
		quoted, err := parse("$nope|'" + strings.ReplaceAll(in, "'", "''") + "'")
		require.NoError(t, err)
		got, ok := quoted.appendTo(nil, inputOf(&quoted, tag, []byte{0x80}))
		require.True(t, ok)
		require.Equal(t, in, string(got))
	})
}
