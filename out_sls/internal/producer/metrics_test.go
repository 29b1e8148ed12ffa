package producer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// What can be seen from outside, by logstore.
func TestMetrics(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, func(c *slsfake.Call) { c.Fail(403, "WriteQuotaExceed", "") }))
		require.Equal(t, Error, b.flush(append(chunk(0, 10, 10), event(10, 1<<20+1)...)))
		got := b.values()
		require.EqualValues(t, 10, got["records_total[logs]"])
		require.EqualValues(t, 1, got["requests_total[logs throttle]"])
		require.EqualValues(t, 1, got["request_retries_total[logs]"])
		require.EqualValues(t, 1, got["dropped_records_total[logs PostBodyTooLarge]"])
		var raw int64
		for _, sh := range b.sls.Shards("pro", "logs") {
			raw += sh.Bytes
		}
		require.EqualValues(t, raw, got["raw_bytes_total[logs]"])
		require.Positive(t, got["sent_bytes_total[logs]"])
		require.NotEqual(t, got["raw_bytes_total[logs]"], got["sent_bytes_total[logs]"])
		require.Equal(t, got["requests_total[logs throttle]"]+got["requests_total[logs split]"]+got["requests_total[logs ok]"],
			got["request_duration_seconds[logs]"])
		require.Zero(t, got["buffer_bytes[]"])
		require.Positive(t, got["concurrency_allowed[logs]"])
	})
}

// values are what is published: of a histogram how often it has observed.
func (b *bench) values() map[string]float64 {
	got := map[string]float64{}
	b.Metrics().Each(func(f *metric.Family, s *metric.Sample) {
		if f.Kind == metric.KindHistogram {
			got[f.Name+fmt.Sprint(s.Labels)] = float64(s.Count())
		} else {
			got[f.Name+fmt.Sprint(s.Labels)] = s.Value
		}
	})
	return got
}

// A rate sees the first increase of a counter only if it was there before: those of a
// logstore begin at 0 when its first request goes out.
func TestCountersBeginAtZero(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		require.NotContains(t, fmt.Sprint(b.values()), "[logs", "no logstore of which nothing is known")
		var before map[string]float64
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			before = b.values()
			c.Fail(401, "Unauthorized", "")
		})
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		results := []string{"ok"}
		for class := range actions {
			switch class {
			case sls.ClassLeaseLost, sls.ClassCursor, sls.ClassConflict: // answers to other calls
			default:
				results = append(results, class.String())
			}
		}
		for _, result := range results {
			require.Contains(t, before, "requests_total[logs "+result+"]")
		}
		for _, name := range []string{
			"records_total", "raw_bytes_total", "sent_bytes_total", "request_retries_total", "ambiguous_requests_total",
			"skipped_segments_total", "rewritten_times_total",
		} {
			require.Contains(t, before, name+"[logs]")
		}
		for name, v := range before {
			if strings.Contains(name, "[logs") && !strings.HasPrefix(name, "concurrency") {
				require.Zero(t, v, name)
			}
		}
		require.EqualValues(t, 1, b.values()["requests_total[logs credentials]"])
	})
}

// Logstores that records name do not add counters without end.
func TestCountersAreBounded(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=app-*", func(t *testing.T, b *bench) {
		names := manyNames(0, 2*maxKnown)
		for _, name := range names {
			b.sls.CreateLogstore("pro", name, 1)
		}
		require.Equal(t, OK, b.flush(routed(names...)))
		got := b.values()
		ok := 0
		for name := range got {
			if strings.HasPrefix(name, "requests_total") && strings.HasSuffix(name, " ok]") {
				ok++
			}
		}
		require.GreaterOrEqual(t, ok, maxKnown, "as many logstores are kept apart")
		require.Less(t, len(got), 25*maxKnown)
		require.EqualValues(t, 2*maxKnown, b.total("records_total"))
	})
}

// What is found out about records while a chunk is cut.
func TestMetricsOfRecords(t *testing.T) {
	run(t, "topic=$n tags=pod=$pod source=$host|none log_key=n max_destinations=16", func(t *testing.T, b *bench) {
		names := manyNames(0, 20)
		c := append(routed(names...), at(eventTime(1_700_000_000, 0), record(str("other"), str("x")))...)
		require.Equal(t, OK, b.flush(c))
		got := b.values()
		require.EqualValues(t, 1, got["without_log_key_records_total[]"])
		require.EqualValues(t, 22, got["template_fallbacks_total[]"], "no pod in 21, no n in one; a default in the template is none")
		require.EqualValues(t, 5, got["evicted_destinations_total[]"], "21 with room for 16")
		require.EqualValues(t, b.cfg.MemoryLimit, got["buffer_limit_bytes[]"])
		b.requireTopics(names)
	})
}

// requireTopics asserts that each of the names is a topic of one record.
func (b *bench) requireTopics(names []string) {
	b.t.Helper()
	topics := map[string]int{}
	for _, l := range b.sls.Logs("pro", "logs") {
		topics[l.Topic]++
	}
	for _, name := range names {
		require.Equal(b.t, 1, topics[name], name)
	}
}

// What is buffered and how many requests may be in flight, while SLS throttles.
func TestGauges(t *testing.T) {
	run(t, "concurrency=8 flush_timeout=1m", func(t *testing.T, b *bench) {
		var held, allowed []float64
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			held = append(held, b.values()["buffer_bytes[]"])
			allowed = append(allowed, b.values()["concurrency_allowed[logs]"])
			if c.N <= 4 {
				c.Fail(403, "ShardWriteQuotaExceed", "")
			}
		})
		require.Equal(t, OK, b.flush(chunk(0, 100, 1000)))
		require.Equal(t, []float64{8, 4, 2, 1, 1}, allowed, "halved, and never none")
		require.Greater(t, held[0], 100_000.0)
		require.Zero(t, b.values()["buffer_bytes[]"])
		for range 3 {
			wait(t, time.Second)
			require.Equal(t, OK, b.flush(chunk(0, 1, 10)))
		}
		require.Equal(t, []float64{2, 2, 2}, allowed[5:], "one more for as many answers")
	})
}

// A chunk that comes back is cut again; what was found out about its records is counted
// once, with the answer that ends it.
func TestReturnedChunkIsCountedOnce(t *testing.T) {
	run(t, "log_key=missing", func(t *testing.T, b *bench) {
		c := append(append(chunk(0, 5, 10), 0x07), chunk(5, 10, 10)...)
		c = append(c, 0x92, 0xc1)
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(401, "Unauthorized", "") })
		for range 3 {
			require.Equal(t, Retry, b.flush(c))
		}
		require.Zero(t, b.Stats().Dropped)
		remove()
		require.Equal(t, Error, b.flush(c))
		got := b.values()
		require.EqualValues(t, 1, got["dropped_records_total[ NotAnEvent]"])
		require.EqualValues(t, 1, got["corrupt_chunks_total[]"])
		require.EqualValues(t, 10, got["without_log_key_records_total[]"])
	})
}
