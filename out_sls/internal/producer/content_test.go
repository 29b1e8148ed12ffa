package producer

import (
	"io"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/option"
)

func TestContentOptionDeclarations(t *testing.T) {
	var c ContentConfig
	require.Empty(t, option.Verify(c.Options(), option.Output))
}

// contentOf is the first event's contents under the given options.
func contentOf(t *testing.T, set option.Map, record any) string {
	t.Helper()
	var c ContentConfig
	require.NoError(t, option.Parse(set, c.Options()))
	opts, err := c.EncodeOptions()
	require.NoError(t, err)
	opts.Tag = "kube.app"
	head := []byte{0x92, 0x92, 0xd7, 0x00, 0x65, 0x53, 0xf1, 0x00, 0x07, 0x5b, 0xcd, 0x15, 0x81, 0xa1, 'm', 1}
	body, err := msgpack.Marshal(record)
	require.NoError(t, err)
	var r loggroup.Reader
	r.Reset(append(head, body...), opts)
	out, err := r.Next(nil)
	require.NoError(t, err)
	_, err = r.Next(nil)
	require.ErrorIs(t, err, io.EOF)
	var g sdk.LogGroup
	require.NoError(t, proto.Unmarshal(out, &g))
	var pairs []string
	for _, p := range g.Logs[0].Contents {
		pairs = append(pairs, p.GetKey()+"="+p.GetValue())
	}
	return strings.Join(pairs, " ")
}

func TestContentConfig(t *testing.T) {
	record := struct {
		Log        string         `msgpack:"log"`
		Topic      string         `msgpack:"__topic__"`
		Kubernetes map[string]any `msgpack:"kubernetes"`
	}{"line", "access", map[string]any{"labels": map[string]string{"it's": "web"}}}
	const whole = `log=line __record__.__topic__=access kubernetes={"labels":{"it's":"web"}}`
	for _, c := range []struct {
		set  option.Map
		want string
	}{
		{nil, whole},
		{option.Map{"log_key": "log"}, "log=line"},
		{option.Map{"log_key": "$kubernetes['labels']"}, "it's=web"},
		{option.Map{"log_key": "message"}, whole},
		{option.Map{"include_keys": "kubernetes, log"}, `log=line kubernetes={"labels":{"it's":"web"}}`},
		{option.Map{"exclude_keys": "log,$kubernetes['labels']['it''s']"}, `__record__.__topic__=access kubernetes={"labels":{}}`},
		{option.Map{"include_keys": "log,x", "exclude_keys": "$log"}, ""},
		{option.Map{"log_key": "log", "tag_key": "tag"}, "log=line tag=kube.app"},
		{option.Map{"log_key": "log", "time_key": "ts"}, "log=line ts=2023-11-14T22:13:20.123456789Z"},
		{option.Map{"log_key": "log", "time_key": "ts", "time_format": "epoch_ms"}, "log=line ts=1700000000123"},
		{option.Map{"log_key": "log", "time_key": "ts", "time_format": "epoch"}, "log=line ts=1700000000"},
		{option.Map{"nested": "flatten"}, "log=line __record__.__topic__=access kubernetes.labels.it's=web"},
		{option.Map{"nested": "Flatten", "flatten_separator": "_"}, "log=line __record__.__topic__=access kubernetes_labels_it's=web"},
		{option.Map{"log_key": "log", "metadata": "on"}, "log=line __metadata__.m=1"},
		{option.Map{"restore_meta": "record", "exclude_keys": "kubernetes"}, "log=line"},
		{option.Map{"restore_meta": "metadata", "exclude_keys": "kubernetes"}, "log=line __record__.__topic__=access"},
		{option.Map{"reserved_fields": "keep", "exclude_keys": "kubernetes"}, "log=line __topic__=access"},
		{option.Map{"reserved_fields": "Keep", "restore_meta": "metadata", "include_keys": "__topic__"}, "__topic__=access"},
	} {
		require.Equal(t, c.want, contentOf(t, c.set, record), c.set)
	}
}

// TestContentConfigDefault: nothing set costs nothing.
func TestContentConfigDefault(t *testing.T) {
	var c ContentConfig
	require.NoError(t, option.Parse(option.Map{}, c.Options()))
	opts, err := c.EncodeOptions()
	require.NoError(t, err)
	require.Equal(t, loggroup.EncodeOptions{RenameReserved: true}, opts)
}

// The attributes of a group, of OpenTelemetry's resource and scope, come with metadata.
func TestMetadataIsAlsoThatOfTheGroup(t *testing.T) {
	for _, on := range []bool{false, true} {
		opts, err := (&ContentConfig{Metadata: on, TimeFormat: "rfc3339"}).EncodeOptions()
		require.NoError(t, err)
		require.Equal(t, on, opts.GroupAttributes)
	}
}

func TestContentConfigErrors(t *testing.T) {
	for _, c := range []struct {
		name, value, want string
	}{
		{"log_key", "kubernetes['labels']", "a path begins with $"},
		{"log_key", "$", "no key behind $"},
		{"log_key", "$a[0]", "['key'] expected"},
		{"log_key", "$a.b", "put as $['key']"},
		{"log_key", "$a['b", "the quote is not closed"},
		{"log_key", "$a['b'", "] expected"},
		{"log_key", "$a['b'] ['c']", "['key'] expected"},
		{"log_key", "$a" + strings.Repeat("['b']", 16), "more than 16 keys"},
		{"log_key", "\xff", "not valid UTF-8"},
		{"include_keys", "a, $b[", `"$b["`},
		{"exclude_keys", "$['a,b']", "holds no comma"},
		{"time_format", "%Y-%m-%dT%H:%M:%S", "allowed: rfc3339, epoch, epoch_ms"},
		{"nested", "deep", "json"},
		{"restore_meta", "on", "metadata"},
		{"reserved_fields", "on", "rename"},
		{"tag_key", "\xff", "not valid UTF-8"},
		{"flatten_separator", "\xff", "not valid UTF-8"},
	} {
		var cfg ContentConfig
		err := option.Parse(option.Map{c.name: c.value}, cfg.Options())
		require.ErrorContains(t, err, c.want, c.value)
		require.ErrorContains(t, err, c.name)
	}
	for _, c := range []ContentConfig{
		{TagKey: "x", TimeKey: "x"},
		{LogKey: "$"},
		{IncludeKeys: []string{"$"}},
		{ExcludeKeys: []string{"$"}},
	} {
		_, err := c.EncodeOptions()
		require.ErrorContains(t, err, "option")
	}
}

func TestParseKey(t *testing.T) {
	for text, want := range map[string][]string{
		"log":                   {"log"},
		"log.level":             {"log.level"},
		"$log-level/x_1":        {"log-level/x_1"},
		"$a['b']['']":           {"a", "b", ""},
		"$['a.b']['it''s']":     {"a.b", "it's"},
		"$['']":                 {""},
		"$['''']":               {"'"},
		"日志":                    {"日志"},
		"$kubernetes['标签']":     {"kubernetes", "标签"},
		"$['$x']":               {"$x"},
		"a b":                   {"a b"},
		"$a['['']']":            {"a", "[']"},
		"__tag__:__hostname__":  {"__tag__:__hostname__"},
		"$['__tag__:x']['[0]']": {"__tag__:x", "[0]"},
	} {
		got, err := parseKey(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

// FuzzParseKey: what is accepted can be compiled.
func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"log", "$a['b']", "$['it''s']", "$a[0]", "$a['", "$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		path, err := parseKey(text)
		if err != nil {
			return
		}
		_, err = loggroup.NewContent(loggroup.ContentOptions{LogKey: path, IncludeKeys: [][]string{path}})
		require.NoError(t, err)
	})
}
