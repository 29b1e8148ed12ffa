package producer

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// routed is a chunk of n records whose field n, the first, decides where they go.
func routed(values ...string) []byte {
	var c []byte
	for i, v := range values {
		c = append(c, eventNamed(time.Unix(1_700_000_000, int64(i)), v, 10)...)
	}
	return c
}

// SLS throttles above four requests at once: the producer finds out and stays
// near it, and uses what is allowed again once the throttling is over.
func TestConcurrencyFollowsTheThrottling(t *testing.T) {
	run(t, "concurrency=64 batch_bytes=16k flush_timeout=10m", func(t *testing.T, b *bench) {
		var mu sync.Mutex
		now, limit, refused, taken := 0, 4, 0, 0
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			mu.Lock()
			defer mu.Unlock()
			if now >= limit {
				refused++
				c.Fail(403, "ShardWriteQuotaExceed", "")
				return
			}
			now++
			taken++
			mu.Unlock()
			timer := time.NewTimer(50 * time.Millisecond)
			<-timer.C
			mu.Lock()
			now--
		})
		require.Equal(t, OK, b.flush(chunk(0, 20_000, 100)))
		require.Less(t, b.scheduler.Snapshot().Allowed["logs"], 12)
		require.Less(t, refused, taken*2/3, "most requests are taken: %d refused, %d taken", refused, taken)
		mu.Lock()
		limit = 1000
		mu.Unlock()
		require.Equal(t, OK, b.flush(chunk(20_000, 100_000, 100)))
		require.GreaterOrEqual(t, b.scheduler.Snapshot().Allowed["logs"], 16)
		b.requireOnce(0, 100_000)
	})
}

// Requests that were under way together are throttled together: that is one piece of
// news, and what is allowed is halved once.
func TestThrottledTogetherIsHalvedOnce(t *testing.T) {
	run(t, "concurrency=16 batch_bytes=16k flush_timeout=1m", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(16, func(c *slsfake.Call) {
			<-time.After(100 * time.Millisecond)
			c.Fail(403, "ShardWriteQuotaExceed", "")
		}))
		done := make(chan Result)
		go func() { done <- b.flush(chunk(0, 5000, 100)) }()
		wait(t, 100*time.Millisecond+firstPause/4)
		require.EqualValues(t, 16, b.Stats().Requests, "all of them are throttled by now")
		require.EqualValues(t, 8, b.values()["concurrency_allowed[logs]"])
		require.Equal(t, OK, <-done)
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, func(c *slsfake.Call) {
			c.Answer(429, map[string][]string{"Retry-After": {"7"}}, []byte(`{"errorCode":"TooManyRequests","errorMessage":""}`))
		}))
		begin := time.Now()
		require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
		require.Equal(t, 7*time.Second, time.Since(begin))
	})
}

// One dead logstore costs the flushes of the others nothing, and its own flushes
// come back at once: the engine has few workers.
func TestDeadLogstoreHoldsUpNobody(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=* memory_limit=8M", func(t *testing.T, b *bench) {
		b.sls.CreateLogstore("pro", "alive", 1)
		b.sls.CreateLogstore("pro", "dead", 1)
		dead := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.Logstore == "dead" {
				c.Fail(500, "InternalServerError", "")
			}
		})
		require.Equal(t, OK, b.flush(routed("alive")))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { require.Equal(t, Retry, b.flush(routed("dead"))) })
		}
		wg.Wait() // by now it is known
		begin := time.Now()
		for i := range 100 {
			require.Equal(t, Retry, b.flush(routed("dead")))
			require.Equal(t, OK, b.flush(routed("alive")), i)
		}
		require.Less(t, time.Since(begin), 5*time.Second)

		// Even while the request that finds out whether it is back hangs.
		synctest.Wait() // no request of the flushes before is still being put away
		slow := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(4 * time.Second) })
		wg.Go(func() { require.Equal(t, Retry, b.flush(routed("dead"))) })
		synctest.Wait()
		begin = time.Now()
		require.Equal(t, Retry, b.flush(routed("dead")))
		require.Zero(t, time.Since(begin))
		wg.Wait()
		slow()
		dead()
		synctest.Wait()
		require.Equal(t, OK, b.flush(routed("dead")), "it is back")
		require.Equal(t, OK, b.flush(routed("dead", "alive")))
	})
}

// A chunk for two logstores of which one is down: the other part is delivered,
// and sent once however often the chunk comes back.
func TestChunkForALiveAndADeadLogstore(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=* flush_timeout=3s", func(t *testing.T, b *bench) {
		b.sls.CreateLogstore("pro", "alive", 1)
		c := routed("alive", "missing", "alive", "missing")
		for range 5 {
			require.Equal(t, Retry, b.flush(c))
		}
		require.Len(t, b.sls.Logs("pro", "alive"), 2)
		b.sls.CreateLogstore("pro", "missing", 1)
		wait(t, absentFor)
		require.Equal(t, OK, b.flush(c))
		require.Len(t, b.sls.Logs("pro", "alive"), 2)
		require.Len(t, b.sls.Logs("pro", "missing"), 2)
	})
}

func TestOrderedKeepsArrivalOrder(t *testing.T) {
	run(t, "ordered=on hash_key=same batch_bytes=16k", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			c.Delay(time.Duration(c.N%7) * 20 * time.Millisecond)
			if c.N%5 == 0 {
				c.Fail(503, "ServerBusy", "")
			}
		})
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() { require.Equal(t, OK, b.flush(chunk(i*100, i*100+100, 200))) })
			synctest.Wait() // they arrive one after the other
		}
		wg.Wait()
		for i, l := range b.sls.Logs("pro", "logs") {
			require.Equal(t, fmt.Sprint(i), l.Contents[0].Value)
		}
		require.Len(t, b.stored(), 2000)
	})
}

// The destinations of a logstore take turns: one of which much waits does not hold up
// the others.
func TestDestinationsTakeTurns(t *testing.T) {
	run(t, "topic=$n concurrency=1 batch_count=10 flush_timeout=10m", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Second) })
		var many []string
		for range 1000 {
			many = append(many, "busy")
		}
		var wg sync.WaitGroup
		wg.Go(func() { require.Equal(t, OK, b.flush(routed(many...))) })
		synctest.Wait()
		begin := time.Now()
		require.Equal(t, OK, b.flush(routed("quiet")))
		require.LessOrEqual(t, time.Since(begin), 3*time.Second)
		wg.Wait()
		require.Equal(t, 101*time.Second, time.Since(begin))
	})
}

// Records of one hash key go to one shard, and fold into few requests.
func TestHashKeyDecidesTheShard(t *testing.T) {
	run(t, "hash_key=$n|none hash_buckets=4", func(t *testing.T, b *bench) {
		var values []string
		for i := range 1000 {
			values = append(values, fmt.Sprint("user-", i%50))
		}
		require.Equal(t, OK, b.flush(routed(values...)))
		shards := map[string]int{}
		for _, l := range b.sls.Logs("pro", "logs") {
			v := l.Contents[0].Value
			if s, ok := shards[v]; ok {
				require.Equal(t, s, l.Shard, v)
			}
			shards[v] = l.Shard
		}
		require.Len(t, shards, 50)
		require.LessOrEqual(t, b.Stats().Requests, uint64(4))
	})
}

// More destinations in a chunk than may be open: each record arrives once, and
// the chunk is cut the same way when it comes back.
func TestManyDestinationsInAChunk(t *testing.T) {
	run(t, "group_batch=off topic=$n max_destinations=16", func(t *testing.T, b *bench) {
		var values []string
		for i := range 2000 {
			values = append(values, fmt.Sprint(i*7919%100))
		}
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%3 == 0 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		c := routed(values...)
		require.Equal(t, Retry, b.flush(c))
		remove()
		require.Equal(t, OK, b.flush(c))
		times := map[uint32]int{}
		for _, l := range b.sls.Logs("pro", "logs") {
			require.Equal(t, l.Contents[0].Value, l.Topic)
			times[*l.TimeNs]++
		}
		require.Len(t, times, 2000)
		for _, n := range times {
			require.Equal(t, 1, n)
		}
	})
}

func TestLingerGathersSmallChunks(t *testing.T) {
	run(t, "linger=500ms", func(t *testing.T, b *bench) {
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { require.Equal(t, OK, b.flush(chunk(i*10, i*10+10, 10))) })
		}
		wg.Wait()
		require.Equal(t, 500*time.Millisecond, time.Since(begin))
		require.EqualValues(t, 1, b.Stats().Requests)
		b.requireOnce(0, 500)

		begin = time.Now()
		require.Equal(t, OK, b.flush(chunk(500, 3500, 1000)))
		require.Equal(t, 500*time.Millisecond, time.Since(begin), "the small rest waits, full batches do not")
	})
}

func TestStopDoesNotWaitForLinger(t *testing.T) {
	run(t, "linger=1m flush_timeout=2m", func(t *testing.T, b *bench) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
		}()
		synctest.Wait()
		begin := time.Now()
		b.Stop(t.Context())
		<-done
		require.Zero(t, time.Since(begin))
	})
}
