package producer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A chunk whose records have a topic each does not hold up the logstore for others, and
// none of its records is lost.
func TestTopicsOfRecordsDoNotHoldUpTheLogstore(t *testing.T) {
	run(t, "topic=$n flush_timeout=1m", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(16 * time.Millisecond) })
		var names []string
		for i := range 10_000 {
			names = append(names, fmt.Sprint("topic-", i))
		}
		hostile := routed(names...)
		require.Greater(t, len(hostile), 330<<10)
		done := make(chan Result)
		go func() { done <- b.flush(hostile) }()
		synctest.Wait()
		begin := time.Now()
		require.Equal(t, OK, b.flush(routed("good")))
		require.Less(t, time.Since(begin), 300*time.Millisecond)
		require.Equal(t, OK, <-done)
		require.Len(t, b.stored(), 10_001)
		topics := map[string]int{}
		for _, l := range b.sls.Logs("pro", "logs") {
			topics[l.Topic]++
		}
		require.Len(t, topics, 256+2)
		require.Equal(t, 10_000-256, topics[""])
		require.EqualValues(t, 10_000-256, b.total("capped_records_total"))
		require.Regexp(t, `level=WARN msg="[^"]*max_log_groups[^"]*" tag=tag records=9744 records_since_start=9744\n`, b.log.String())
	})
}
