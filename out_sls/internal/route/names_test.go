package route

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/template"
)

// mended is in as the only variable of a name.
func mended(tb testing.TB, rules *template.NameRules, in []byte) ([]byte, bool) {
	tb.Helper()
	t, err := rules.Parse("$v")
	require.NoError(tb, err)
	got, _ := t.Append([]byte("before "), raw(in))
	require.Equal(tb, "before ", string(got[:7]))
	return t.Name.Fit(got[7:])
}

// raw is what every variable is worth.
type raw []byte

func (r raw) Append(dst []byte, _ *template.Reference) []byte { return append(dst, r...) }

func TestMendedNames(t *testing.T) {
	const unusable = "<unusable>"
	long := strings.Repeat("a", 62)
	for in, want := range map[string][2]string{ // project, logstore
		"kube-system":          {"kube-system", "kube-system"},
		"my_app":               {"my-app", "my_app"},
		"MyApp":                {"myapp", "myapp"},
		"k8s_POD.Name":         {"k8s-pod-name", "k8s_pod-name"},
		"var.log.containers.x": {"var-log-containers-x", "var-log-containers-x"},
		"a: b":                 {"a-b", "a-b"},
		"a--b__c":              {"a--b-c", "a--b__c"},
		"-_-lead and trail_-.": {"lead-and-trail", "lead-and-trail"},
		"日志-app-日志":            {"app", "app"},
		"a日b志c":                {"a-b-c", "a-b-c"},
		"a\xff\xfeb":           {"a-b", "a-b"},
		`{"a":1}`:              {"a-1", "a-1"},
		"ab":                   {unusable, "ab"},
		"a":                    {unusable, unusable},
		"a.":                   {unusable, unusable},
		"":                     {unusable, unusable},
		"日志":                   {unusable, unusable},
		"_.-":                  {unusable, unusable},
		long + "bc":            {long + "b", long + "b"},
		long + "-bc":           {long, long},
	} {
		for i, rules := range []*template.NameRules{&projectRules, &logstoreRules} {
			got, ok := mended(t, rules, []byte(in))
			if want[i] == unusable {
				require.False(t, ok, "%q", in)
				continue
			}
			require.True(t, ok, "%q", in)
			require.Equal(t, want[i], string(got))
		}
	}
}

func TestTypedNames(t *testing.T) {
	for in, want := range map[string][2]string{ // "" = accepted
		"proj-1":                {},
		"OldName":               {},
		"p":                     {},
		strings.Repeat("a", 63): {},
		"my_store":              {`position 3: a project name cannot hold "_"`, ""},
		strings.Repeat("a", 64): {"position 64: a project name has at most 63", "position 64: a logstore name has at most 63"},
		"-a":                    {"position 1: a project name begins and ends", "position 1: a logstore name begins and ends"},
		"a-":                    {"position 2: a project name begins and ends", "position 2: a logstore name begins and ends"},
		"a.b":                   {`position 2: a project name cannot hold "."`, `position 2: a logstore name cannot hold "."`},
		"a b":                   {`position 2: a project name cannot hold " "`, `position 2: a logstore name cannot hold " "`},
		"a日志":                   {`position 2: a project name cannot hold "日"`, `position 2: a logstore name cannot hold "日"`},
	} {
		for i, rules := range []*template.NameRules{&projectRules, &logstoreRules} {
			err := checkName(rules)(in)
			if want[i] == "" {
				require.NoError(t, err, in)
				continue
			}
			require.ErrorContains(t, err, want[i], in)
		}
	}
}

func TestTypedPartsOfNames(t *testing.T) {
	for in, want := range map[string]string{
		"k8s-$ns|none":                   "",
		"k8s-$ns":                        "",
		"$ns|'a'_$TAG[1]|b":              "",
		"app-$a|x-$b":                    "position 10: - or _ expected between two variables of a name", // the default is x-
		"$a|'x'-$b":                      "",
		"$a$b":                           "position 3: - or _ expected between two variables",
		"app-$a|'y'x$b":                  "position 12: - or _ expected between two variables",
		"$kubernetes.labels.app|x":       `".labels.app|x": a logstore name cannot hold "."; in $kubernetes.labels.app, .labels.app is text behind the whole value; to reach into it write $kubernetes['labels']['app']`,
		"$ns|default":                    "",
		"K8s-$ns":                        `"K8s-": a logstore name cannot hold "K"`,
		"$ns|De.f":                       `"De.f": a logstore name cannot hold "D"`,
		"$ns.$pod|x":                     `".": a logstore name cannot hold "."`,
		"$ns|a":                          `with every default in its place this is "a"`,
		"$ns|''":                         `with every default in its place this is ""`,
		"$ns|x-":                         `with every default in its place this is "x-"`,
		"$ns|":                           "position 5: no default behind |",
		"$ns|日志":                         `cannot hold "日"`,
		"$ns|" + strings.Repeat("a", 64): "with every default in its place",
	} {
		err := checkName(&logstoreRules)(in)
		if want == "" {
			require.NoError(t, err, in)
			continue
		}
		require.ErrorContains(t, err, want, in)
	}
}

func TestBoundedText(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"12345678":                       "12345678",
		"123456789":                      "12345678",
		"1234567é":                       "1234567", // 9 bytes
		"123456é9":                       "123456é",
		"12345日9":                        "12345日",
		"1234😀9":                         "1234😀",
		"12345😀":                         "12345",
		"a\xffb":                         "a\uFFFDb",
		"\xff\xfe\xfd":                   "\uFFFD",
		"12345\xff8":                     "12345\uFFFD",
		"1234567\xff":                    "1234567",
		"12\x80\x80\x80\x80\x80\x80\x80": "12\uFFFD",
	} {
		got := appendText([]byte("before "), []byte(in), 8)
		require.Equal(t, "before "+want, string(got), "%q", in)
		require.True(t, utf8.Valid(got))
	}
}

// FuzzNames: whatever a record holds becomes a name that SLS takes, and the same
// one when it is mended again.
func FuzzNames(f *testing.F) {
	f.Add([]byte("Kube_System..日志-"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, rules := range []*template.NameRules{&projectRules, &logstoreRules} {
			name, ok := mended(t, rules, raw)
			if !ok {
				continue
			}
			require.GreaterOrEqual(t, len(name), rules.Least)
			require.NoError(t, rules.Check(string(name)))
			require.Equal(t, strings.ToLower(string(name)), string(name))
			again, ok := mended(t, rules, name)
			require.True(t, ok)
			require.Equal(t, name, again)
		}
		text := appendText(nil, raw, 20)
		require.True(t, utf8.Valid(text))
		require.LessOrEqual(t, len(text), 20)
	})
}

// What stands between variables is in none of their values: whatever those are, a name
// says which part is whose.
func TestValuesBringNoSeparator(t *testing.T) {
	for _, c := range []struct{ template, a, b, want string }{
		{"app-$a-$b", "billing", "audit-error", "app-billing-audit_error"},
		{"app-$a-$b", "billing", "Audit/Error", "app-billing-audit_error"},
		{"app-$a-$b", "billing-audit", "error", "app-billing_audit-error"},
		{"app-$a-$b", "billing_audit", "-error-", "app-billing_audit-error"},
		{"app_$a|'n'_$b", "a_b", "c.d", "app_a-b_c-d"},
		{"$['a']_$b", "kube-system", "x_y", "kube-system_x-y"},
		{"app-$a|'n'-x_$b", "a-b_c", "d:e", "app-abc-x_de"},
		{"app_x-$a", "a-b_c", "", "app_x-a-b_c"},
		{"k8s-$a", "Kube-System", "", "k8s-kube-system"},
	} {
		r := configured(t, "logstore", c.template, "default_logstore", "misc", "allow_destinations", "*")
		require.Equal(t, c.want, routeOne(r, "tag", event(t, "a", c.a, "b", c.b)).Logstore, "%+v", c)
	}
	r := configured(t, "project", "$a-$b", "default_project", "misc", "allow_destinations", "*/*")
	require.Equal(t, "billing-auditerror", routeOne(r, "tag", event(t, "a", "Billing", "b", "audit-error")).Project)
}

// A name of several variables that is too long is no name: its end, which is another
// variable's, is not cut off.
func TestLongNamesOfSeveralVariablesFallBack(t *testing.T) {
	r := configured(t, "logstore", "app-$a-$b", "default_logstore", "misc", "allow_destinations", "app-*-*")
	for n, want := range map[int]string{57: "app-" + strings.Repeat("a", 57) + "-x", 58: "misc", 500: "misc"} {
		require.Equal(t, want, routeOne(r, "tag", event(t, "a", strings.Repeat("a", n), "b", "x")).Logstore)
	}
	require.Equal(t, Stats{Fallbacks: 2}, r.Stats())
}

// A value of which nothing is left is missing: the next alternative takes its place.
func TestValueWithoutALetterIsMissing(t *testing.T) {
	r := configured(t, "logstore", "app-$a|$c|'none'-$b|info", "allow_destinations", "app-*-*")
	require.Equal(t, "app-c-info", routeOne(r, "tag", event(t, "a", "..", "b", "-_-", "c", "C")).Logstore)
	require.Equal(t, "app-none-info", routeOne(r, "tag", event(t, "a", "日志", "b", "")).Logstore)
	require.Zero(t, r.Stats())
}

// FuzzSeparators: two records have the same name only if their values, made to fit, are
// the same, one by one.
func FuzzSeparators(f *testing.F) {
	r := configured(f, "logstore", "app-$a|'none'-$b|info", "allow_destinations", "app-*-*", "default_logstore", "misc")
	f.Add("billing", "audit-error", "billing-audit", "error")
	f.Add("a", "--", "a-", "")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		first, second := routeOne(r, "tag", event(t, "a", a, "b", b)).Logstore, routeOne(r, "tag", event(t, "a", c, "b", d)).Logstore
		if first == "misc" || second == "misc" {
			return // too long
		}
		require.Regexp(t, `^app-[a-z0-9_]+-[a-z0-9_]+$`, first)
		parts := strings.Split(first, "-")
		require.Equal(t, first == second, parts[1] == partOf(r, t, c, "none") && parts[2] == partOf(r, t, d, "info"))
	})
}

// partOf is what a value is in a name of r.
func partOf(r *Router, t *testing.T, value, missing string) string {
	t.Helper()
	of := r.fields[0].template
	of.Parts = []template.Part{{Alternates: of.Parts[1].Alternates, Text: missing, Optional: true}}
	got, _ := of.Append(nil, raw(value))
	return string(got)
}
