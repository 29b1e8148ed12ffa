package producer

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/tests/slsfake"
)

// halfSent is a chunk of which a flush has delivered one of two logstores' parts.
func halfSent(b *bench, n int) []byte {
	remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
		if c.Logstore == "other" {
			c.Fail(401, "Unauthorized", "")
		}
	})
	defer remove()
	c := append(eventNamed(time.Unix(1_700_000_000, int64(n)), "logs", 10), eventNamed(time.Unix(1_700_000_000, int64(n)), "other", 10)...)
	require.Equal(b.t, Retry, b.flush(c))
	return c
}

// What is delivered of a chunk is remembered for an hour, and forgotten then.
func TestRememberedForAnHour(t *testing.T) {
	for after, times := range map[time.Duration]int{time.Second: 1, time.Hour - time.Second: 1, time.Hour + time.Second: 2} {
		run(t, "logstore=$n|none allow_destinations=*", func(t *testing.T, b *bench) {
			b.sls.CreateLogstore("pro", "other", 1)
			c := halfSent(b, 1)
			wait(t, after)
			require.Equal(t, OK, b.flush(c))
			require.Len(t, b.sls.Logs("pro", "logs"), times, after)
			require.EqualValues(t, 2-times, b.Stats().Skipped)
			require.Len(t, b.sls.Logs("pro", "other"), 1)
		})
	}
}

// takeAll takes the whole memory_limit, until its segment is settled.
func (b *bench) takeAll() *segment.Segment {
	s := &segment.Segment{Logs: make([]byte, b.cfg.MemoryLimit), Outcome: b.memory.Begin("", nil).Add(1)}
	require.NoError(b.t, b.budget.Take(b.t.Context(), s))
	return s
}

// A chunk of the same bytes under another tag is another chunk.
func TestRememberedByTag(t *testing.T) {
	run(t, "batch_count=10", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N == 2 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		defer remove()
		c := chunk(0, 40, 10)
		require.Equal(t, Retry, b.Flush(t.Context(), "one", c))
		require.Equal(t, OK, b.Flush(t.Context(), "two", c))
		require.Zero(t, b.Stats().Skipped)
		require.Equal(t, OK, b.Flush(t.Context(), "one", c))
		for n, times := range b.stored() {
			require.Equal(t, 2, times, n)
		}
	})
}

// A chunk that came back sends only what is missing.
func TestReturnedChunkSendsOnlyWhatIsMissing(t *testing.T) {
	run(t, "batch_count=10", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%2 == 0 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		c := chunk(0, 200, 10)
		require.Equal(t, Retry, b.flush(c))
		before := len(b.stored())
		require.NotZero(t, before)
		require.Less(t, before, 200)
		remove()
		require.Equal(t, OK, b.flush(bytes.Clone(c)))
		b.requireOnce(0, 200)
		require.NotZero(t, b.Stats().Skipped)
	})
}

// An answer that comes after the flush gave up still counts when the chunk is back.
func TestReturnedChunkWaitsForWhatIsInFlight(t *testing.T) {
	run(t, "flush_timeout=5s", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.DelayAfter(8 * time.Second) })
		c := chunk(0, 10, 10)
		require.Equal(t, Retry, b.flush(c))
		remove()
		wait(t, 2500*time.Millisecond)
		begin := time.Now()
		require.Equal(t, OK, b.flush(c))
		require.Equal(t, 500*time.Millisecond, time.Since(begin))
		b.requireOnce(0, 10)
		require.EqualValues(t, 1, b.Stats().Requests)
	})
}

// A flush that joins a request pausing before its retry keeps it alive.
func TestReturnedChunkKeepsARetryAlive(t *testing.T) {
	run(t, "flush_timeout=5s", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, comeBackIn("8"))
		c := chunk(0, 10, 10)
		require.Equal(t, Retry, b.flush(c))
		remove()
		for b.flush(c) != OK { // the pause may be longer than one flush
			wait(t, 100*time.Millisecond)
		}
		b.requireOnce(0, 10)
		require.LessOrEqual(t, b.Stats().Requests, uint64(3))
	})
}

func TestEqualChunksAreBothSent(t *testing.T) {
	run(t, "batch_count=10", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%2 == 0 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		one, other := chunk(0, 100, 10), chunk(0, 100, 10)
		require.Equal(t, Retry, b.flush(one))
		require.Equal(t, Retry, b.flush(other))
		remove()
		require.Equal(t, OK, b.flush(one))
		require.Equal(t, OK, b.flush(other))
		for n, times := range b.stored() {
			require.Equal(t, 2, times, "record %s", n)
		}
	})
}

// A flush that ends before it has cut its chunk leaves what is known of the segments
// that it has not come to.
func TestRememberedOverAFlushThatFoundNoRoom(t *testing.T) {
	run(t, "batch_count=10 memory_limit=8M", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N == 1 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		defer remove()
		c := chunk(0, 40, 10)
		require.Equal(t, Retry, b.flush(c))
		require.Len(t, b.stored(), 30)
		others := b.takeAll()
		require.Equal(t, Retry, b.flush(c))
		others.Settle()
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 40)
	})
}
