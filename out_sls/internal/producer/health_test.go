package producer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// drain flushes chunks as the engine's workers do that have them queued: one after the
// other. It returns what they were told, and how long it took.
func (b *bench) drain(workers int, chunks ...[]byte) (results map[Result]int, took time.Duration) {
	results = map[Result]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := time.Now()
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(chunks); i += workers {
				r := b.flush(chunks[i])
				mu.Lock()
				results[r]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return results, time.Since(begin)
}

// lines are n chunks of one line each, for as many logstores in turn. No two are equal.
func (b *bench) lines(n, logstores int) (chunks [][]byte) {
	for i := range n {
		b.made++
		chunks = append(chunks, eventNamed(time.Unix(1_700_000_000, b.made), fmt.Sprint("app-", i%logstores), 10))
	}
	return chunks
}

func (b *bench) createApps(n int) {
	for i := range n {
		b.sls.CreateLogstore("pro", fmt.Sprint("app-", i), 1)
	}
}

func blackHole(c *slsfake.Call) { c.Delay(time.Hour) }

func failing(c *slsfake.Call) { c.Fail(500, "InternalServerError", "") }

// Whatever is queued on the workers when SLS does not answer, it is handed back a second
// after the first flushes have met their deadline: a shutdown waits for all of it.
func TestOutageHandsBackWhatIsQueued(t *testing.T) {
	for _, logstores := range []int{1, 12} {
		for name, hook := range map[string]func(*slsfake.Call){"black hole": blackHole, "failing": failing} {
			t.Run(fmt.Sprint(name, " ", logstores), func(t *testing.T) {
				run(t, "logstore=$n|none allow_destinations=*", func(t *testing.T, b *bench) {
					b.createApps(logstores)
					b.sls.Hook(slsfake.OpPutLogs, hook)
					results, took := b.drain(4, b.lines(240, logstores)...)
					require.Equal(t, map[Result]int{Retry: 240}, results)
					require.Equal(t, 11*time.Second, took, "flush_timeout, and a second to find out whether it is over")
					require.EqualValues(t, 232, b.values()["handed_back_chunks_total[]"], "all but two flushes a worker")
					require.Contains(t, b.log.String(), "SLS does not answer")
				})
			})
		}
	}
}

// One request at a time finds out whether the outage is over: one every two seconds.
func TestOutageIsProbedByOneRequestAtATime(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=*", func(t *testing.T, b *bench) {
		b.createApps(12)
		var sent atomic.Int32
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			sent.Add(1)
			blackHole(c)
		})
		b.drain(4, b.lines(4, 4)...)
		require.EqualValues(t, 4, sent.Load())
		end := time.Now().Add(10 * time.Second)
		for time.Now().Before(end) {
			results, took := b.drain(4, b.lines(12, 12)...)
			require.Equal(t, map[Result]int{Retry: 12}, results)
			require.LessOrEqual(t, took, probePatience)
			wait(t, 100*time.Millisecond)
		}
		require.EqualValues(t, 4+5, sent.Load())
	})
}

// The first answer makes everything normal at once, and what waits for it is delivered.
func TestOutageEndsWithTheFirstAnswer(t *testing.T) {
	for name, hook := range map[string]func(*slsfake.Call){"black hole": blackHole, "failing": failing} {
		t.Run(name, func(t *testing.T) {
			run(t, "logstore=$n|none allow_destinations=*", func(t *testing.T, b *bench) {
				b.createApps(12)
				remove := b.sls.Hook(slsfake.OpPutLogs, hook)
				b.drain(4, b.lines(40, 12)...)
				wait(t, time.Minute-time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
				b.drain(4, b.lines(40, 12)...)
				remove()
				slow := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(100 * time.Millisecond) })
				wait(t, probeEvery)
				results, took := b.drain(4, b.lines(40, 12)...)
				require.Equal(t, map[Result]int{OK: 40}, results)
				// The four of the window wait for its request, three of them then for their own.
				require.Equal(t, 1100*time.Millisecond, took)
				slow()
				require.Contains(t, b.log.String(), `msg="SLS answers again"`)
			})
		})
	}
}

// A short outage is waited out: a chunk has two tries by default, six seconds apart at least.
func TestShortOutageIsWaitedOut(t *testing.T) {
	for name, hook := range map[string]func(*slsfake.Call){
		"no answer": func(c *slsfake.Call) { c.Delay(time.Until(time.Date(2000, 1, 1, 0, 0, 6, 0, time.UTC))) },
		"failing":   failing,
	} {
		for _, logstores := range []int{1, 12} {
			t.Run(fmt.Sprint(name, " ", logstores), func(t *testing.T) {
				run(t, "logstore=$n|none allow_destinations=*", func(t *testing.T, b *bench) {
					b.createApps(logstores)
					remove := b.sls.Hook(slsfake.OpPutLogs, hook)
					time.AfterFunc(6*time.Second, remove)
					var wg sync.WaitGroup
					for _, c := range b.lines(24, logstores) {
						wg.Go(func() {
							if b.flush(c) != OK {
								wait(t, 6*time.Second)
								assert.Equal(t, OK, b.flush(c))
							}
						})
					}
					wg.Wait()
				})
			})
		}
	}
}

// SLS that throttles is there: a flush waits for it as long as it may.
func TestThrottlingIsNoOutage(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(403, "WriteQuotaExceed", "") })
		for range 5 {
			begin := time.Now()
			require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
			require.Equal(t, 10*time.Second, time.Since(begin))
		}
	})
}

// A failure long ago, with nothing tried since, is no outage.
func TestOutageIsForgottenWhenNothingIsTried(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, func(c *slsfake.Call) { c.Delay(time.Hour) }))
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		wait(t, time.Minute)
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(8 * time.Second) })
		require.Equal(t, OK, b.flush(chunk(10, 20, 10)))
		b.requireOnce(10, 20)
	})
}

// A logstore that does not answer while others do: its flushes are handed back at once, and
// what a chunk has for the others is delivered.
func TestLogstoreThatDoesNotAnswer(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=*", func(t *testing.T, b *bench) {
		b.createApps(2)
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.Logstore == "app-0" {
				c.Delay(time.Hour)
			}
		})
		var stopped atomic.Bool
		defer stopped.Store(true)
		var wg sync.WaitGroup
		wg.Go(func() { // the others go on all the time
			for !stopped.Load() {
				assert.Equal(t, OK, b.flush(routed("app-1")))
				wait(t, 500*time.Millisecond)
			}
		})
		both := b.lines(200, 2)
		for i := range 100 {
			both[i] = append(both[2*i], both[2*i+1]...)
		}
		both = both[:100]
		results, took := b.drain(4, both...)
		require.Equal(t, map[Result]int{Retry: 100}, results)
		require.Equal(t, 11*time.Second, took)
		require.Contains(t, b.log.String(), "a logstore does not answer")
		remove()
		wait(t, probeEvery)
		require.Equal(t, OK, b.flush(routed("app-0")))
		require.Equal(t, OK, b.flush(routed("app-0", "app-0")))
		stopped.Store(true)
		wg.Wait()
		times := map[uint32]int{}
		for _, l := range b.sls.Logs("pro", "app-1") {
			times[*l.TimeNs]++
		}
		for i := 2; i <= 200; i += 2 {
			require.Equal(t, 1, times[uint32(i)], i)
		}
	})
}

// A chunk that comes back does not wait either for its part that is still on its way.
func TestReturnedChunkDoesNotWaitDuringAnOutage(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, blackHole)
		c := chunk(0, 10, 10)
		require.Equal(t, Retry, b.flush(c))
		require.Equal(t, Retry, b.flush(chunk(10, 20, 10))) // opens a window and lets it pass
		begin := time.Now()
		for range 10 {
			require.Equal(t, Retry, b.flush(c))
		}
		require.Zero(t, time.Since(begin))
	})
}

// linger does not keep the request back that finds out.
func TestOutageEndsWithLinger(t *testing.T) {
	run(t, "linger=5s", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, blackHole)
		for range 2 {
			require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		}
		require.Equal(t, Retry, b.flush(chunk(10, 20, 10)))
		remove()
		wait(t, probeEvery)
		begin := time.Now()
		require.Equal(t, OK, b.flush(chunk(20, 30, 10)))
		require.Zero(t, time.Since(begin))
	})
}

// Requests that hang do not hold up a stop during an outage, and the log says in one line
// what was handed back.
func TestStopDuringAnOutage(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, blackHole)
		b.drain(4, b.lines(40, 1)...)
		begin := time.Now()
		b.Stop(t.Context())
		require.Zero(t, time.Since(begin))
		require.Regexp(t, `msg="stopped while SLS does not answer[^\n]* for=11s handed_back=32\n`, b.log.String())
		synctest.Wait()
	})
}
