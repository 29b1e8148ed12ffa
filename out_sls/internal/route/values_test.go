package route

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/template"
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
		tmpl, err := template.Parse(in)
		require.NoError(t, err, in)
		got, ok := tmpl.Append([]byte("before "), inputOf(&tmpl, "kube.app.web", record))
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
func inputOf(t *template.Template, tag string, record []byte) *values {
	b := builder{r: &Router{}}
	b.roots(t)
	roots, _ := loggroup.LookupKeys(nil, record, b.r.roots, nil)
	return &values{tag: tag, roots: roots}
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
