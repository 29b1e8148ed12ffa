package option_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

// named is a plugin with an alias and a few hints.
type named struct {
	logstore, secret, tags string
	batch                  option.Size
}

func (n *named) options() []option.Option {
	return []option.Option{
		{Name: "logstore", Dst: &n.logstore, Required: true, Help: "Where to."},
		{Name: "access_key_secret", Dst: &n.secret, Secret: true, Help: "Key.", Aliases: []option.Alias{{Name: "secret", Of: "other"}}},
		{Name: "tags", Dst: &n.tags, Help: "Tags."},
		{
			Name: "batch_bytes", Dst: &n.batch, Default: "1M", Min: "16k", Max: "5M", Help: "Size.",
			Aliases: []option.Alias{{Name: "max_raw_bytes_per_batch", Of: "aliyun_sls", Convert: option.DecimalSize, Note: "powers | of 1000"}},
		},
	}
}

func hints() []option.Hint {
	return []option.Hint{
		{Names: []string{"logstore_name", "log_store"}, Meant: "logstore"},
		{Names: []string{"batch_size"}, Meant: "batch_bytes", Note: "A size | such as 1M."},
		{Names: []string{"consumer_group", "workers"}, Note: "it belongs to the input."},
	}
}

func TestAliases(t *testing.T) {
	var n named
	get := option.Map{"logstore": "l", "Max_Raw_Bytes_Per_Batch": "2M", "secret": "hidden"}
	require.NoError(t, option.Parse(get, n.options()))
	require.Equal(t, named{logstore: "l", secret: "hidden", batch: 2_000_000}, n)
	require.Equal(t, []string{
		"`secret` is taken as `access_key_secret` = ***",
		"`max_raw_bytes_per_batch` is taken as `batch_bytes` = \"2000000\"",
	}, option.Taken(get, n.options()))
	require.Empty(t, option.Unknown(get, option.Output, n.options(), hints()))
	require.Empty(t, option.Taken(option.Map{"logstore": "l"}, n.options()))
}

func TestAliasProblems(t *testing.T) {
	f := func(get option.Map, want string) {
		t.Helper()
		var n named
		get["logstore"] = "l"
		require.EqualError(t, option.Parse(get, n.options()), want)
		require.NotContains(t, want, "hidden")
	}
	f(option.Map{"batch_bytes": "1M", "max_raw_bytes_per_batch": "1M"},
		"option batch_bytes: set, and max_raw_bytes_per_batch too, which is another name of it; keep one of them")
	f(option.Map{"access_key_secret": "hidden", "secret": "hidden"},
		"option access_key_secret: set, and secret too, which is another name of it; keep one of them")
	f(option.Map{"max_raw_bytes_per_batch": "lots"},
		`option max_raw_bytes_per_batch (another name of batch_bytes) = "lots": not a size such as 65536, 512k or 3M; allowed: 16k to 5M`)
	f(option.Map{"max_raw_bytes_per_batch": "6M"},
		`option max_raw_bytes_per_batch (another name of batch_bytes) = "6000000": too large; allowed: 16k to 5M`)
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

	f("logstore", "")
	f("secret", "")
	f("workers", "")        // the engine's
	f("something_else", "") // nobody knows what that is for
}

// A slip that is another option's name, or the engine's own, is none.
func TestSlipsAreNotOptions(t *testing.T) {
	var tag, tags string
	opts := []option.Option{{Name: "tags", Dst: &tags}, {Name: "tag", Dst: &tag}}
	require.Empty(t, option.Unknown(option.Map{"tag": "x"}, option.Output, opts, nil))
	require.Empty(t, option.Unknown(option.Map{"tag": "x"}, option.Input, opts[:1], nil), "an input has its own tag")
	require.Len(t, option.Unknown(option.Map{"tag": "x"}, option.Output, opts[:1], nil), 1)
}

func TestDecimalSize(t *testing.T) {
	for in, want := range map[string]string{
		"5242880": "5242880", "5M": "5000000", "5mb": "5000000", "1.5k": "1500", "2G": "2000000000", "0": "0",
		"": "", "M": "", "5x": "", "5MiB": "", "-1": "", "NaN": "", "inf": "", "1e400": "", "9007199254740993G": "", "5MM": "", "5B": "",
	} {
		got, err := option.DecimalSize(in)
		require.Equal(t, want, got, "%q: %v", in, err)
		require.Equal(t, want == "", err != nil, "%q", in)
	}
}

func TestNamesTable(t *testing.T) {
	require.Equal(t, ""+
		"| Typed | Here |\n|---|---|\n"+
		"| `secret` | works as `access_key_secret` (other) |\n"+
		"| `max_raw_bytes_per_batch` | works as `batch_bytes` (aliyun_sls): powers \\| of 1000 |\n"+
		"| `logstore_name`, `log_store` | `logstore` |\n"+
		"| `batch_size` | `batch_bytes`. A size \\| such as 1M. |\n"+
		"| `consumer_group`, `workers` | it belongs to the input. |\n",
		option.NamesTable((&named{}).options(), hints()))
}

func TestVerifyFindsMistakesInNames(t *testing.T) {
	var a, b string
	opts := []option.Option{
		{Name: "logstore", Dst: &a, Help: "h", Aliases: []option.Alias{{Name: "store", Of: "x"}, {Name: "tls"}}},
		{Name: "topic", Dst: &b, Help: "h", Aliases: []option.Alias{{Name: "logstore", Of: "x"}}},
	}
	require.Equal(t, []string{
		`option "logstore": the engine reserves the name`,
		`option "logstore": alias "tls": does not say whose it is`,
		`option "topic": the name is declared twice`,
		`option "topic": the hint's name is declared already`,
		`option "store": the hint's name is declared already`,
		`option "Shop": the hint is not typed in lower case`,
		`option "workers": the engine reserves the hint's name`,
		`option "x": the hint means "y", which is no option`,
		`option "z": the hint says nothing`,
		`option "z": the hint's name is declared already`,
	}, option.Verify(opts, option.Output,
		option.Hint{Names: []string{"topic", "store", "Shop", "workers"}, Note: "n"},
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

func FuzzDecimalSize(f *testing.F) {
	for _, s := range []string{"5M", "1.5kb", "-1", "1e3", "0x1p4", "9999999999999G"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		out, err := option.DecimalSize(raw)
		if err != nil {
			return
		}
		size, err := parseOne[option.Size](out, option.Option{})
		require.NoError(t, err)
		require.GreaterOrEqual(t, size, option.Size(0))
	})
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

// A YAML list, or a name typed again, is several values: a list takes them all, as a
// secret leaks when `exclude_keys` is cut; anything else takes none of them.
func TestSeveralValues(t *testing.T) {
	var keys []string
	var tags []option.Pair
	var logstore, secret string
	opts := []option.Option{
		{Name: "exclude_keys", Dst: &keys, Aliases: []option.Alias{{Name: "remove", Of: "other"}}},
		{Name: "tags", Dst: &tags},
		{Name: "logstore", Dst: &logstore, Required: true},
		{Name: "secret", Dst: &secret, Secret: true, Aliases: []option.Alias{{Name: "key", Of: "other"}}},
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

	require.NoError(t, option.Parse(listed{values: map[string][]string{"remove": {"a", "b"}, "logstore": {"app"}}}, opts))
	require.Equal(t, []string{"a", "b"}, keys)

	for name, values := range map[string][]string{
		"option logstore: has 2 values, as it is typed more than once or a list; it takes one":                     {"logstore"},
		"option secret: has 2 values, as it is typed more than once or a list; it takes one":                       {"secret"},
		"option key (another name of secret): has 2 values, as it is typed more than once or a list; it takes one": {"key"},
		`option exclude_keys = ",password": item 1 is empty; allowed: comma-separated`:                             {"exclude_keys"},
	} {
		given := map[string][]string{"logstore": {"app"}, values[0]: {"app", "hidden"}}
		if values[0] == "exclude_keys" {
			given["exclude_keys"] = []string{"", "password"}
		}
		require.EqualError(t, option.Parse(listed{values: given}, opts), name)
	}
}
