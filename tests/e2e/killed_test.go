package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A real Fluent Bit with filesystem storage is killed ten times while it ships a
// growing file and SLS throttles: every line arrives. Lines that were in flight at
// a kill may arrive twice.
func TestFluentBitKilledWhileShipping(t *testing.T) {
	t.Parallel()
	const kills, perLife = 10, 20_000
	for _, host := range hosts[1:] {
		c := newCloud(t, 4)
		var mu sync.Mutex
		rnd := rand.New(rand.NewPCG(1, 2))
		c.Hook(slsfake.OpPutLogs, func(call *slsfake.Call) {
			mu.Lock()
			defer mu.Unlock()
			switch rnd.IntN(4) {
			case 0:
				call.Fail(403, "WriteQuotaExceed", "made up")
			case 1:
				call.Delay(time.Duration(rnd.IntN(50)) * time.Millisecond)
			}
		})
		dir := t.TempDir()
		file := filepath.Join(dir, "app.log")
		conf := storedPipeline(file, dir, c.props("batch_bytes", "128k"))
		engine := host.(*fluentBit)
		lines := 0
		for life := range kills + 1 {
			appendLines(t, file, lines, perLife)
			lines += perLife
			e, err := engine.start(t.Context(), conf)
			require.NoError(t, err)
			if life == kills {
				c.await(t, func() bool { return distinct(c) == lines })
				stop(t, e.Stop)
				break
			}
			// Killed in the middle of its work, which is somewhere else each time.
			part := lines - perLife/2 + rnd.IntN(perLife/2)
			c.await(t, func() bool { return c.LogCount(project, logstore) >= part })
			require.NoError(t, e.Kill())
		}
		stored := c.LogCount(project, logstore)
		put := c.Stats().Ops[slsfake.OpPutLogs]
		fmt.Printf("report: %s killed %d times with filesystem storage: %d lines, lost %d, duplicated %d, %d of %d requests throttled\n",
			host.Name(), kills, lines, lines-distinct(c), stored-distinct(c), put.ByCode["WriteQuotaExceed"], put.Requests)
	}
}

// distinct counts the different lines stored.
func distinct(c *cloud) int {
	if n := c.LogCount(project, logstore); n == 0 {
		return 0
	}
	seen := map[string]bool{}
	for l := range c.EachLog(project, logstore) {
		seen[l.Contents[0].Value] = true
	}
	return len(seen)
}

func appendLines(t *testing.T, file string, from, n int) {
	t.Helper()
	var b bytes.Buffer
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "line %d %s\n", i, strings.Repeat("x", i%200))
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = f.Write(b.Bytes())
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// storedPipeline tails file with a position database and keeps chunks on disk.
func storedPipeline(file, dir string, props map[string]string) string {
	in := section{
		"name": "tail", "tag": "app", "path": file, "read_from_head": "on",
		"db": filepath.Join(dir, "tail.db"), "storage.type": "filesystem",
	}
	out := section{"name": "sls", "match": "*", "workers": "4", "retry_limit": "no_limits"}
	maps.Copy(out, props)
	conf := pipeline(plugins.Out, in, out)
	return strings.Replace(conf, "service:\n", fmt.Sprintf(
		"service:\n  storage.path: %s\n  storage.sync: normal\n  scheduler.base: 1\n  scheduler.cap: 2\n", filepath.Join(dir, "chunks")), 1)
}
