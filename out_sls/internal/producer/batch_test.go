package producer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/delivery"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/tests/slsfake"
)

// topics are the names of that many destinations.
func topics(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("t", i))
	}
	return names
}

// isBatch tells whether a request is a group batch.
func isBatch(c *slsfake.Call) bool { return c.Header.Get("X-Log-Mode") == "batch_group" }

// runTopics is run with a topic for each value of n, and answers that take a moment: what
// is cut meanwhile waits for them.
func runTopics(t *testing.T, set string, fn func(t *testing.T, b *bench)) {
	t.Helper()
	run(t, "topic=$n|none "+set, func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Millisecond) })
		fn(t, b)
	})
}

// batches counts the group batches from now on.
func (b *bench) batches() func() int {
	var mu sync.Mutex
	n := 0
	b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
		mu.Lock()
		defer mu.Unlock()
		if isBatch(c) {
			n++
		}
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// requireEachTopic asserts that one log is stored for each topic, with what its record said.
func (b *bench) requireEachTopic(names []string) {
	b.t.Helper()
	left := map[string]bool{}
	for _, n := range names {
		left[n] = true
	}
	for _, l := range b.sls.Logs("pro", "logs") {
		require.Equal(b.t, l.Contents[0].Value, l.Topic)
		require.Equal(b.t, "source", l.Source)
		require.Equal(b.t, "test", l.Tags["env"])
		require.True(b.t, left[l.Topic], "%s twice", l.Topic)
		delete(left, l.Topic)
	}
	require.Empty(b.t, left)
}

// The small groups of a logstore go together, each with its own topic, source and tags,
// compressed as compress says.
func TestSmallGroupsGoInOneRequest(t *testing.T) {
	for _, codec := range []string{"lz4", "zstd", "none"} {
		runTopics(t, "compress="+codec, func(t *testing.T, b *bench) {
			batches := b.batches()
			require.Equal(t, OK, b.flush(routed(topics(100)...)))
			b.requireEachTopic(topics(100))
			require.EqualValues(t, 2, b.Stats().Requests, "one for the first, one for what waited for its answer")
			require.Equal(t, 1, batches())
			require.EqualValues(t, 100, b.Stats().Records)
			raw := 0
			for g := range b.sls.Groups("pro", "logs") {
				raw += len(g.Data)
			}
			require.EqualValues(t, raw, b.total("raw_bytes_total"))
			require.Positive(t, b.total("sent_bytes_total"))
		})
	}
}

// No batch is sent with group_batch off, a hash key or a processor, and nothing large or of
// another logstore is in one.
func TestWhatIsNotBatched(t *testing.T) {
	for _, set := range []string{
		"topic=$n|none group_batch=off", "topic=$n|none hash_key=x", "topic=$n|none processor=mask",
		"hash_key=$n|none", "batch_count=1 topic=$n|none", "logstore=$n|logs allow_destinations=*",
	} {
		run(t, set+" max_log_groups=1000", func(t *testing.T, b *bench) {
			for _, n := range topics(100) {
				b.sls.CreateLogstore("pro", n, 1)
			}
			batches := b.batches()
			require.Equal(t, OK, b.flush(routed(topics(100)...)), set)
			require.Zero(t, batches(), set)
		})
	}
	runTopics(t, "", func(t *testing.T, b *bench) {
		batches := b.batches()
		var c []byte
		for _, n := range topics(4) {
			c = append(c, eventNamed(time.Unix(1_700_000_000, 0), n, 300<<10)...)
		}
		require.Equal(t, OK, b.flush(c))
		b.requireEachTopic(topics(4))
		require.Zero(t, batches())
	})
}

// A record that SLS refuses takes none of its batch with it.
func TestRefusedRecordInABatch(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	for _, dead := range []string{"", " dead_letter_file=" + file} {
		runWith(t, slsfake.Config{MaxLogSize: 1000}, "topic=$n|none"+dead, func(t *testing.T, b *bench) {
			c := routed(topics(50)...)
			c = append(c, eventNamed(time.Unix(1_700_000_000, 0), "large", 2000)...)
			c = append(c, eventNamed(time.Unix(1_700_000_000, 1), "t7", 10)...)
			want := Error
			if dead != "" {
				want = OK
			}
			require.Equal(t, want, b.flush(c))
			got := map[string]int{}
			for _, l := range b.sls.Logs("pro", "logs") {
				got[l.Topic]++
			}
			require.Len(t, got, 50)
			require.Equal(t, 2, got["t7"])
			require.Len(t, b.sls.Logs("pro", "logs"), 51)
			if dead != "" {
				l := letters(t, file)
				require.Len(t, l, 1)
				require.Equal(t, "large", l[0]["topic"])
				return
			}
			require.EqualValues(t, 1, b.Stats().Dropped)
			batches := b.batches()
			require.Equal(t, OK, b.flush(routed(topics(50)...)))
			require.Positive(t, batches(), "the server knows batches")
			require.NotContains(t, b.log.String(), "no more batches")
		})
	}
}

// A server that does not know batches gets none after the first, loses nothing by it, and
// the log says so once.
func TestServerWithoutBatches(t *testing.T) {
	runTopics(t, "", func(t *testing.T, b *bench) {
		b.sls.SetGroupBatches(false)
		batches := b.batches()
		require.Equal(t, OK, b.flush(routed(topics(100)...)))
		b.requireEachTopic(topics(100))
		require.Equal(t, 1, batches())
		require.Zero(t, b.Stats().Dropped)
		for range 3 {
			require.Equal(t, OK, b.flush(routed(topics(100)...)))
		}
		require.Equal(t, 1, batches())
		require.Equal(t, 1, strings.Count(b.log.String(), "SLS refuses a group batch and takes its groups one by one, no more batches are sent"))
	})
}

// A permanent refusal of a batch is one of its groups' at most.
func TestBatchRefusedForGood(t *testing.T) {
	runTopics(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if isBatch(c) {
				c.Fail(400, "InvalidParameter", "")
			}
		})
		require.Equal(t, OK, b.flush(routed(topics(20)...)))
		b.requireEachTopic(topics(20))
	})
}

// Old times are mended where they are: the batch is sent once more, as a batch.
func TestOldLogsInABatch(t *testing.T) {
	for _, policy := range []string{delivery.OldTimeRewrite, delivery.OldTimeDrop} {
		runAged(t, "topic=$n|none old_log_time="+policy, func(t *testing.T, b *bench) {
			b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Millisecond) })
			batches := b.batches()
			var c []byte
			for i, n := range topics(60) {
				at := time.Now()
				if i%3 == 1 {
					at = at.AddDate(0, -1, 0)
				}
				c = append(c, eventNamed(at, n, 10)...)
			}
			if policy == delivery.OldTimeRewrite {
				require.Equal(t, OK, b.flush(c))
				require.Len(t, b.sls.Logs("pro", "logs"), 60)
				require.EqualValues(t, 20, b.Stats().Rewritten)
			} else {
				require.Equal(t, Error, b.flush(c))
				require.Len(t, b.sls.Logs("pro", "logs"), 40)
				require.EqualValues(t, 20, b.Stats().Dropped)
			}
			require.EqualValues(t, 3, b.Stats().Requests)
			require.Equal(t, 2, batches())
			require.EqualValues(t, len(b.sls.Logs("pro", "logs")), b.Stats().Records)
		})
	}
}

// A batch of nothing but what is dropped ends.
func TestBatchOfOldLogsOnly(t *testing.T) {
	runAged(t, "topic=$n|none old_log_time=drop", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Millisecond) })
		batches := b.batches()
		var c []byte
		for _, n := range topics(20) {
			c = append(c, eventNamed(time.Unix(0, 0), n, 10)...)
		}
		require.Equal(t, Error, b.flush(c))
		require.EqualValues(t, 20, b.Stats().Dropped)
		require.EqualValues(t, 2, b.Stats().Requests)
		require.Equal(t, 1, batches())
	})
}

// A batch for a logstore that SLS does not have goes to the static default, once.
func TestBatchForAnAbsentLogstore(t *testing.T) {
	runTopics(t, "logstore=$pad|logs allow_destinations=*", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(routed(topics(30)...)))
		b.requireEachTopic(topics(30))
		require.EqualValues(t, 30, b.total("redirected_records_total"))
	})
}

// What a batch had not delivered when its flush ended is sent when the chunk comes back,
// and nothing else is.
func TestReturnedChunkOfABatch(t *testing.T) {
	runTopics(t, "", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if isBatch(c) {
				c.Fail(401, "Unauthorized", "")
			}
		})
		c := routed(topics(30)...)
		require.Equal(t, Retry, b.flush(c))
		require.Len(t, b.sls.Logs("pro", "logs"), 1)
		remove()
		require.Equal(t, OK, b.flush(c))
		b.requireEachTopic(topics(30))
		require.EqualValues(t, 1, b.Stats().Skipped)
	})
}

// A batch that hangs is not sent again once nobody waits for it, and the chunk is adopted
// when it comes back before that.
func TestBatchThatHangs(t *testing.T) {
	runTopics(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if isBatch(c) {
				c.Delay(10500 * time.Millisecond)
			}
		})
		c := routed(topics(30)...)
		require.Equal(t, Retry, b.flush(c))
		require.Equal(t, OK, b.flush(c))
		b.requireEachTopic(topics(30))
	})
	runTopics(t, "", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if isBatch(c) {
				c.Fail(500, "InternalServerError", "")
			}
		})
		require.Equal(t, Retry, b.flush(routed(topics(30)...)))
		synctest.Wait()
		requests := b.Stats().Requests
		require.Zero(t, b.budget.Used())
		wait(t, time.Minute)
		require.Equal(t, requests, b.Stats().Requests)
		remove()
		require.Equal(t, OK, b.flush(routed(topics(30)...)))
		b.requireEachTopic(topics(30))
	})
}

// An answer to a batch is written down before anybody is told, all of it at once: after a
// kill nothing of it is sent again.
func TestStateOfABatch(t *testing.T) {
	runTopics(t, "state_path="+t.TempDir(), func(t *testing.T, b *bench) {
		c := onDisk(t, routed(topics(50)...))
		require.Equal(t, OK, b.flush(c))
		b.kill()
		require.Equal(t, OK, b.flush(c))
		b.requireEachTopic(topics(50))
		require.EqualValues(t, 50, b.Stats().Remembered)
	})
}

// A panic fails its batch, which comes back, and nothing else.
func TestPanicInABatch(t *testing.T) {
	runTopics(t, "", func(t *testing.T, b *bench) {
		b.panicAt[2] = true
		c := routed(topics(30)...)
		require.Equal(t, Retry, b.flush(c))
		require.Zero(t, b.budget.Used())
		require.Equal(t, OK, b.flush(c))
		b.requireEachTopic(topics(30))
	})
}

// A batch that SLS may have taken is counted as one ambiguous request and sent again whole.
func TestAmbiguousBatch(t *testing.T) {
	runTopics(t, "", func(t *testing.T, b *bench) {
		lost := false
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if isBatch(c) && !lost {
				lost = true
				c.CloseAfter()
			}
		})
		require.Equal(t, OK, b.flush(routed(topics(30)...)))
		require.EqualValues(t, 1, b.Stats().Ambiguous)
		require.Len(t, b.sls.Logs("pro", "logs"), 1+2*29)
	})
}

// Groups of a batch are numbered as others are: each tag by itself, without a gap.
func TestPackIDsOfABatch(t *testing.T) {
	runTopics(t, "pack_id=on batch_count=10", func(t *testing.T, b *bench) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				require.Equal(t, OK, b.Flush(t.Context(), fmt.Sprint("tag", i%10), routed(slices.Repeat([]string{fmt.Sprint("t", i)}, 35)...)))
			})
		}
		all.Wait()
		numbers := map[string]map[int]bool{}
		for g := range b.sls.Groups("pro", "logs") {
			id := string(g.Data[strings.Index(string(g.Data), segment.PackIDKey)+len(segment.PackIDKey)+2:])
			sequence, number, _ := strings.Cut(id, "-")
			n, err := strconv.ParseInt(number, 16, 32)
			require.NoError(t, err)
			if numbers[sequence] == nil {
				numbers[sequence] = map[int]bool{}
			}
			require.False(t, numbers[sequence][int(n)])
			numbers[sequence][int(n)] = true
		}
		require.Len(t, numbers, 10)
		for _, of := range numbers {
			for n := range len(of) {
				require.True(t, of[n])
			}
		}
		require.Len(t, b.sls.Logs("pro", "logs"), 20*35)
	})
}

// A chunk for thousands of destinations makes few requests, none above what SLS takes.
func TestBatchesOfAChunkForManyDestinations(t *testing.T) {
	run(t, "topic=$n|none max_log_groups=10000 max_destinations=10000 flush_timeout=1m", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(20 * time.Millisecond) })
		require.Equal(t, OK, b.flush(routed(topics(3000)...)))
		b.requireEachTopic(topics(3000))
		require.LessOrEqual(t, b.Stats().Requests, uint64(10))
	})
}
