package producer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A logstore that a record names and SLS does not have: after a few tries its records go
// where those go that name none, in the same flush, since a chunk may have one try only.
func TestRecordsForAnAbsentLogstoreGoToTheDefault(t *testing.T) {
	for _, set := range []string{"logstore=$n|logs", "logstore=$n default_logstore=logs", "logstore=$TAG default_logstore=logs"} {
		t.Run(set, func(t *testing.T) {
			run(t, set+" allow_destinations=*", func(t *testing.T, b *bench) {
				require.Equal(t, OK, b.flush(routed("typo", "typo")))
				require.Len(t, b.sls.Logs("pro", "logs"), 2)
				require.EqualValues(t, 2, b.total("redirected_records_total"))
				require.EqualValues(t, absentTries, b.total("requests_total")-1)
				require.Regexp(t, `level=WARN msg="a template names what SLS does not have[^\n]* project=pro logstore=(typo|tag) default=pro/logs`, b.log.String())
			})
		})
	}
}

func TestRecordsForAnAbsentProjectGoToTheDefault(t *testing.T) {
	run(t, "project=$n|pro allow_destinations=*/*", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(routed("typo", "pro")))
		require.Len(t, b.sls.Logs("pro", "logs"), 2)
	})
}

// What the operator has typed is waited for: the static default, too.
func TestAbsentDefaultIsWaitedFor(t *testing.T) {
	run(t, "logstore=$n|later allow_destinations=*", func(t *testing.T, b *bench) {
		c := routed("typo", "later")
		for range 5 {
			require.Equal(t, Retry, b.flush(c))
			wait(t, 10*time.Second)
		}
		b.sls.CreateLogstore("pro", "later", 1)
		require.Equal(t, OK, b.flush(c))
		require.Len(t, b.sls.Logs("pro", "later"), 2)
	})
}

// Once it is known that a logstore is not there, one request a minute asks again; when it
// is there, its records go there.
func TestAbsentLogstoreIsAskedForAgain(t *testing.T) {
	run(t, "logstore=$n|logs allow_destinations=*", func(t *testing.T, b *bench) {
		var asked atomic.Int32
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.Logstore == "new" {
				asked.Add(1)
			}
		})
		for range 5 * 60 {
			require.Equal(t, OK, b.flush(eventNamed(time.Now(), "new", 10)))
			wait(t, time.Second)
		}
		require.EqualValues(t, absentTries+4, asked.Load(), "at 1, 2, 3 and 4 minutes")
		b.sls.CreateLogstore("pro", "new", 1)
		wait(t, time.Minute)
		for range 10 {
			require.Equal(t, OK, b.flush(eventNamed(time.Now(), "new", 10)))
		}
		require.Len(t, b.sls.Logs("pro", "new"), 10)
		require.Len(t, b.sls.Logs("pro", "logs"), 300)
	})
}

// A chunk that comes back sends only what is missing, wherever its parts have gone.
func TestReturnedChunkWithAnAbsentLogstore(t *testing.T) {
	run(t, "logstore=$n|logs allow_destinations=*", func(t *testing.T, b *bench) {
		b.sls.CreateLogstore("pro", "app-1", 1)
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.Logstore == "app-1" {
				c.Fail(401, "Unauthorized", "")
			}
		})
		c := routed("typo", "app-1", "typo")
		require.Equal(t, Retry, b.flush(c))
		remove()
		require.Equal(t, OK, b.flush(c))
		require.Len(t, b.sls.Logs("pro", "logs"), 2)
		require.Len(t, b.sls.Logs("pro", "app-1"), 1)
	})
}

// Two hundred streams whose logstores are not there beside a good one, four workers: the
// good one is delivered as it comes.
func TestAbsentLogstoresHoldUpNobody(t *testing.T) {
	run(t, "logstore=$n|logs allow_destinations=*", func(t *testing.T, b *bench) {
		b.sls.CreateLogstore("pro", "good", 1)
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(5 * time.Millisecond) })
		for second := range 60 {
			var chunks [][]byte
			for i := range 200 {
				chunks = append(chunks, eventNamed(time.Now(), fmt.Sprint("typo-", i), 10))
			}
			chunks = append(chunks, eventNamed(time.Now(), "good", 10))
			results, took := b.drain(4, chunks...)
			require.Equal(t, map[Result]int{OK: 201}, results)
			limit := time.Second
			if second == 0 {
				limit = 20 * time.Second // three tries for each
			}
			require.Less(t, took, limit)
		}
		require.Len(t, b.sls.Logs("pro", "good"), 60)
		require.Len(t, b.sls.Logs("pro", "logs"), 200*60)
	})
}

// What waits behind the request that finds out goes the same way, and all of it once.
func TestWhatWaitsForAnAbsentLogstoreGoesAlong(t *testing.T) {
	run(t, "logstore=$n|logs allow_destinations=* batch_count=10 concurrency=1", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Delay(10 * time.Millisecond) })
		var wg sync.WaitGroup
		for w := range 4 {
			var names []string
			for range 100 {
				names = append(names, "typo")
			}
			c := append(routed(names...), eventNamed(time.Unix(1, int64(w)), "typo", 10)...)
			wg.Go(func() { require.Equal(t, OK, b.flush(c)) })
		}
		wg.Wait()
		require.Len(t, b.sls.Logs("pro", "logs"), 404)
		require.EqualValues(t, 404, b.total("redirected_records_total"))
	})
}
