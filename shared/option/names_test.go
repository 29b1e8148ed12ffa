package option_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

// named is a plugin with a few hints.
type named struct {
	logstore, secret, tags string
	batch                  option.Size
}

func (n *named) options() []option.Option {
	return []option.Option{
		{Name: "logstore", Dst: &n.logstore, Required: true, Help: "Where to."},
		{Name: "access_key_secret", Dst: &n.secret, Secret: true, Help: "Key."},
		{Name: "tags", Dst: &n.tags, Help: "Tags."},
		{Name: "batch_bytes", Dst: &n.batch, Default: "1M", Min: "16k", Max: "5M", Help: "Size."},
	}
}

func hints() []option.Hint {
	return []option.Hint{
		{Names: []string{"logstore_name", "log_store"}, Meant: "logstore"},
		{Names: []string{"batch_size"}, Meant: "batch_bytes", Note: "A size | such as 1M."},
		{Names: []string{"consumer_group", "workers"}, Note: "it belongs to the input."},
	}
}

func TestUnknownNames(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		var n named
		notes := option.Unknown(option.Map{name: "hidden"}, option.Output, n.options(), hints())
		if want == "" {
			require.Empty(t, notes, name)
			return
		}
		require.Equal(t, []string{want}, notes, name)
	}
	f("logstore_name", "`logstore_name` is not an option: did you mean `logstore`?")
	f("Log_Store", "`log_store` is not an option: did you mean `logstore`?")
	f("logstoreName", "`logstorename` is not an option: did you mean `logstore`?")
	f("log.store", "`log.store` is not an option: did you mean `logstore`?")
	f("batch_size", "`batch_size` is not an option: did you mean `batch_bytes`? A size | such as 1M.")
	f("consumer_group", "`consumer_group` is not an option: it belongs to the input.")
	for _, slip := range []string{
		"logstor", "logstroe", "llogstore", "loggstore", "logstores", "logtore", "LOGSTOER",
	} {
		f(slip, "`"+strings.ToLower(slip)+"` is not an option: did you mean `logstore`?")
	}
	f("accessKeySecret", "`accesskeysecret` is not an option: did you mean `access_key_secret`?")
	f("access-key-secret", "`access-key-secret` is not an option: did you mean `access_key_secret`?")
	f("access.key.secret", "`access.key.secret` is not an option: did you mean `access_key_secret`?")
	f("acess_key_secret", "`acess_key_secret` is not an option: did you mean `access_key_secret`?")

	f("worker", "`worker` is not an option: did you mean `workers`?")
	f("retry_limits", "`retry_limits` is not an option: did you mean `retry_limit`?")
	f("storage_total_limit_size", "`storage_total_limit_size` is not an option: did you mean `storage.total_limit_size`?")

	f("logstore", "")
	f("workers", "")        // the engine's
	f("something_else", "") // nobody knows what that is for
}

func TestGone(t *testing.T) {
	names := map[string]string{"time_ns": "it is always on", "old": "use new"}
	require.NoError(t, option.Gone(option.Map{"logstore": "l", "old": " "}, names))
	err := option.Gone(option.Map{"TIME_NS": "off", "old": "hidden"}, names)
	require.Equal(t, []string{
		"option old: is no option any more; use new", "option time_ns: is no option any more; it is always on",
	}, option.Problems(err))
}

// A slip that is another option's name, or the engine's own, is none.
func TestSlipsAreNotOptions(t *testing.T) {
	var tag, tags string
	opts := []option.Option{{Name: "tags", Dst: &tags}, {Name: "tag", Dst: &tag}}
	require.Empty(t, option.Unknown(option.Map{"tag": "x"}, option.Output, opts, nil))
	require.Empty(t, option.Unknown(option.Map{"tag": "x"}, option.Input, opts[:1], nil), "an input has its own tag")
	require.Len(t, option.Unknown(option.Map{"tag": "x"}, option.Output, opts[:1], nil), 1)
}

func TestNamesTable(t *testing.T) {
	require.Equal(t, ""+
		"| Typed | Here |\n|---|---|\n"+
		"| `logstore_name`, `log_store` | `logstore` |\n"+
		"| `batch_size` | `batch_bytes`. A size \\| such as 1M. |\n"+
		"| `consumer_group`, `workers` | it belongs to the input. |\n",
		option.NamesTable(hints()))
}

func TestVerifyFindsMistakesInNames(t *testing.T) {
	var a, b string
	opts := []option.Option{
		{Name: "logstore", Dst: &a, Help: "h"},
		{Name: "topic", Dst: &b, Help: "h"},
	}
	require.Equal(t, []string{
		`option "topic": the hint's name is declared already`,
		`option "Shop": the hint is not typed in lower case`,
		`option "workers": the engine reserves the hint's name`,
		`option "x": the hint means "y", which is no option`,
		`option "z": the hint says nothing`,
		`option "z": the hint's name is declared already`,
	}, option.Verify(opts, option.Output,
		option.Hint{Names: []string{"topic", "Shop", "workers"}, Note: "n"},
		option.Hint{Names: []string{"x"}, Meant: "y"},
		option.Hint{Names: []string{"z"}},
		option.Hint{Names: []string{"z"}, Note: "n"},
	))
}

func BenchmarkUnknown(b *testing.B) {
	var n named
	for b.Loop() {
		option.Unknown(option.Map{}, option.Output, n.options(), hints())
	}
}

// listed is a Getter that knows every value, or with blind only the first.
type listed struct {
	values map[string][]string
	blind  bool
}

func (l listed) Property(name string) string {
	if v := l.values[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (l listed) Values(name string) ([]string, bool) { return l.values[name], !l.blind }

// A YAML list, and a name typed again, are several values. A list takes them all: a
// secret leaks when `exclude_keys` is cut. Any other option takes none of them.
func TestSeveralValues(t *testing.T) {
	var keys []string
	var tags []option.Pair
	var logstore, secret string
	opts := []option.Option{
		{Name: "exclude_keys", Dst: &keys},
		{Name: "tags", Dst: &tags},
		{Name: "logstore", Dst: &logstore, Required: true},
		{Name: "secret", Dst: &secret, Secret: true},
	}
	get := listed{values: map[string][]string{
		"exclude_keys": {"password", "token , pin"}, "tags": {"env=prod", "team=web"}, "logstore": {"app"}, "secret": {"s"},
	}}
	require.NoError(t, option.Parse(get, opts))
	require.Equal(t, []string{"password", "token", "pin"}, keys)
	require.Equal(t, []option.Pair{{Key: "env", Value: "prod"}, {Key: "team", Value: "web"}}, tags)
	require.Empty(t, option.Cut(get, opts))

	get.blind = true
	require.NoError(t, option.Parse(get, opts))
	require.Equal(t, []string{"password"}, keys)
	require.Equal(t, "this Fluent Bit does not show more than the first item of a YAML list: separate those of `exclude_keys`, `tags` by commas",
		option.Cut(get, opts))
	require.Contains(t, option.Cut(option.Map{"tags": "a=b"}, opts), "separate those of `tags` by commas")
	require.Empty(t, option.Cut(option.Map{"logstore": "l"}, opts))

	for name, values := range map[string][]string{
		"option logstore: has 2 values, as it is typed more than once or a list; it takes one": {"logstore"},
		"option secret: has 2 values, as it is typed more than once or a list; it takes one":   {"secret"},
		`option exclude_keys = ",password": item 1 is empty; allowed: comma-separated`:         {"exclude_keys"},
	} {
		given := map[string][]string{"logstore": {"app"}, values[0]: {"app", "hidden"}}
		if values[0] == "exclude_keys" {
			given["exclude_keys"] = []string{"", "password"}
		}
		require.EqualError(t, option.Parse(listed{values: given}, opts), name)
	}
}
