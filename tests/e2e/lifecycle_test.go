package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/demo"
	"fluent-bit-sls/tests/flbhost"
	"fluent-bit-sls/tests/slsfake"
)

// start0 is the time of the first line of generated chunks.
var start0 = time.Now().Truncate(time.Second)

func timeStep(i int) time.Duration { return time.Duration(i) * time.Microsecond }

// numbered is a chunk of the lines from..to-1.
func numbered(from, to int) []byte {
	var b demo.ChunkBuilder
	for i := from; i < to; i++ {
		b.Add(start0.Add(timeStep(i)), fmt.Appendf(nil, "line %d", i))
	}
	return b.Chunk()
}

// Several sections of both plugins in one process do not see each other.
func TestSeveralInstances(t *testing.T) {
	c := newCloud(t, 2)
	c.CreateLogstore(project, "other", 2)
	h, log := startHost(t)
	out, err := h.Load(plugins.Out)
	require.NoError(t, err)
	in, err := h.Load(plugins.In)
	require.NoError(t, err)
	for n, name := range []string{logstore, "other"} {
		i, err := h.Init(out, c.props("logstore", name))
		require.NoError(t, err, log)
		result, err := i.Flush(t.Context(), "t", numbered(n*1000, n*1000+500))
		require.NoError(t, err)
		require.Equal(t, flbhost.OK, result, log)
	}
	for n, name := range []string{logstore, "other"} {
		i, err := h.Init(in, c.props("logstore", name, "consumer_group", "readers"))
		require.NoError(t, err, log)
		got := newSink(500)
		i.OnCollect(func(buf []byte) {
			events, _ := decodeEvents(buf)
			got.take(events)
		})
		got.wait(t, log)
		texts := map[any]bool{}
		for _, e := range got.events {
			texts[e.Record["log"]] = true
		}
		require.Len(t, texts, 500)
		require.True(t, texts[fmt.Sprintf("line %d", n*1000)])
	}
	require.NotEmpty(t, grep(log.String(), "[output:sls:sls.1]", "started"), log)
	require.NotEmpty(t, grep(log.String(), "[input:sls:sls.1]", "started"), log)
	stop(t, h.Exit)
}

// Without workers every flush holds up the engine: the log says so, once.
func TestFlushesOnTheEnginesThreadAreWarnedOf(t *testing.T) {
	c := newCloud(t, 1)
	for want, workers := range []string{"4", "0"} {
		h, i, log := start(t, raced.Out, c.props("workers", workers))
		for n := range 3 {
			result, err := i.Flush(t.Context(), "t", numbered(n, n+1))
			require.NoError(t, err)
			require.Equal(t, flbhost.OK, result)
		}
		require.Len(t, grep(log.String(), "[ warn]", "workers"), want, log)
		stop(t, h.Exit)
	}
}

// A hot reload ends the old instances and starts new ones in the same process.
func TestHotReload(t *testing.T) {
	c := newCloud(t, 1)
	h, log := startHost(t)
	out, err := h.Load(raced.Out)
	require.NoError(t, err)
	settled := 0 // resident kB once everything has been used
	for round := range 10 {
		if round == 3 {
			settled = status(t, h.Pid(), "VmRSS")
		}
		i, err := h.Init(out, c.props())
		require.NoError(t, err, log)
		result, err := i.Flush(t.Context(), "t", numbered(round*10, round*10+10))
		require.NoError(t, err)
		require.Equal(t, flbhost.OK, result, log)
		require.NoError(t, h.Reload(t.Context()))
	}
	require.Len(t, c.Logs(project, logstore), 100)
	require.Len(t, grep(log.String(), "[output:sls:sls.0]", "started, version"), 10, log)
	require.LessOrEqual(t, c.Stats().OpenConnections, 1, "connections of ended instances are closed")
	require.Less(t, status(t, h.Pid(), "VmRSS"), settled+32<<10, "memory stays behind")
	require.Less(t, status(t, h.Pid(), "Threads"), 40, "threads stay behind")
	stop(t, h.Exit)
}

// status reads a number from a process's status.
func status(t testing.TB, pid int, field string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			var n int
			_, err := fmt.Sscan(value, &n)
			require.NoError(t, err)
			return n
		}
	}
	require.Fail(t, "no such field", field)
	return 0
}

// Killed with SIGKILL while it ships, again and again; the chunks that were not
// acknowledged are shipped by the next process, as the engine's storage does it.
// Nothing is lost. What may be doubled is what was in flight at a kill.
func TestKilledWhileShipping(t *testing.T) {
	c := newCloud(t, 2)
	c.Hook(slsfake.OpPutLogs, func(call *slsfake.Call) { call.Delay(5 * time.Millisecond) })
	const kills, chunks, perChunk = 5, 60, 200
	left := make([][]byte, chunks)
	for n := range left {
		left[n] = numbered(n*perChunk, n*perChunk+perChunk)
	}
	for round := 0; len(left) > 0; round++ {
		h, i, log := start(t, raced.Out, c.props("concurrency", "2"))
		var mu sync.Mutex
		var kept [][]byte
		acked := 0
		shipper := flbhost.NewShipper(i, flbhost.ShipperConfig{
			Concurrency: workers, RetryLimit: flbhost.NoLimit,
			OnDone: func(chunk flbhost.Chunk, last flbhost.Result, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil || last != flbhost.OK {
					kept = append(kept, chunk.Data)
				} else if acked++; acked == 10 && round < kills {
					go func() { _ = h.Kill() }()
				}
			},
		})
		for _, chunk := range left {
			require.NoError(t, shipper.Ship(t.Context(), "t", chunk))
		}
		_ = shipper.Wait(t.Context()) // the error of a killed host
		require.Less(t, round, chunks, "no progress:\n%s", log)
		left = kept
		if len(left) == 0 {
			stop(t, func(ctx context.Context) error {
				if round < kills {
					return h.Kill()
				}
				return h.Exit(ctx)
			})
		}
	}
	stored := map[string]int{}
	for _, l := range c.Logs(project, logstore) {
		stored[l.Contents[0].Value]++
	}
	require.Len(t, stored, chunks*perChunk, "lost records")
	doubled := 0
	for _, n := range stored {
		doubled += n - 1
	}
	require.LessOrEqual(t, doubled, kills*workers*perChunk)
}

// Nothing is handed over between pause and resume, and nothing is lost by it.
func TestPauseHoldsBack(t *testing.T) {
	c := newCloud(t, 1)
	h, i, log := start(t, plugins.Out, c.props())
	flush := func(from, to int) {
		result, err := i.Flush(t.Context(), "t", numbered(from, to))
		require.NoError(t, err)
		require.Equal(t, flbhost.OK, result, log)
	}
	flush(0, 100)
	in, err := h.Load(plugins.In)
	require.NoError(t, err)
	reader, err := h.Init(in, c.props("handoff_delay", "1200ms", "checkpoint_interval", "100ms"))
	require.NoError(t, err)
	first, all := newSink(100), newSink(200)
	reader.OnCollect(func(buf []byte) {
		events, _ := decodeEvents(buf)
		first.take(events)
		all.take(events)
	})
	first.wait(t)
	require.NoError(t, h.Pause())
	flush(100, 200)
	groups := c.Stats().Ops[slsfake.OpPutLogs].Groups
	c.await(t, func() bool { return c.Stats().Ops[slsfake.OpPullLogs].Groups == groups })
	require.Len(t, all.all(), 100, "handed over while paused")
	require.NoError(t, h.Resume())
	all.wait(t)
	texts := make([]string, 0, 200)
	for _, e := range all.all() {
		texts = append(texts, fmt.Sprint(e.Record["log"]))
	}
	slices.Sort(texts)
	require.Len(t, slices.Compact(texts), 200)
	stop(t, h.Exit)
}

// A second process goes on at the checkpoint of the first.
func TestReadingGoesOnAtTheCheckpoint(t *testing.T) {
	c := newCloud(t, 2)
	h, i, log := start(t, raced.Out, c.props())
	flush := func(from, to int) {
		result, err := i.Flush(t.Context(), "t", numbered(from, to))
		require.NoError(t, err)
		require.Equal(t, flbhost.OK, result, log)
	}
	props := c.props("handoff_delay", "1200ms", "checkpoint_interval", "100ms", "heartbeat_timeout", "6s", "consumer", "me")
	flush(0, 1000)
	got := newSink(1000)
	in, err := hosts[0].Consume(t.Context(), props, got.take)
	require.NoError(t, err)
	got.wait(t)
	c.await(t, func() bool { return c.caughtUp("fluent-bit") })
	stop(t, in.Stop)

	flush(1000, 1500)
	more := newSink(500)
	in, err = hosts[0].Consume(t.Context(), props, more.take)
	require.NoError(t, err)
	more.wait(t)
	stop(t, in.Stop)
	require.Len(t, more.events, 500, "records before the checkpoint came again")
	stop(t, h.Exit)
}
