package producer

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
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
			run(t, "max_retries=2", func(t *testing.T, b *bench) {
				b.sls.Hook(slsfake.OpPutLogs, c.hook)
				require.Equal(t, c.want, b.flush(chunk(0, 1, 10)))
				require.Empty(t, b.stored())
				require.Equal(t, c.retried, b.Stats().Retries == 2)
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
		require.Contains(t, b.log.String(), "the data is kept")
		require.NotContains(t, b.log.String(), "=wrong")
	})
}

func TestUnknownLogstoreNamesTheOption(t *testing.T) {
	run(t, "logstore=missing", func(t *testing.T, b *bench) {
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		require.Regexp(t, "LogStoreNotExist.*logstore", b.log.String())
	})
}

func TestSameErrorIsLoggedOnceAnInterval(t *testing.T) {
	run(t, "log_interval=1m", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(401, "Unauthorized", "") })
		defer remove()
		for i := range 50 {
			require.Equal(t, Retry, b.flush(chunk(i, i+1, 10)))
		}
		require.Equal(t, 1, strings.Count(b.log.String(), "Unauthorized"))
		wait(t, time.Minute)
		b.flush(chunk(0, 1, 10))
		require.Contains(t, b.log.String(), "times_before=49")
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
	run(t, "flush_timeout=5s retry_base=1m retry_max=1m", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(500, "InternalServerError", "") })
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		synctest.Wait()
		require.True(t, b.budget.TryAcquire(int64(b.cfg.MemoryLimit)), "its bytes are free at once")
		b.budget.Release(int64(b.cfg.MemoryLimit))
		wait(t, 5*time.Minute)
		require.EqualValues(t, 1, b.Stats().Requests)
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
		begin := time.Now()
		require.Equal(t, OK, b.flush(c))
		require.Equal(t, 3*time.Second, time.Since(begin))
		b.requireOnce(0, 10)
		require.EqualValues(t, 1, b.Stats().Requests)
	})
}

// A flush that joins a request pausing before its retry keeps it alive.
func TestReturnedChunkKeepsARetryAlive(t *testing.T) {
	run(t, "flush_timeout=5s retry_base=8s retry_max=8s", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(500, "InternalServerError", "") })
		c := chunk(0, 10, 10)
		require.Equal(t, Retry, b.flush(c))
		remove()
		for b.flush(c) != OK { // the pause may be longer than one flush
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

func TestForgottenChunkIsSentWhole(t *testing.T) {
	run(t, "batch_count=10", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%2 == 0 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		c := chunk(0, 100, 10)
		require.Equal(t, Retry, b.flush(c))
		remove()
		wait(t, 2*rememberFor)
		require.Equal(t, OK, b.flush(c))
		require.Len(t, b.stored(), 100)
	})
}

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory()
	for i := range 3 * maxRemembered {
		m.put(chunkID{uint64(i)}, nil)
	}
	require.Len(t, m.entries, maxRemembered)
	require.Equal(t, maxRemembered, m.byAge.Len())
}

// poison makes the emulator refuse every request that carries a log it does not
// want, as SLS refuses a whole request for one log.
func TestRefusedRecordIsIsolated(t *testing.T) {
	run(t, "batch_count=64 batch_bytes=5M", func(t *testing.T, b *bench) {
		var c []byte
		for i := range 300 {
			pad := 10
			if i%100 == 42 {
				pad = 1<<20 + 1 // larger than the emulator allows a log to be
			}
			c = append(c, event(i, pad)...)
		}
		require.Equal(t, Error, b.flush(c), "not every record was accepted")
		stored := b.stored()
		require.Len(t, stored, 297)
		require.EqualValues(t, 3, b.Stats().Dropped)
		for n, times := range stored {
			require.Equal(t, 1, times, "record %s", n)
		}
	})
}

// Halves of a refused segment that could not be sent are remembered one by one.
func TestIsolationInterruptedGoesOnWhereItStopped(t *testing.T) {
	for n := 2; n < 14; n++ {
		t.Run(fmt.Sprint("request ", n), func(t *testing.T) {
			run(t, "batch_bytes=5M max_retries=0", func(t *testing.T, b *bench) {
				remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
					if c.N >= n {
						c.Fail(500, "InternalServerError", "")
					}
				})
				c := append(append(chunk(0, 50, 10), event(50, 1<<20+1)...), chunk(51, 100, 10)...)
				require.Equal(t, Retry, b.flush(c))
				remove()
				require.Equal(t, Error, b.flush(c))
				stored := b.stored()
				require.Len(t, stored, 99)
				for n, times := range stored {
					require.Equal(t, 1, times, "record %s", n)
				}
			})
		})
	}
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
		held := 0
		b.mu.Lock()
		for _, l := range b.lanes {
			for _, q := range l.queues {
				for _, s := range q.waiting {
					held += cap(s.buf)
				}
			}
		}
		b.mu.Unlock()
		require.LessOrEqual(t, held, 8<<20)
		require.False(t, b.budget.TryAcquire(1<<20), "the budget is taken")
		wg.Wait()
		require.Equal(t, 10*time.Second, time.Since(begin), "waiting for room ends at the deadline")
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

// TestNoLossUnderFaults hands chunks back as the engine does until each is OK,
// while the emulator misbehaves. Only an ambiguous answer may double a record.
func TestNoLossUnderFaults(t *testing.T) {
	for range 3 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			run(t, "batch_count=50 flush_timeout=2s retry_max=1s max_retries=3 log_interval=1h", func(_ *testing.T, b *bench) {
				campaign(b, seed)
			})
		})
	}
}

func campaign(b *bench, seed uint64) {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 0))
	accepted := 0 // requests carried out without a clear answer
	b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
		mu.Lock()
		defer mu.Unlock()
		switch rnd.IntN(12) {
		case 0:
			c.Fail(500, "InternalServerError", "")
		case 1:
			c.Fail(403, "WriteQuotaExceed", "")
		case 2:
			c.Fail(401, "Unauthorized", "")
		case 3:
			c.CloseBefore()
		case 4:
			c.CloseAfter()
			accepted++
		case 5:
			c.Delay(time.Duration(rnd.IntN(4000)) * time.Millisecond)
		case 6:
			c.DelayAfter(time.Duration(rnd.IntN(4000)) * time.Millisecond)
		default:
		}
	})
	var wg sync.WaitGroup
	const workers, perWorker, records = 8, 10, 200
	for w := range workers {
		wg.Go(func() {
			for i := range perWorker {
				n := (w*perWorker + i) * records
				for c := chunk(n, n+records, 20); b.flush(c) != OK; {
					wait(b.t, time.Second)
				}
			}
		})
	}
	wg.Wait()
	stored := b.stored()
	require.Len(b.t, stored, workers*perWorker*records, "lost records")
	doubled := 0
	for _, times := range stored {
		doubled += times - 1
	}
	if accepted == 0 {
		require.Zero(b.t, doubled)
	}
	require.LessOrEqual(b.t, doubled, accepted*b.cfg.BatchCount)
}

// wait lets virtual time pass.
func wait(t *testing.T, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// What can be seen from outside, by logstore.
func TestMetrics(t *testing.T) {
	run(t, "max_retries=1 retry_base=1s retry_max=1s", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, func(c *slsfake.Call) { c.Fail(403, "WriteQuotaExceed", "") }))
		require.Equal(t, Error, b.flush(append(chunk(0, 10, 10), event(10, 1<<20+1)...)))
		got := map[string]float64{}
		b.Metrics().Each(func(f *metric.Family, s *metric.Sample) {
			if f.Kind == metric.KindHistogram {
				got[f.Name+fmt.Sprint(s.Labels)] = float64(s.Count())
			} else {
				got[f.Name+fmt.Sprint(s.Labels)] = s.Value
			}
		})
		require.EqualValues(t, 10, got["records_total[logs]"])
		require.EqualValues(t, 1, got["requests_total[logs throttle]"])
		require.EqualValues(t, 1, got["request_retries_total[logs]"])
		require.EqualValues(t, 1, got["dropped_records_total[logs PostBodyTooLarge]"])
		require.Positive(t, got["raw_bytes_total[logs]"])
		require.Positive(t, got["sent_bytes_total[logs]"])
		require.Equal(t, got["requests_total[logs throttle]"]+got["requests_total[logs split]"]+got["requests_total[logs ok]"],
			got["request_duration_seconds[logs]"])
		require.Zero(t, got["buffer_bytes[]"])
		require.Positive(t, got["concurrency_allowed[logs]"])
	})
}
