package producer

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

func TestOKMeansStored(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(3 * time.Second) })
		begin := time.Now()
		require.Equal(t, OK, b.flush(chunk(0, 100, 10)))
		require.Equal(t, 3*time.Second, time.Since(begin), "the answer is SLS's, not the queue's")
		b.requireOnce(0, 100)
		for _, l := range b.sls.Logs("pro", "logs") {
			require.Equal(t, "topic", l.Topic)
			require.Equal(t, "source", l.Source)
			require.Equal(t, map[string]string{"env": "test"}, l.Tags)
			require.EqualValues(t, 1_700_000_000, l.Time)
			require.Equal(t, l.Contents[0].Value, fmt.Sprint(*l.TimeNs))
		}
		require.EqualValues(t, 100, b.Stats().Records)
	})
}

func TestEmptyChunkIsOK(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(nil))
		require.Zero(t, b.Stats().Requests)
	})
}

// TestResultByAnswer is the table from what SLS answers to what the engine is
// told, and whether the producer itself has sent the request again.
func TestResultByAnswer(t *testing.T) {
	fail := func(status int, code string) func(*slsfake.Call) {
		return func(c *slsfake.Call) { c.Fail(status, code, "made up") }
	}
	for _, c := range []struct {
		name    string
		hook    func(*slsfake.Call)
		want    Result
		retried bool
	}{
		{"server error", fail(500, "InternalServerError"), Retry, true},
		{"busy", fail(503, "ServerBusy"), Retry, true},
		{"gateway", func(c *slsfake.Call) { c.FailHTML(502) }, Retry, true},
		{"project quota", fail(403, "WriteQuotaExceed"), Retry, true},
		{"shard quota", fail(403, "ShardWriteQuotaExceed"), Retry, true},
		{"too many requests", fail(429, "TooManyRequests"), Retry, true},
		{"connection reset", func(c *slsfake.Call) { c.CloseBefore() }, Retry, true},
		{"unauthorized", fail(401, "Unauthorized"), Retry, false},
		{"wrong signature", fail(401, "SignatureNotMatch"), Retry, false},
		{"no project", fail(404, "ProjectNotExist"), Retry, false},
		{"no logstore", fail(404, "LogStoreNotExist"), Retry, false},
		{"unknown refusal", fail(400, "SomethingNew"), Retry, false},
		{"invalid", fail(400, "PostBodyInvalid"), Error, false},
		{"too large", fail(400, "PostBodyTooLarge"), Error, false},
		{"invalid time", fail(400, "InvalidTimestamp"), Error, false},
		{"invalid encoding", fail(400, "InvalidEncoding"), Error, false},
		{"invalid key", fail(400, "InvalidKey"), Error, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, "flush_timeout=1s", func(t *testing.T, b *bench) {
				b.sls.Hook(slsfake.OpPutLogs, c.hook)
				require.Equal(t, c.want, b.flush(chunk(0, 1, 10)))
				require.Empty(t, b.stored())
				require.Equal(t, c.retried, b.Stats().Retries > 0)
				require.Equal(t, c.want == Error, b.Stats().Dropped == 1)
				require.NotEmpty(t, b.log.String())
			})
		})
	}
}

func TestPassingTroubleIsRiddenOut(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(3, func(c *slsfake.Call) { c.Fail(503, "ServerBusy", "") }))
		require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
		b.requireOnce(0, 10)
		require.EqualValues(t, 3, b.Stats().Retries)
	})
}

func TestWrongKeyNamesTheOptionAndKeepsTheData(t *testing.T) {
	run(t, "secret=wrong", func(t *testing.T, b *bench) {
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		require.Contains(t, b.log.String(), "access_key_secret")
		require.Contains(t, b.log.String(), "retry_limit")
		require.NotContains(t, b.log.String(), "=wrong")
	})
}

func TestUnknownLogstoreNamesTheOption(t *testing.T) {
	run(t, "logstore=missing", func(t *testing.T, b *bench) {
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		require.Regexp(t, "LogStoreNotExist.*logstore", b.log.String())
	})
}

func TestFlushEndsAtItsDeadline(t *testing.T) {
	run(t, "flush_timeout=5s", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
		begin := time.Now()
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		require.Equal(t, 5*time.Second, time.Since(begin))
	})
}

func TestNothingIsSentAgainThatNobodyWaitsFor(t *testing.T) {
	run(t, "flush_timeout=5s", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, comeBackIn("60"))
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		synctest.Wait()
		require.Zero(t, b.budget.Used(), "its bytes are free at once")
		wait(t, 5*time.Minute)
		require.EqualValues(t, 1, b.Stats().Requests)
	})
}

func TestCorruptChunkDeliversWhatCanBeRead(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		c := append(chunk(0, 10, 10), 0x92, 0xc1)
		require.Equal(t, Error, b.flush(c))
		b.requireOnce(0, 10)
		require.EqualValues(t, 1, b.Stats().Corrupt)
		require.Regexp(t, fmt.Sprintf("byte %d", len(c)-2), b.log.String())
	})
}

func TestValuesThatAreNoEventsAreCounted(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		c := append(append(chunk(0, 5, 10), 0x07), chunk(5, 10, 10)...)
		require.Equal(t, Error, b.flush(c))
		b.requireOnce(0, 10)
		require.EqualValues(t, 1, b.Stats().Dropped)
		require.Contains(t, b.log.String(), "first_at_byte=")
	})
}

func TestFlushKeepsNoReferenceToTheChunk(t *testing.T) {
	run(t, "flush_timeout=1s batch_count=10", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.DelayAfter(2 * time.Second) })
		c := chunk(0, 100, 10)
		again := bytes.Clone(c)
		require.Equal(t, Retry, b.flush(c))
		for i := range c {
			c[i] = 0xdd // the engine's memory is the engine's again
		}
		for b.flush(again) != OK {
			wait(t, time.Second)
		}
		b.requireOnce(0, 100)
	})
}

func TestBudgetBoundsWhatIsBuffered(t *testing.T) {
	run(t, "memory_limit=8M flush_timeout=10s", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 32 {
			wg.Go(func() { require.Equal(t, Retry, b.flush(chunk(i*1000, i*1000+1000, 1000))) })
		}
		synctest.Wait()
		require.LessOrEqual(t, b.budget.Used(), int64(8<<20))
		require.Greater(t, b.budget.Used(), int64(7<<20), "the budget is taken")
		wg.Wait()
		require.Equal(t, 10*time.Second, time.Since(begin), "waiting for room ends at the deadline")
	})
}

// A record larger than the whole budget goes alone, and gets its answer.
func TestRecordLargerThanTheBudget(t *testing.T) {
	run(t, "memory_limit=8M", func(t *testing.T, b *bench) {
		require.Equal(t, Error, b.flush(append(event(0, 9<<20), chunk(1, 10, 10)...)))
		b.requireOnce(1, 10)
	})
}

// Small chunks from many flushes share requests while one is on its way.
func TestSmallChunksGather(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(20 * time.Millisecond) })
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := range 20 {
					n := w*1000 + i*10
					require.Equal(t, OK, b.flush(chunk(n, n+10, 1000)))
				}
			})
		}
		wg.Wait()
		require.Len(t, b.stored(), 3200)
		require.LessOrEqual(t, b.Stats().Requests, uint64(320/4), "320 chunks")
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	run(t, "concurrency=3 batch_bytes=64k flush_timeout=1m", func(t *testing.T, b *bench) {
		var mu sync.Mutex
		now, most := 0, 0
		b.sls.Hook(slsfake.OpPutLogs, func(*slsfake.Call) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			timer := time.NewTimer(time.Second)
			<-timer.C
			mu.Lock()
			now--
			mu.Unlock()
		})
		require.Equal(t, OK, b.flush(chunk(0, 2000, 1000)))
		require.Equal(t, 3, most)
	})
}

func TestStopIsBoundedAndFinal(t *testing.T) {
	run(t, "flush_timeout=1m", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
		var got Result
		done := make(chan struct{})
		go func() {
			defer close(done)
			got = b.flush(chunk(0, 10, 10))
		}()
		synctest.Wait()
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		b.Stop(ctx)
		require.Equal(t, 5*time.Second, time.Since(begin))
		<-done
		require.Equal(t, Retry, got)
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)), "nothing is taken after Stop")
		b.Stop(ctx)
	})
}

func TestStopLetsRequestsInFlightFinish(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(2 * time.Second) })
		var got Result
		done := make(chan struct{})
		go func() {
			defer close(done)
			got = b.flush(chunk(0, 10, 10))
		}()
		synctest.Wait()
		b.Stop(t.Context())
		<-done
		require.Equal(t, OK, got)
		b.requireOnce(0, 10)
	})
}
