package producer

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// What leaves a queue because nobody waits for it any more leaves the rest in order.
func TestOrderedBehindAFlushThatGaveUp(t *testing.T) {
	run(t, "ordered=on hash_key=same", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(time.Second) })
		ctx, giveUp := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 5 {
			until, want := t.Context(), OK
			if i == 1 {
				until, want = ctx, Retry
			}
			wg.Go(func() { require.Equal(t, want, b.Flush(until, "tag", chunk(i*100, i*100+100, 10))) })
			synctest.Wait() // they arrive one after the other
		}
		giveUp()
		wg.Wait()
		var want, got []string
		for i := range 500 {
			if i < 100 || i >= 200 {
				want = append(want, fmt.Sprint(i))
			}
		}
		for _, l := range b.sls.Logs("pro", "logs") {
			got = append(got, l.Contents[0].Value)
		}
		require.Equal(t, want, got)
	})
}

// Once a logstore is known to be dead, what waits for it fails together and not one
// request after the other.
func TestWhatWaitsForADeadLogstoreFailsTogether(t *testing.T) {
	run(t, "logstore=$n|none allow_destinations=* batch_count=1 concurrency=1", func(t *testing.T, b *bench) {
		b.sls.CreateLogstore("pro", "alive", 1)
		b.sls.CreateLogstore("pro", "dead", 1)
		require.Equal(t, OK, b.flush(routed("alive")))
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			c.Delay(500 * time.Millisecond)
			c.Fail(500, "InternalServerError", "")
		})
		var names []string
		for range 100 {
			names = append(names, "dead")
		}
		begin := time.Now()
		require.Equal(t, Retry, b.flush(routed(names...)))
		require.Less(t, time.Since(begin), 6*time.Second)
	})
}
