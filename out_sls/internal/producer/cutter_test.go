package producer

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/tests/slsfake"
)

// replicated is an event as in_sls hands it over with include_meta.
func replicated(t *testing.T, n int, topic, env string) []byte {
	e := eventNamed(time.Unix(1_700_000_000, int64(n)), "", 0)[:13] // up to the record
	e = append(e, 0x84)                                             // a map of four pairs
	for _, text := range []string{"n", fmt.Sprint(n), "__tag__:env", env, "__topic__", topic, "__source__", "10.0.0.1"} {
		packed, err := msgpack.Marshal(text)
		require.NoError(t, err)
		e = append(e, packed...)
	}
	return e
}

// Records that carry what they had in SLS go back to it, whatever the section says
// of others; more of them than may be open are cut the same way each time.
func TestRestoredRecordsGoBackToTheirGroups(t *testing.T) {
	run(t, "restore_meta=record group_batch=off", func(t *testing.T, b *bench) {
		var c []byte
		for n := range 2000 {
			c = append(c, replicated(t, n, fmt.Sprint("topic", n*7919%(3*maxRestored)), fmt.Sprint(n%2))...)
			if n%100 == 0 {
				c = append(c, event(10_000+n, 5)...)
			}
		}
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%3 == 0 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		require.Equal(t, Retry, b.flush(c))
		remove()
		require.Equal(t, OK, b.flush(c))
		require.Len(t, b.stored(), 2020)
		for _, l := range b.sls.Logs("pro", "logs") {
			var n int
			_, err := fmt.Sscan(l.Contents[0].Value, &n)
			require.NoError(t, err)
			if n >= 10_000 {
				require.Equal(t, "topic", l.Topic)
				require.Equal(t, map[string]string{"env": "test"}, l.Tags)
				continue
			}
			require.Len(t, l.Contents, 1)
			require.Equal(t, fmt.Sprint("topic", n*7919%(3*maxRestored)), l.Topic)
			require.Equal(t, "10.0.0.1", l.Source)
			require.Equal(t, map[string]string{"env": fmt.Sprint(n % 2)}, l.Tags)
		}
		for n, times := range b.stored() {
			require.Equal(t, 1, times, n)
		}
	})
}

// Records of equal topic, source and tags are in one group only if they go to the same
// place: logstore and part of the hash space are still the section's to say.
func TestRestoredRecordsGoWhereTheSectionSays(t *testing.T) {
	run(t, "restore_meta=record logstore=app-$n|none allow_destinations=app-*", func(t *testing.T, b *bench) {
		b.sls.CreateLogstore("pro", "app-0", 2)
		b.sls.CreateLogstore("pro", "app-1", 2)
		var c []byte
		for n := range 20 {
			c = append(c, replicated(t, n%2, "topic", "x")...)
		}
		require.Equal(t, OK, b.flush(c))
		for n := range 2 {
			logs := b.sls.Logs("pro", fmt.Sprint("app-", n))
			require.Len(t, logs, 10)
			for _, l := range logs {
				require.Equal(t, fmt.Sprint(n), l.Contents[0].Value)
			}
		}
	})
	run(t, "restore_meta=record hash_key=$n hash_buckets=256", func(t *testing.T, b *bench) {
		var c []byte
		for n := range 20 {
			c = append(c, replicated(t, n%5, "topic", "x")...)
		}
		require.Equal(t, OK, b.flush(c))
		keys := map[string]map[string]bool{}
		for _, l := range b.sls.Logs("pro", "logs") {
			if keys[l.HashKey] == nil {
				keys[l.HashKey] = map[string]bool{}
			}
			keys[l.HashKey][l.Contents[0].Value] = true
		}
		require.Len(t, keys, 5)
		for key, values := range keys {
			require.Len(t, values, 1, key)
		}
	})
}

func TestContentOptionsReachTheLog(t *testing.T) {
	run(t, "exclude_keys=pad tag_key=tag time_key=at time_format=epoch_ms", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(event(7, 100)))
		require.Equal(t, []slsfake.Pair{
			{Key: "n", Value: "7"}, {Key: "tag", Value: "tag"}, {Key: "at", Value: "1700000000000"},
		}, b.sls.Logs("pro", "logs")[0].Contents)
	})
}

// copyOf is an event as in_sls hands it over with meta_in metadata.
func copyOf(t *testing.T, meta, contents []string) []byte {
	t.Helper()
	e := eventNamed(time.Unix(1_700_000_000, 7), "", 0)[:12] // up to the metadata
	for _, pairs := range [][]string{meta, contents} {
		e = append(e, 0x80|byte(len(pairs)/2))
		for _, text := range pairs {
			packed, err := msgpack.Marshal(text)
			require.NoError(t, err)
			e = append(e, packed...)
		}
	}
	return e
}

// A copy has nothing of the section's topic, source and tags, also when its original
// had none; what its contents are called changes nothing. A record of the same section
// that is no copy cannot make itself one.
func TestCopiesAreAsTheyWere(t *testing.T) {
	forged := []string{"__topic__", "x", "__tag__:namespace", "x", "__time__", "7", "n", "1"}
	run(t, "restore_meta=metadata", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(append(
			copyOf(t, []string{"__topic__", "", "__source__", ""}, forged),
			copyOf(t, nil, forged)...)))
		logs := b.sls.Logs("pro", "logs")
		require.Len(t, logs, 2)
		if logs[0].Topic != "" {
			logs[0], logs[1] = logs[1], logs[0]
		}
		require.Empty(t, logs[0].Topic+logs[0].Source)
		require.Empty(t, logs[0].Tags)
		require.Equal(t, []slsfake.Pair{
			{Key: "__topic__", Value: "x"}, {Key: "__tag__:namespace", Value: "x"}, {Key: "__time__", Value: "7"}, {Key: "n", Value: "1"},
		}, logs[0].Contents)
		require.Equal(t, "topic source", logs[1].Topic+" "+logs[1].Source)
		require.Equal(t, map[string]string{"env": "test"}, logs[1].Tags)
		require.Equal(t, []slsfake.Pair{
			{Key: "__record__.__topic__", Value: "x"},
			{Key: "__record__.__tag__:namespace", Value: "x"},
			{Key: "__record__.__time__", Value: "7"},
			{Key: "n", Value: "1"},
		}, logs[1].Contents)
		for _, l := range logs {
			require.Equal(t, uint32(1_700_000_000), l.Time)
		}
	})
}

// A small segment does not keep a large buffer: a node has many small chunks, and
// the budget would say little about the memory they take.
func TestSmallSegmentsHoldLittle(t *testing.T) {
	run(t, "flush_timeout=5s", func(t *testing.T, b *bench) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { require.Equal(t, OK, b.flush(chunk(i*1000, i*1000+1000, 1000))) })
		}
		wg.Wait() // there are large buffers to reuse now
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
		for i := range 100 {
			wg.Go(func() { require.Equal(t, Retry, b.flush(chunk(i, i+1, 1000))) })
		}
		synctest.Wait()
		used := b.budget.Used() // what is charged is the buffers' capacity
		wg.Wait()
		require.GreaterOrEqual(t, used, int64(100*1000))
		require.LessOrEqual(t, used, int64(2*100*1100))
	})
}

// A record that says itself where it goes may be the only one of what the templates
// make of it: the slot of that destination stays empty.
func TestRestoredRecordsLeaveSlotsEmpty(t *testing.T) {
	run(t, "group_batch=off restore_meta=record topic=$n max_destinations=16", func(t *testing.T, b *bench) {
		var c []byte
		for n := range 2000 {
			if n%3 < 2 {
				c = append(c, replicated(t, n, fmt.Sprint("topic", n%7), "x")...)
			} else {
				c = append(c, eventNamed(time.Unix(1_700_000_000, int64(n)), fmt.Sprint(n*7919%40), 5)...)
			}
		}
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%3 == 0 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		require.Equal(t, Retry, b.flush(c))
		remove()
		require.Equal(t, OK, b.flush(c))
		seen := map[uint32]bool{}
		for _, l := range b.sls.Logs("pro", "logs") {
			n := int(*l.TimeNs)
			require.False(t, seen[*l.TimeNs], n)
			seen[*l.TimeNs] = true
			if n%3 < 2 {
				require.Equal(t, fmt.Sprint("topic", n%7), l.Topic)
			} else {
				require.Equal(t, fmt.Sprint(n*7919%40), l.Topic)
			}
		}
		require.Len(t, seen, 2000)
	})
}
