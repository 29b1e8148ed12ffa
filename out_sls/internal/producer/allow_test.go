package producer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/tests/slsfake"
)

// What records may not name goes to the default, is counted, and logged once an
// interval however many there are.
func TestRefusedDestinationsAreCountedAndLoggedOnce(t *testing.T) {
	run(t, "logstore=$n|logs allow_destinations=app-*", func(t *testing.T, b *bench) {
		b.sls.CreateLogstore("pro", "app-1", 1)
		b.sls.CreateLogstore("pro", "secret", 1)
		for range 5 {
			require.Equal(t, OK, b.flush(routed("app-1", "secret", "Secret/../x", "app-1", "secret")))
		}
		require.Len(t, b.sls.Logs("pro", "app-1"), 10)
		require.Len(t, b.sls.Logs("pro", "logs"), 15)
		require.Empty(t, b.sls.Logs("pro", "secret"))
		require.EqualValues(t, 15, b.router.Stats().Refused)
		require.EqualValues(t, 15, b.total("refused_destinations_total"))
		require.Regexp(t, `level=WARN msg="[^"]*allow_destinations[^"]*" tag=tag first=pro/secret records_since_start=3\n$`, b.log.String())
		wait(t, 31*time.Second)
		require.Equal(t, OK, b.flush(routed("secret", "secret")))
		require.Regexp(t, `records_since_start=17 times_before=4\n$`, b.log.String())
	})
}

// total is the value of a counter over all its labels.
func (b *bench) total(name string) (n float64) {
	b.Metrics().Each(func(f *metric.Family, s *metric.Sample) {
		if f.Name == name {
			n += s.Value
		}
	})
	return n
}

func manyNames(from, to int) (names []string) {
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprint("app-", i))
	}
	return names
}

// Each request takes a goroutine and a connection that memory_limit does not know
// of: records that name a logstore each must not open one for each.
func TestRecordsCannotOpenThousandsOfRequests(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=app-*", func(t *testing.T, b *bench) {
		names := manyNames(0, 3000)
		for _, name := range names {
			b.sls.CreateLogstore("pro", name, 1)
		}
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Second) })
		done := make(chan Result)
		begin := time.Now()
		go func() { done <- b.flush(routed(names...)) }()
		synctest.Wait()
		require.Equal(t, maxRequests, b.scheduler.Snapshot().InFlight)
		require.Equal(t, OK, <-done, "the others wait for their turn")
		require.Equal(t, 6*time.Second, time.Since(begin), "3000 in six times 512")
		for _, name := range names {
			require.Len(t, b.sls.Logs("pro", name), 1)
		}
		synctest.Wait()
		require.Zero(t, b.scheduler.Snapshot().InFlight)
		require.Zero(t, b.scheduler.Snapshot().Ready)
	})
}

// What is known of logstores that records once named is forgotten.
func TestLogstoresOfRecordsDoNotPileUp(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=app-*", func(t *testing.T, b *bench) {
		for i := range 4 {
			require.Equal(t, Retry, b.flush(routed(manyNames(i*1500, i*1500+1500)...)), "there are none of these")
			synctest.Wait()
			require.LessOrEqual(t, b.scheduler.Snapshot().Logstores, 4*maxIdle)
		}
	})
}

// Flushes that give up leave nothing behind while the requests in flight hang.
func TestAbandonedLogstoresDoNotPileUp(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=app-* flush_timeout=1s", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Hour) })
		for i := range 10 {
			require.Equal(t, Retry, b.flush(routed(manyNames(i*2000, i*2000+2000)...)))
			now := b.scheduler.Snapshot()
			require.Zero(t, now.Ready)
			require.Equal(t, maxRequests, now.Queues, "those in flight")
			require.LessOrEqual(t, now.Logstores, 5*maxIdle)
		}
	})
}
