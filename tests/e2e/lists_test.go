package e2e

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/tests/flbhost"
)

// typed are props as lines of a section, and more behind them.
func typed(props map[string]string, more ...flbhost.Property) []flbhost.Property {
	var list []flbhost.Property
	for _, key := range slices.Sorted(maps.Keys(props)) {
		list = append(list, flbhost.Property{Key: key, Value: props[key]})
	}
	return append(list, more...)
}

// secrets is a chunk of one record with keys that must not be stored.
func secrets(t *testing.T) []byte {
	t.Helper()
	record, err := msgpack.Marshal(map[string]string{"log": "x", "password": "p-secret", "token": "t-secret"})
	require.NoError(t, err)
	chunk := []byte("\x92\x92\xd7\x00")
	chunk = binary.BigEndian.AppendUint32(chunk, uint32(start0.Unix()))
	return append(append(chunk, "\x00\x00\x00\x00\x80"...), record...)
}

// The items of a YAML list, and the lines of a name that is typed again, all count: where
// only the first did, the second of these secrets was stored.
func TestListsAreWhole(t *testing.T) {
	two := []flbhost.Property{{Key: "exclude_keys", Value: "password"}, {Key: "Exclude_Keys", Value: "token"}}
	c := newCloud(t, 1)
	c.CreateLogstore(project, "web", 1)
	h, log := startHost(t)
	out, err := h.Load(raced.Out)
	require.NoError(t, err)
	i, err := h.InitTyped(out, typed(c.props(), two...))
	require.NoError(t, err, log)
	result, err := i.Flush(t.Context(), "t", secrets(t))
	require.NoError(t, err)
	require.Equal(t, flbhost.OK, result, log)
	require.Equal(t, []string{"log"}, c.keys())
	require.Len(t, grep(log.String(), "started, version", "exclude_keys=password,token"), 1, log)
	require.Empty(t, grep(log.String(), "[ warn]"), log)

	_, err = h.InitTyped(out, typed(c.props(), flbhost.Property{Key: "logstore", Value: "web"}))
	require.Error(t, err)
	require.Len(t, grep(log.String(), "[error]", "option logstore: has 2 values, as it is typed more than once or a list; it takes one"), 1, log)
	stop(t, h.Exit)

	h, log = startHost(t)
	in, err := h.Load(raced.In)
	require.NoError(t, err)
	_, err = h.InitTyped(in, typed(c.props(), flbhost.Property{Key: "logstore", Value: "web"}))
	require.NoError(t, err, log)
	require.Len(t, grep(log.String(), "started, version", "logstore=app,web"), 1, log)
	stop(t, h.Exit)
}

// An engine that keeps its properties in another way shows a plugin the first item only:
// the log says what to do.
func TestListsThatMayBeCutAreWarnedOf(t *testing.T) {
	c := newCloud(t, 1)
	log := &logBuffer{}
	h, err := flbhost.Start(t.Context(), hostBin, flbhost.Options{Opaque: true, OnLog: log.line})
	require.NoError(t, err)
	out, err := h.Load(raced.Out)
	require.NoError(t, err)
	_, err = h.InitTyped(out, typed(c.props(), flbhost.Property{Key: "exclude_keys", Value: "password"}, flbhost.Property{Key: "exclude_keys", Value: "token"}))
	require.NoError(t, err, log)
	require.Len(t, grep(log.String(), "[ warn]", "does not show more than the first item of a YAML list: separate those of `exclude_keys`, `endpoint` by commas"), 1, log)
	stop(t, h.Exit)
}

// keys are those of the contents that are stored.
func (c *cloud) keys() []string {
	found := map[string]bool{}
	for _, l := range c.Logs(project, logstore) {
		for _, content := range l.Contents {
			found[content.Key] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// The same under the engine that users have, as they write it.
func TestListsAreWholeUnderFluentBit(t *testing.T) {
	const record = `{"log": "x", "password": "p-secret", "token": "t-secret"}`
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		for _, tc := range []struct {
			name, conf string
			args       []string
		}{
			{"fluent-bit.yaml", "plugins:\n  - SO\nservice:\n  flush: 0.5\npipeline:\n  inputs:\n    - name: dummy\n      dummy: '" + record + "'\n" +
				"  outputs:\n    - name: sls\n      match: '*'\n      workers: 1\n      exclude_keys: [password, token]\n", nil},
			{"fluent-bit.conf", "[SERVICE]\n    flush 0.5\n[INPUT]\n    Name dummy\n    Dummy " + record + "\n" +
				"[OUTPUT]\n    Name sls\n    Match *\n    workers 1\n    exclude_keys password\n    exclude_keys token\n", []string{"-e", plugins.Out}},
		} {
			c := newCloud(t, 1)
			format := "      %s: %s\n"
			if strings.HasSuffix(tc.name, ".conf") {
				format = "    %s %s\n"
			}
			var conf strings.Builder
			conf.WriteString(strings.ReplaceAll(tc.conf, "SO", plugins.Out))
			for _, p := range typed(c.props()) {
				fmt.Fprintf(&conf, format, p.Key, p.Value)
			}
			e, err := engine.run(t.Context(), tc.name, conf.String(), tc.args...)
			require.NoError(t, err)
			c.awaitStored(t, 1)
			stop(t, e.Stop)
			require.Equal(t, []string{"log"}, c.keys(), e.Log())
			require.Len(t, grep(e.Log(), "started, version", "exclude_keys=password,token"), 1, e.Log())
		}
		c := newCloud(t, 1)
		c.CreateLogstore(project, "web", 1)
		in := section(c.props())
		in["name"] = "sls"
		conf := pipeline(plugins.In, in, section{"name": "null", "match": "*"})
		e, err := engine.start(t.Context(), strings.Replace(conf, `logstore: "app"`, `logstore: [app, web]`, 1))
		require.NoError(t, err)
		c.await(t, func() bool { return len(grep(e.Log(), "started, version", "logstore=app,web")) == 1 })
		stop(t, e.Stop)

		out := section(c.props())
		out["name"], out["match"] = "sls", "*"
		conf = pipeline(plugins.Out, section{"name": "dummy"}, out)
		e, err = engine.start(t.Context(), strings.Replace(conf, `logstore: "app"`, `logstore: [app, web]`, 1))
		require.NoError(t, err)
		require.Error(t, <-e.exited)
		require.Len(t, grep(e.Log(), "[error]", "option logstore: has 2 values"), 1, e.Log())
	}
}
