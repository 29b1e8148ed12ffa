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

// A real Fluent Bit with filesystem storage is killed ten times while it ships a growing
// file. SLS throttles, and breaks some connections when it has stored what came. Every
// line arrives. With state_path only lines of requests without an answer may come twice:
// those that were in flight at a kill, or whose connection broke.
func TestFluentBitKilledWhileShipping(t *testing.T) {
	t.Parallel()
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		shipKilled(t, engine, "")
		r := shipKilled(t, engine, filepath.Join(t.TempDir(), "state"))
		require.LessOrEqual(t, r.duplicated, (killsOfTest*requestsAtOnce+r.broken)*linesOfRequest)
	}
}

const (
	killsOfTest    = 10
	requestsAtOnce = 4    // concurrency
	linesOfRequest = 1200 // 128k of lines of 15 to 215 bytes, at most
)

// shipped is how it went.
type shipped struct{ duplicated, broken int }

func shipKilled(t *testing.T, engine *fluentBit, state string) (r shipped) {
	t.Helper()
	const perLife = 20_000
	c := newCloud(t, 4)
	var mu sync.Mutex // guards what follows
	rnd := rand.New(rand.NewPCG(1, 2))
	c.Hook(slsfake.OpPutLogs, func(call *slsfake.Call) {
		mu.Lock()
		defer mu.Unlock()
		switch n := rnd.IntN(40); {
		case n < 10:
			call.Fail(403, "WriteQuotaExceed", "made up")
		case n < 20:
			call.Delay(time.Duration(rnd.IntN(50)) * time.Millisecond)
		case n == 20:
			call.CloseAfter()
			r.broken++
		}
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "app.log")
	props := c.props("batch_bytes", "128k", "concurrency", fmt.Sprint(requestsAtOnce))
	if state != "" {
		props["state_path"] = state
	}
	conf := storedPipeline(file, dir, props)
	lines := 0
	for life := range killsOfTest + 1 {
		appendLines(t, file, lines, perLife)
		lines += perLife
		e, err := engine.start(t.Context(), conf)
		require.NoError(t, err)
		if life == killsOfTest {
			c.await(t, func() bool { return distinct(c) == lines })
			stop(t, e.Stop)
			break
		}
		// Killed in the middle of its work, which is somewhere else each time.
		part := lines - perLife/2 + rnd.IntN(perLife/2)
		c.await(t, func() bool { return c.LogCount(project, logstore) >= part })
		require.NoError(t, e.Kill())
	}
	mu.Lock()
	defer mu.Unlock()
	r.duplicated = c.LogCount(project, logstore) - distinct(c)
	put := c.Stats().Ops[slsfake.OpPutLogs]
	with := "without state_path"
	if state != "" {
		with = "with state_path"
	}
	fmt.Printf("report: %s killed %d times with filesystem storage, %s: %d lines, lost %d, duplicated %d, %d of %d requests throttled, %d connections broken\n",
		engine.Name(), killsOfTest, with, lines, lines-distinct(c), r.duplicated, put.ByCode["WriteQuotaExceed"], put.Requests, r.broken)
	return r
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
