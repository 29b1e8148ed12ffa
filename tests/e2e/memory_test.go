package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/flbhost"
)

// What a plugin has read of its file to start is given back once, and it goes on working.
func TestStartIsGivenBack(t *testing.T) {
	t.Parallel() // it mostly waits
	c := newCloud(t, 1)
	h, err := flbhost.Start(t.Context(), hostBin, flbhost.Options{})
	require.NoError(t, err)
	plugin, err := h.Load(plugins.Out)
	require.NoError(t, err)
	out, err := h.Init(plugin, c.props())
	require.NoError(t, err)
	before := status(t, h.Pid(), "RssFile")
	end := time.After(timeout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for status(t, h.Pid(), "RssFile") > before/2 {
		select {
		case <-tick.C:
		case <-end:
			require.Fail(t, "nothing was given back", "%d kB of files before, %d now", before, status(t, h.Pid(), "RssFile"))
		}
	}
	result, err := out.Flush(t.Context(), "t", numbered(0, 10))
	require.NoError(t, err)
	require.Equal(t, flbhost.OK, result)
	c.awaitStored(t, 10)
	stop(t, h.Exit)
}
