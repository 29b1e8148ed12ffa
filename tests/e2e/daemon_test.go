package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const noDaemon = "Fluent Bit's daemon mode (daemon on, -d) is not possible with this plugin"

// In the fork of the process that loaded it a plugin starts nothing: no Go code runs
// there. The parent, whose standard error somebody reads, says so and fails.
func TestNoDaemon(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "daemon")
	out, err := exec.CommandContext(t.Context(), "cc", "-Wall", "-Werror", "-I", "../flbhost/host", "testdata/daemon.c", "-o", bin, "-ldl").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for so, side := range map[string]string{plugins.Out: "output", plugins.In: "input"} {
		file := filepath.Join(dir, side)
		out, err := exec.CommandContext(t.Context(), bin, so, file).CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "%s", out)
		require.Equal(t, 1, exit.ExitCode())
		require.Equal(t, 1, strings.Count(string(out), "[error] [sls] "+noDaemon), "%s", out)
		logged, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Regexp(t, `^level 1 \[`+side+`:sls:sls\] Fluent Bit's daemon mode .*\ninit returned 0\n$`, string(logged))
	}
}

// The same under the engine that users have: whichever way the mode is set, it ends with
// the sentence and not with 0. What it leaves behind ends as well, but for the daemon of
// Fluent Bit 2 and 3, which goes on without an input that has failed.
func TestNoDaemonUnderFluentBit(t *testing.T) {
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		c := newCloud(t, 1)
		out := section(c.props("workers", "1"))
		out["name"], out["match"] = "sls", "*"
		in := section(c.props())
		in["name"] = "sls"
		for so, conf := range map[string]string{
			plugins.Out: pipeline(plugins.Out, section{"name": "dummy", "tag": "t"}, out),
			plugins.In:  pipeline(plugins.In, in, section{"name": "null", "match": "*"}),
		} {
			for _, way := range []struct {
				conf string
				args []string
			}{
				{conf, []string{"-d"}},
				{strings.Replace(conf, "service:\n", "service:\n  daemon: on\n", 1), nil},
			} {
				log := filepath.Join(t.TempDir(), "log")
				e, err := engine.run(t.Context(), "fluent-bit.yaml", way.conf, append(way.args, "-l", log)...)
				require.NoError(t, err)
				var exit *exec.ExitError
				require.True(t, errors.As(<-e.exited, &exit), "it must not end well:\n%s", e.Log())
				require.Equal(t, 1, exit.ExitCode(), e.Log())
				require.Len(t, grep(e.Log(), noDaemon), 1, "%s\n%s", so, e.Log())
				awaitText(t, log, noDaemon)
				killThatNames(t, log)
			}
		}
		require.Zero(t, c.Stats().Total().Requests)
	}
}

// awaitText waits until a file has a text in it. A file tells nobody that it grew.
func awaitText(t *testing.T, file, says string) {
	t.Helper()
	timer, tick := time.NewTimer(timeout), time.NewTicker(50*time.Millisecond)
	defer timer.Stop()
	defer tick.Stop()
	for {
		text, _ := os.ReadFile(file) // it may not be there yet
		if strings.Contains(string(text), says) {
			return
		}
		select {
		case <-tick.C:
		case <-timer.C:
			require.FailNow(t, "timed out", "%s", text)
		}
	}
}

// killThatNames ends the processes whose command line has that file in it.
func killThatNames(t *testing.T, file string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, line := range lines {
		text, _ := os.ReadFile(line) // it may have ended
		if !strings.Contains(string(text), file) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(line)))
		require.NoError(t, err)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
