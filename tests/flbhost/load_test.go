package flbhost

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{})
	out, in := load(t, h, "out"), load(t, h, "in")
	require.Equal(t, Plugin{Name: "ctest", Description: "a test plugin", Direction: Output, id: 0}, out)
	require.Equal(t, Plugin{Name: "cin", Description: "a test plugin", Direction: Input, id: 1}, in)
	require.Equal(t, "ctest.0", initialize(t, h, out, nil).Name)
	require.Equal(t, "ctest.1", initialize(t, h, out, nil).Name)
	require.Equal(t, "cin.0", initialize(t, h, in, nil).Name)
	exit(t, h)
	require.Contains(t, logs.text(), "out: register hot=0")
	require.Contains(t, logs.text(), "out: prerun hot=0")
	require.Contains(t, logs.text(), "in: prerun hot=0 own-thread=1")
	require.Contains(t, logs.text(), "init name=ctest context=(nil) cmt=(nil) null=NULL")
}

func TestLoadRefusesWhatTheEngineCannotRun(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	dir := t.TempDir()
	for wrong, want := range map[int]string{
		1: "no symbol FLBPluginRegister",
		2: "no symbol FLBPluginInit",
		3: "no symbol FLBPluginFlush or FLBPluginFlushCtx",
		4: "registered as neither an input (1) nor an output (2)",
		5: "no symbol FLBPluginInputCallback or FLBPluginInputCallbackCtx",
		6: "FLBPluginRegister returned -1",
		7: "FLBPluginPreRegister returned -1",
		8: "registered with a proxy that is not Go's (11)",
	} {
		path := filepath.Join(dir, fmt.Sprintf("bad%d.so", wrong))
		require.NoError(t, buildPlugin(t.Context(), path, fmt.Sprintf("-DWRONG=%d", wrong), "bad.c"))
		_, err := h.Load(path)
		require.ErrorContains(t, err, path+": "+want)
	}
	_, err := h.Load(filepath.Join(dir, "absent.so"))
	require.ErrorContains(t, err, "absent.so: cannot open shared object file")
	_, err = h.Load(filepath.Join(dir, "flb-sls.so"))
	require.ErrorContains(t, err, "takes a file named flb-* for a C plugin")
	exit(t, h)
}

func TestProperties(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{})
	out := load(t, h, "out")
	initialize(t, h, out, map[string]string{
		"id": "a", "Topic": "web", "empty": "", "Match": "*", "TLS.verify": "off", "net.keepalive": "on",
		"tls.proxy.ca_file": "x", "oauth2.enable": "on", "storage.total_limit_size": "1G", "tls.own": "mine",
		"show": "TOPIC,topic,topi,empty,match,tls.verify,NET.keepalive,tls.proxy.ca_file,oauth2.enable," +
			"storage.total_limit_size,tls.own,missing",
	})
	initialize(t, h, out, map[string]string{"id": "b", "topic": "db", "show": "topic"})
	_, err := h.InitTyped(out, []Property{{"id", "d"}, {"keys", "one"}, {"show", "keys"}, {"KEYS", "two"}})
	require.NoError(t, err)
	initialize(t, h, load(t, h, "in"), map[string]string{"id": "c", "tag": "x", "log_level": "debug"})
	exit(t, h)
	for _, want := range []string{
		"a: TOPIC=web\n", "a: topic=web\n", "a: topi=NULL\n", "a: empty=NULL\n", "a: match=NULL\n",
		"a: tls.verify=NULL\n", "a: NET.keepalive=NULL\n", "a: tls.proxy.ca_file=NULL\n",
		"a: oauth2.enable=NULL\n", "a: storage.total_limit_size=NULL\n", "a: tls.own=mine\n",
		"a: missing=NULL\n", "b: topic=db\n", "d: keys=one\n", "in c: init tag=NULL coll_fd=0 place=free debug=1\n",
	} {
		require.Contains(t, logs.text(), want)
	}
}

// An instance is called by its alias, else by its number, which begins anew at a reload.
func TestNames(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{HotReload: true})
	out := load(t, h, "out")
	for range 2 {
		for id, alias := range map[string]string{"a": "", "b": "to_sls"} {
			ins := initialize(t, h, out, map[string]string{"id": id, "alias": alias})
			if alias != "" {
				require.Equal(t, alias, ins.Name)
			}
		}
		require.NoError(t, h.Reload(t.Context()))
	}
	require.Equal(t, "ctest.0", initialize(t, h, out, map[string]string{"id": "c"}).Name)
	exit(t, h)
	require.Equal(t, 2, logs.count("out b: called to_sls\n"))
	require.Equal(t, 1, logs.count("out c: called ctest.0\n"))
}

func TestInitRefused(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{})
	out, in := load(t, h, "out"), load(t, h, "in")
	for key, value := range map[string]string{"log_level": "loud", "Log_Level": "3", "tls": "on"} {
		_, err := h.Init(out, map[string]string{key: value})
		require.Error(t, err, key)
	}
	_, err := h.Init(out, map[string]string{"tls": "on"})
	require.ErrorContains(t, err, "does not support TLS")
	_, err = h.Init(out, map[string]string{"log_level": "loud"})
	require.ErrorContains(t, err, "log_level: unknown level 'loud'")
	_, err = h.Init(in, map[string]string{"Net.io": "1"})
	require.ErrorContains(t, err, "Net.io: net.* on an input crashes fluent bit")
	_, err = h.Init(out, map[string]string{"refuse": "yes"})
	require.ErrorContains(t, err, "the plugin refused to start")
	_, err = h.Init(in, map[string]string{"refuse": "yes"})
	require.ErrorContains(t, err, "the plugin refused to start")
	require.Contains(t, logs.text(), "[error] [go proxy]: plugin 'cin' failed to initialize")
	ok := initialize(t, h, out, nil)
	require.Equal(t, OK, flush(t, ok, "echo", ""))
	exit(t, h)
	require.NotContains(t, logs.text(), "in ?: exit", "a refused instance has no exit")
}

func TestLogLevels(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{LogLevel: "warn", Workers: 1})
	out := load(t, h, "out")
	initialize(t, h, out, map[string]string{"levels": "yes"})
	require.Equal(t, 1, logs.count("level=2"))
	require.Zero(t, logs.count("level=3"))
	require.Zero(t, logs.count("worker"), "the engine's own lines have its level")
	initialize(t, h, out, map[string]string{"levels": "yes", "Log_Level": "TRACE"})
	require.Equal(t, 2, logs.count("level=1"))
	require.Regexp(t, `(?m)^\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}\] \[ info\] \[output:ctest\] level=3$`, logs.text())
	require.Contains(t, logs.text(), "[error] [output:ctest] level=1")
	require.Contains(t, logs.text(), "[trace] [output:ctest] level=5")
	initialize(t, h, out, map[string]string{"levels": "yes", "log_level": "off"})
	require.Equal(t, 2, logs.count("level=1"))
	exit(t, h)

	_, err := Start(t.Context(), filepath.Join(binDir(t), "flbhost"), Options{LogLevel: "loud"})
	require.ErrorContains(t, err, `log level "loud" is none of`)
}

// The engine's buffer for a message is 4088 bytes with its header.
func TestLogLineIsCut(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{})
	ins := initialize(t, h, load(t, h, "out"), nil)
	longTag := strings.Repeat("long", 2000)
	require.Equal(t, OK, flush(t, ins, "echo"+longTag, ""))
	exit(t, h)
	require.NotContains(t, logs.text(), longTag)
	require.Contains(t, logs.text(), longTag[:4000])
	for line := range strings.Lines(logs.text()) {
		require.LessOrEqual(t, len(line), 4088)
	}
}
