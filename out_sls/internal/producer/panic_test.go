package producer

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// panicky is a transport that panics at some of its requests.
type panicky struct {
	to    http.RoundTripper
	at    map[int]bool
	calls atomic.Int32
}

func (p *panicky) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.at[int(p.calls.Add(1))] {
		panic("broken")
	}
	return p.to.RoundTrip(r)
}

// A panic in a request fails its chunk and nothing else: the flush has its answer at
// once, budget and turn are given back, and the log says where it was.
func TestPanicInARequestFailsItsChunk(t *testing.T) {
	run(t, "concurrency=1", func(t *testing.T, b *bench) {
		b.panicAt[1], b.panicAt[2] = true, true
		begin := time.Now()
		for range 2 {
			require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		}
		require.Zero(t, time.Since(begin))
		require.Zero(t, b.values()["buffer_bytes[]"])
		require.Zero(t, b.scheduler.Snapshot().Sending)
		require.Contains(t, b.log.String(), "broken")
		require.Contains(t, b.log.String(), "panic_test.go")
		require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
		b.requireOnce(0, 10)
	})
}

// What was settled before stays settled, what was not comes back: also when the request
// had been taken apart.
func TestPanicInAPartOfARequest(t *testing.T) {
	run(t, "concurrency=1 batch_count=4", func(t *testing.T, b *bench) {
		b.panicAt[4] = true // 1: the first four, 2: refused, 3 and 4: its halves
		c := append(append(chunk(0, 6, 10), event(6, 1<<20+1)...), chunk(7, 12, 10)...)
		require.Equal(t, Retry, b.flush(c))
		require.Equal(t, Error, b.flush(c), "one record is refused")
		got := b.stored()
		require.Len(t, got, 11)
		for _, n := range []string{"0", "1", "2", "3", "8", "9", "10", "11"} {
			require.Equal(t, 1, got[n], n)
		}
		require.EqualValues(t, 1, b.Stats().Dropped)
	})
}

// Of two flushes that share a request, the one whose part was accepted is done.
func TestPanicBehindAPartThatWasAccepted(t *testing.T) {
	run(t, "concurrency=1", func(t *testing.T, b *bench) {
		b.panicAt[4] = true // 2: both flushes, taken apart for 3 and 4
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			switch c.N {
			case 1:
				c.Delay(time.Second)
			case 2:
				c.Fail(400, "PostBodyTooLarge", "")
			}
		})
		var wg sync.WaitGroup
		for i, want := range []Result{OK, OK, Retry} {
			wg.Go(func() { require.Equal(t, want, b.flush(chunk(i*10, i*10+10, 10))) })
			synctest.Wait() // they arrive one after the other
		}
		wg.Wait()
		b.requireOnce(0, 20)
	})
}
