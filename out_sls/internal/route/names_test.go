package route

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

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
		for i, rules := range []*nameRules{&projectRules, &logstoreRules} {
			got, ok := rules.appendMended([]byte("before "), []byte(in))
			if want[i] == unusable {
				require.False(t, ok, "%q", in)
				require.Equal(t, "before ", string(got))
				continue
			}
			require.True(t, ok, "%q", in)
			require.Equal(t, "before "+want[i], string(got))
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
		for i, rules := range []*nameRules{&projectRules, &logstoreRules} {
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
		for _, rules := range []*nameRules{&projectRules, &logstoreRules} {
			name, ok := rules.appendMended(nil, raw)
			if !ok {
				require.Empty(t, name)
				continue
			}
			require.GreaterOrEqual(t, len(name), rules.least)
			require.NoError(t, rules.check(string(name)))
			require.Equal(t, strings.ToLower(string(name)), string(name))
			again, ok := rules.appendMended(nil, name)
			require.True(t, ok)
			require.Equal(t, name, again)
		}
		text := appendText(nil, raw, 20)
		require.True(t, utf8.Valid(text))
		require.LessOrEqual(t, len(text), 20)
	})
}
