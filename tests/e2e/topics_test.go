package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A node with a topic for each of its files: what is small shares requests, and every line
// arrives under the topic of its file.
func TestFluentBitShipsManyTopics(t *testing.T) {
	t.Parallel()
	const files, lines = 100, 50
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		c := newCloud(t, 4)
		c.Hook(slsfake.OpPutLogs, func(call *slsfake.Call) { call.Delay(20 * time.Millisecond) })
		dir := t.TempDir()
		for i := range files {
			var text strings.Builder
			for n := range lines {
				fmt.Fprintf(&text, "file %d line %d\n", i, n)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("app-%d.log", i)), []byte(text.String()), 0o600))
		}
		in := section{
			"name": "tail", "path": filepath.Join(dir, "*.log"), "tag": "app.<file>", "tag_regex": `(?<file>app-\d+)\.log$`,
			"read_from_head": "on",
		}
		out := section(c.props("name", "sls", "match", "*", "workers", "16", "retry_limit", "no_limits", "topic", "$TAG[1]"))
		running, err := engine.start(t.Context(), pipeline(engine.plugins.Out, in, out))
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		all := func() bool { return len(c.Logs(project, logstore)) >= files*lines }
		require.NoError(t, c.Wait(ctx, all), "log:\n%s", running.Log())
		require.NoError(t, running.Stop(ctx))
		got := map[string]int{}
		for _, l := range c.Logs(project, logstore) {
			text := l.Contents[len(l.Contents)-1].Value
			require.True(t, strings.HasPrefix(text, "file "+strings.TrimPrefix(l.Topic, "app-")+" line "), "%q under %q", text, l.Topic)
			got[text]++
		}
		require.Len(t, got, files*lines)
		require.Len(t, c.Logs(project, logstore), files*lines, "each line once")
		requests := c.Stats().Total().Requests
		require.LessOrEqual(t, requests, files/3, "a request was each file's")
		t.Logf("%s: %d requests for %d files", engine.Name(), requests, files)
	}
}
