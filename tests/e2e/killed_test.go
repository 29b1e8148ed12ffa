package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A real Fluent Bit with filesystem storage is killed ten times while it ships a growing
// file. SLS throttles, and breaks some connections or answers 500 when it has stored what
// came. Every line arrives. With state_path each line that comes twice was in a request
// without an answer: in flight at a kill, or one of those that SLS broke. With exactly_once
// none comes twice.
func TestFluentBitKilledWhileShipping(t *testing.T) {
	t.Parallel()
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		shipKilled(t, engine, "without state_path")
		r := shipKilled(t, engine, "with state_path", "state_path", filepath.Join(t.TempDir(), "state"))
		require.Zero(t, r.unexplained, "lines that came twice although their requests were answered")
		r = shipKilled(t, engine, "with exactly_once", "state_path", filepath.Join(t.TempDir(), "state"), "exactly_once", "on")
		require.Zero(t, r.duplicated)
	}
}

const (
	killsOfTest = 10
	// onItsWay is how long before a kill a request may have come whose answer has not been read
	// and written down: generously, for a busy machine.
	onItsWay = 500 * time.Millisecond
)

// shipped is how it went.
type shipped struct {
	duplicated, unexplained int // lines
	unanswered              int // requests that were stored
}

// requests are those that a cloud got: when, and whether it kept the answer back.
type requests struct {
	mu     sync.Mutex // guards what follows
	random *rand.Rand
	came   map[string]time.Time
	broken map[string]bool
	killed []time.Time
}

// disturb throttles a quarter of the calls, delays one as often, and stores one in twenty
// without a clear answer.
func (r *requests) disturb(call *slsfake.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came[call.RequestID] = time.Now()
	switch n := r.random.IntN(40); {
	case n < 10:
		call.Fail(403, "WriteQuotaExceed", "made up")
	case n < 20:
		call.Delay(time.Duration(r.random.IntN(50)) * time.Millisecond)
	case n == 20:
		call.CloseAfter()
		r.broken[call.RequestID] = true
	case n == 21:
		call.FailAfter(500, "InternalServerError", "made up")
		r.broken[call.RequestID] = true
	}
}

// unanswered tells whether the plugin may not know that a request was stored.
func (r *requests) unanswered(id string) bool {
	return r.broken[id] || slices.ContainsFunc(r.killed, func(kill time.Time) bool {
		before := kill.Sub(r.came[id])
		return before > -onItsWay && before < onItsWay // what was sent before may come after
	})
}

// judge counts the lines that are stored more than once: of a line that was sent twice all
// requests but one must have had no answer.
func (r *requests) judge(c *cloud) (s shipped) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answered, seen, stored := map[string]int{}, map[string]bool{}, map[string]bool{}
	for l := range c.EachLog(project, logstore) {
		line := l.Contents[0].Value
		if seen[line] {
			s.duplicated++
		}
		seen[line], stored[l.RequestID] = true, true
		if !r.unanswered(l.RequestID) {
			answered[line]++
		}
	}
	for _, n := range answered {
		s.unexplained += n - 1
	}
	for id := range stored {
		if r.unanswered(id) {
			s.unanswered++
		}
	}
	return s
}

// shipKilled ships in one life after the other, with more properties of the section.
func shipKilled(t *testing.T, engine *fluentBit, how string, props ...string) shipped {
	t.Helper()
	const perLife = 20_000
	c := newCloud(t, 4)
	r := &requests{random: rand.New(rand.NewPCG(1, 2)), came: map[string]time.Time{}, broken: map[string]bool{}}
	c.Hook(slsfake.OpPutLogs, r.disturb)
	dir := t.TempDir()
	file := filepath.Join(dir, "app.log")
	conf := storedPipeline(file, dir, c.props(append(props, "batch_bytes", "128k", "concurrency", "4")...))
	lines := 0
	rnd := rand.New(rand.NewPCG(3, 4))
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
		r.mu.Lock()
		r.killed = append(r.killed, time.Now())
		r.mu.Unlock()
		require.NoError(t, e.Kill())
	}
	s := r.judge(c)
	put := c.Stats().Ops[slsfake.OpPutLogs]
	fmt.Printf("report: %s killed %d times with filesystem storage, %s: %d lines, lost %d, duplicated %d, %d of %d requests throttled, %d stored without a clear answer or around a kill, %d duplicates of others\n",
		engine.Name(), killsOfTest, how, lines, lines-distinct(c), s.duplicated, put.ByCode["WriteQuotaExceed"], put.Requests, s.unanswered, s.unexplained)
	return s
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
