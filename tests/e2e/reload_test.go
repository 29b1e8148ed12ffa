package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/tuning.md says what a reload beside workers does. It holds for this engine: the
// engine goes on, and leaves behind the threads that it started first, with their files.
// Without the plugin's help it crashes within two reloads. An engine without this fault
// leaves nothing behind, and the page's advice to restart is out of date then.
func TestReloadBesideWorkersUnderFluentBit(t *testing.T) {
	const workers, reloads = 3, 4
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		c := newCloud(t, 1)
		out := section(c.props("workers", strconv.Itoa(workers)))
		out["name"], out["match"] = "sls", "*"
		conf := pipeline(plugins.Out, section{"name": "dummy", "tag": "t"}, out)
		e, err := engine.start(t.Context(), strings.Replace(conf, "service:\n", "service:\n  hot_reload: on\n", 1))
		require.NoError(t, err)
		for round := range reloads + 1 {
			// Records that come now are those of a configuration that runs.
			stored := c.LogCount(project, logstore)
			c.await(t, func() bool {
				return len(grep(e.Log(), "[reload] start everything")) == round && c.LogCount(project, logstore) > stored+1 &&
					e.threads(t, "flb-out-sls.0-w") <= (round+2)*workers // those of before have ended
			})
			require.Equal(t, (round+2)*workers, e.threads(t, "flb-out-sls.0-w"), "after reload %d of %s", round, engine.Name())
			if round < reloads {
				require.NoError(t, e.cmd.Process.Signal(syscall.SIGHUP))
			}
		}
		stop(t, e.Stop)
		require.Empty(t, grep(e.Log(), "SIGSEGV"), e.Log())
	}
}

// threads counts the engine's threads of a name.
func (e *engine) threads(t *testing.T, name string) (n int) {
	t.Helper()
	files, err := filepath.Glob("/proc/" + strconv.Itoa(e.cmd.Process.Pid) + "/task/*/comm")
	require.NoError(t, err)
	for _, file := range files {
		comm, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(comm)) == name {
			n++
		}
	}
	return n
}
