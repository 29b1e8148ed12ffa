package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/flbhost"
)

// A plugin with a bad configuration refuses to start, says everything that is
// wrong in one go, keeps secrets out of it, and has not touched the network.
func TestBadConfigurationIsRefused(t *testing.T) {
	for _, c := range []struct {
		name, so string
		props    map[string]string
		want     []string
	}{
		{"output", raced.Out, map[string]string{
			"endpoint": "http://127.0.0.1:1", "access_key_secret": "top secret",
			"batch_bytes": "lots", "flush_timeout": "20", "compress": "gzip", "sign_version": "v4",
		}, []string{"project", "logstore", "access_key_id", "access_key_secret", "batch_bytes", "flush_timeout", "compress", "region"}},
		{"input", raced.In, map[string]string{
			"endpoint": "ftp://x", "access_key_secret": "top secret", "project": "p",
			"start_position": "yesterday", "fetch_max_groups": "5000", "buffer_size": "-1",
		}, []string{"endpoint", "logstore", "access_key_id", "access_key_secret", "start_position", "fetch_max_groups", "buffer_size"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, log := startHost(t)
			plugin, err := h.Load(c.so)
			require.NoError(t, err)
			_, err = h.Init(plugin, c.props)
			require.Error(t, err)
			for _, option := range c.want {
				require.Len(t, grep(log.String(), "[error]", option), 1, "option %s in\n%s", option, log)
			}
			require.Len(t, grep(log.String(), "[error]", "option"), len(c.want), "one line a problem:\n%s", log)
			require.NotContains(t, log.String(), "top secret")
			stop(t, h.Exit)
		})
	}
}

func TestBadConfigurationStopsFluentBit(t *testing.T) {
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		e, err := engine.start(t.Context(), pipeline(plugins.Out,
			section{"name": "dummy"}, section{"name": "sls", "match": "*", "endpoint": "127.0.0.1:1", "logstore": "l", "linger": "5", "credentials": "static"}))
		require.NoError(t, err)
		require.Error(t, <-e.exited, "fluent-bit must not run without project and keys")
		require.Len(t, grep(e.Log(), "[output:sls:sls.0]", "option"), 4, e.Log())
	}
}

// With a wrong key every chunk goes back to the engine; once it is mended the
// data is there.
func TestWrongKeyKeepsTheData(t *testing.T) {
	c := newCloud(t, 1)
	h, i, log := start(t, raced.Out, c.props("access_key_secret", "wrong"))
	chunk := lines(10)
	result, err := i.Flush(t.Context(), "t", chunk)
	require.NoError(t, err)
	require.Equal(t, flbhost.Retry, result)
	require.NotEmpty(t, grep(log.String(), "SignatureNotMatch", "access_key_secret", "retry_limit"), log)
	require.Empty(t, c.Logs(project, logstore))
	stop(t, h.Exit)

	h, i, _ = start(t, raced.Out, c.props())
	result, err = i.Flush(t.Context(), "t", chunk)
	require.NoError(t, err)
	require.Equal(t, flbhost.OK, result)
	require.Len(t, c.Logs(project, logstore), 10)
	stop(t, h.Exit)
}

func TestWrongLogstoreIsNamedByTheInput(t *testing.T) {
	c := newCloud(t, 1)
	said := make(chan struct{})
	h, _ := startHostLogging(t, func(line string) bool {
		return len(grep(line, "LogStoreNotExist", "logstore")) > 0
	}, said)
	plugin, err := h.Load(raced.In)
	require.NoError(t, err)
	_, err = h.Init(plugin, c.props("logstore", "missing"))
	require.NoError(t, err, "a logstore may be created later")
	<-said
	stop(t, h.Exit)
}

// startHostLogging closes said at the first log line that match accepts.
func startHostLogging(t *testing.T, match func(string) bool, said chan struct{}) (*flbhost.Host, *logBuffer) {
	log := &logBuffer{}
	seen := false
	h, err := flbhost.Start(t.Context(), hostBin, flbhost.Options{OnLog: func(line string) {
		log.line(line)
		if !seen && match(line) {
			seen = true
			close(said)
		}
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Kill() })
	return h, log
}

// The readable part of a corrupt chunk is delivered; the log says where it breaks.
func TestCorruptChunk(t *testing.T) {
	c := newCloud(t, 1)
	h, i, log := start(t, raced.Out, c.props())
	good := lines(10)
	result, err := i.Flush(t.Context(), "t", append(good[:len(good):len(good)], 0xc1, 0xc1))
	require.NoError(t, err)
	require.Equal(t, flbhost.Error, result)
	require.Len(t, c.Logs(project, logstore), 10)
	require.NotEmpty(t, grep(log.String(), "[error]", fmt.Sprintf("byte %d", len(good))), log)
	stop(t, h.Exit)
}

// lines is a chunk of n lines.
func lines(n int) []byte { return numbered(0, n) }
