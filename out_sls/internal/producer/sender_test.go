package producer

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// arrivals are when requests came.
type arrivals struct {
	mu sync.Mutex
	at []time.Time
}

func (a *arrivals) note() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = append(a.at, time.Now())
}

// gaps are the times between one and the next.
func (a *arrivals) gaps() (gaps []time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := 1; i < len(a.at); i++ {
		gaps = append(gaps, a.at[i].Sub(a.at[i-1]))
	}
	return gaps
}

// comeBackIn refuses for now, and asks for that many seconds.
func comeBackIn(seconds string) func(*slsfake.Call) {
	return func(c *slsfake.Call) {
		c.Answer(503, map[string][]string{"Retry-After": {seconds}}, []byte(`{"errorCode":"ServerBusy","errorMessage":""}`))
	}
}

// The pause before a retry doubles from 100 ms to 5 s, and is between half of that and the
// whole, at random: a thousand nodes must not come back as one.
func TestRetriesBackOffWithJitter(t *testing.T) {
	var all [][]time.Duration
	for range 20 {
		run(t, "flush_timeout=1m", func(t *testing.T, b *bench) {
			var came arrivals
			b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
				came.note()
				c.Fail(503, "ServerBusy", "")
			})
			begin := time.Now()
			require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
			require.Equal(t, time.Minute, time.Since(begin), "it is tried until then")
			all = append(all, came.gaps())
		})
	}
	for n, limit := range []int{100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000} {
		limit := time.Duration(limit) * time.Millisecond
		seen := map[time.Duration]bool{}
		least, most := time.Hour, time.Duration(0)
		for _, gaps := range all {
			require.GreaterOrEqual(t, gaps[n], limit/2)
			require.LessOrEqual(t, gaps[n], limit)
			seen[gaps[n]] = true
			least, most = min(least, gaps[n]), max(most, gaps[n])
		}
		require.Greater(t, len(seen), 10, "jitter")
		require.Greater(t, most-least, limit/8, "jitter worth the name")
	}
}

// By default, too, a request comes to its longest pause, and is tried until flush_timeout.
func TestLongestPauseIsReachedByDefault(t *testing.T) {
	reached := 0
	for range 20 {
		run(t, "", func(t *testing.T, b *bench) {
			var came arrivals
			b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
				came.note()
				c.Fail(500, "InternalServerError", "")
			})
			begin := time.Now()
			require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
			require.Equal(t, 10*time.Second, time.Since(begin))
			gaps := came.gaps()
			require.GreaterOrEqual(t, len(gaps), 6, "the pause behind these is the longest")
			if last := gaps[len(gaps)-1]; len(gaps) > 6 && longestPause/2 <= last && last <= longestPause {
				reached++
			}
		})
	}
	require.Positive(t, reached)
}

// SLS knows better when to come back: also later than the longest pause, and not only
// when it throttles.
func TestRetryAfterIsObeyedBeyondTheLongestPause(t *testing.T) {
	for status, code := range map[int]string{403: "WriteQuotaExceed", 429: "TooManyRequests", 503: "ServerBusy"} {
		run(t, "flush_timeout=1m", func(t *testing.T, b *bench) {
			var came arrivals
			b.sls.Hook(slsfake.OpPutLogs, func(*slsfake.Call) { came.note() })
			b.sls.Hook(slsfake.OpPutLogs, slsfake.First(2, func(c *slsfake.Call) {
				c.Answer(status, map[string][]string{"Retry-After": {strconv.Itoa(6 * c.N)}}, []byte(`{"errorCode":"`+code+`","errorMessage":""}`))
			}))
			require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
			require.Equal(t, []time.Duration{6 * time.Second, 12 * time.Second}, came.gaps())
		})
	}
}

// The codec of the option is the one on the wire, and what arrives is the same.
func TestCompress(t *testing.T) {
	sizes := map[string]int{}
	for _, codec := range []string{"lz4", "zstd", "none"} {
		run(t, "compress="+codec, func(t *testing.T, b *bench) {
			b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
				sizes[c.Header.Get("X-Log-Compresstype")] += len(c.Body)
			})
			require.Equal(t, OK, b.flush(chunk(0, 100, 1000)))
			b.requireOnce(0, 100)
		})
	}
	require.Len(t, sizes, 3)
	require.Greater(t, sizes[""], 100*1000, "none")
	require.Less(t, sizes["lz4"], sizes[""]/10)
	require.Less(t, sizes["zstd"], sizes[""]/10)
}

// A request is full at batch_bytes before compression or at batch_count, whichever
// comes first.
func TestBatchBytesAndBatchCount(t *testing.T) {
	for set, want := range map[string]struct{ bytes, logs int }{
		"batch_bytes=16k":                  {16 << 10, 16},
		"batch_bytes=64k":                  {64 << 10, 64},
		"batch_count=7":                    {8 << 10, 7},
		"batch_bytes=16k batch_count=9999": {16 << 10, 16},
		"":                                 {1 << 20, 1000},
	} {
		run(t, set, func(t *testing.T, b *bench) {
			require.Equal(t, OK, b.flush(chunk(0, 1000, 1000)))
			b.requireOnce(0, 1000)
			most := 0
			for g := range b.sls.Groups("pro", "logs") {
				most = max(most, g.LogCount)
				require.LessOrEqual(t, len(g.Data), want.bytes+1200, "the record that makes it full, topic and tags beside")
			}
			require.LessOrEqual(t, most, want.logs)
			require.Greater(t, most, want.logs*9/10, set)
		})
	}
}

func TestTimeNs(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(chunk(5, 6, 10)))
		l := b.sls.Logs("pro", "logs")[0]
		require.EqualValues(t, 1_700_000_000, l.Time)
		require.EqualValues(t, 5, *l.TimeNs)
	})
}

// The processor goes with every request, whatever the route, and the emulator has
// verified it as part of the signature.
func TestProcessor(t *testing.T) {
	for _, version := range []string{"v1", "v4"} {
		for set, want := range map[string]string{
			"":                              "",
			"processor=mask-pii":            "mask-pii",
			"processor=mask-pii hash_key=x": "mask-pii",
		} {
			run(t, "sign_version="+version+" "+set, func(t *testing.T, b *bench) {
				require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
				for g := range b.sls.Groups("pro", "logs") {
					require.Equal(t, want, g.Processor)
				}
				b.requireOnce(0, 10)
			})
		}
	}
}

// A clock that is hours off costs one request, and no log its time.
func TestClockIsCorrectedAndLogsKeepTheirTime(t *testing.T) {
	for _, off := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		run(t, "", func(t *testing.T, b *bench) {
			wait(t, 20*365*24*time.Hour) // bubbles begin in the year 2000, which no server's clock shows
			b.sls.SetClockOffset(off)
			require.Equal(t, OK, b.flush(chunk(0, 100, 10)))
			require.Equal(t, OK, b.flush(chunk(100, 200, 10)))
			b.requireOnce(0, 200)
			for _, l := range b.sls.Logs("pro", "logs") {
				require.EqualValues(t, 1_700_000_000, l.Time)
			}
			require.InDelta(t, off.Seconds(), b.client.ClockOffset().Seconds(), 2)
			require.Zero(t, b.Stats().Retries, "signed again at once, not after a pause")
			require.Zero(t, b.Stats().Rewritten)
		})
	}
}

// What SLS may have taken without saying so is sent again, counted as ambiguous, and
// the only thing that can be there twice.
func TestAmbiguousRequestsAreCounted(t *testing.T) {
	for name, c := range map[string]struct {
		fault     func(*slsfake.Call)
		ambiguous uint64
		times     int // that each record is stored
	}{
		"no answer, accepted": {func(c *slsfake.Call) { c.CloseAfter() }, 1, 2},
		"late, accepted":      {func(c *slsfake.Call) { c.DelayAfter(time.Hour) }, 1, 2},
		"no answer, refused":  {func(c *slsfake.Call) { c.CloseBefore() }, 1, 1},
		"a clear refusal":     {func(c *slsfake.Call) { c.Fail(500, "InternalServerError", "") }, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, "flush_timeout=2m", func(t *testing.T, b *bench) {
				b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, c.fault))
				require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
				require.Equal(t, c.ambiguous, b.Stats().Ambiguous)
				require.EqualValues(t, 1, b.Stats().Retries)
				require.Len(t, b.stored(), 10)
				for n, times := range b.stored() {
					require.Equal(t, c.times, times, n)
				}
			})
		})
	}
}

// With ordered on each hash bucket has one request in flight, and the buckets do not
// wait for each other.
func TestOrderedByHashBucket(t *testing.T) {
	run(t, "ordered=on hash_key=$n|none batch_bytes=16k flush_timeout=5m", func(t *testing.T, b *bench) {
		var mu sync.Mutex
		now, most, all := map[string]int{}, 0, 0
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			mu.Lock()
			now[c.HashKey]++
			most, all = max(most, now[c.HashKey]), max(all, len(now))
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			if now[c.HashKey]--; now[c.HashKey] == 0 {
				delete(now, c.HashKey)
			}
			mu.Unlock()
		})
		var keys []string
		for i := range 8000 {
			keys = append(keys, fmt.Sprint("user-", i%4))
		}
		require.Equal(t, OK, b.flush(routed(keys...)))
		require.Equal(t, 1, most)
		require.Equal(t, 4, all)
		next := map[string]uint32{}
		for _, l := range b.sls.Logs("pro", "logs") {
			user := l.Contents[0].Value
			require.Greater(t, *l.TimeNs+1, next[user], "in order of arrival")
			next[user] = *l.TimeNs + 1
		}
		require.Len(t, next, 4)
	})
}

// hash_buckets is how many different keys are sent.
func TestHashBuckets(t *testing.T) {
	for buckets, want := range map[string]int{"": 64, "64": 64, "256": 256, "4": 4} {
		set := "hash_key=$n|none max_log_groups=1000"
		if buckets != "" {
			set += " hash_buckets=" + buckets
		}
		run(t, set, func(t *testing.T, b *bench) {
			var values []string
			for i := range 4000 {
				values = append(values, fmt.Sprint("user-", i%1000))
			}
			slices.Sort(values)
			require.Equal(t, OK, b.flush(routed(values...)))
			keys := map[string]bool{}
			for g := range b.sls.Groups("pro", "logs") {
				keys[g.HashKey] = true
			}
			if want < 256 {
				require.Len(t, keys, want)
			} else { // 1000 values need not meet every one of 256
				require.LessOrEqual(t, len(keys), want)
				require.Greater(t, len(keys), 200)
			}
		})
	}
}

// The same for a key that is in the configuration. The vector is the SDK's own.
func TestHashBucketsOfAStaticKey(t *testing.T) {
	for buckets, want := range map[string]string{
		"256": "f5000000000000000000000000000000",
		"2":   "80000000000000000000000000000000",
		"64":  "f4000000000000000000000000000000",
	} {
		run(t, "hash_key=127.0.0.1 hash_buckets="+buckets, func(t *testing.T, b *bench) {
			require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
			for g := range b.sls.Groups("pro", "logs") {
				require.Equal(t, want, g.HashKey)
			}
			b.requireOnce(0, 10)
		})
	}
}
