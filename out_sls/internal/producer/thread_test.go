package producer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/tests/slsfake"
)

// onOneThread calls fn with sections that share a thread during an outage, and what ends it.
func onOneThread(t *testing.T, sections int, hook func(*slsfake.Call), fn func(t *testing.T, all []*bench, back func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var thread schedule.Thread
		var all []*bench
		var ends []func()
		for range sections {
			b := newBench(t, slsfake.Config{MaxLogSize: 1 << 20}, "flush_timeout=4s")
			b.ShareThread(&thread)
			ends = append(ends, b.sls.Hook(slsfake.OpPutLogs, hook))
			all = append(all, b)
		}
		fn(t, all, func() {
			for _, end := range ends {
				end()
			}
		})
		for _, b := range all {
			b.Stop(t.Context())
			b.client.Close()
			b.sls.Close()
		}
	})
}

// Without `workers` the flushes of all sections are queued on Fluent Bit's own thread. During
// an outage each of two sections let flushes in for every other second: a flush of the one,
// a flush of the other, a second each, and so for all that was queued. Forty took 46 s. Where
// the requests failed at once, the outage of the one was forgotten during the flush of the
// other, and each took a flush_timeout.
func TestFlushesOfTwoSectionsOnOneThreadTookTheirTimeEach(t *testing.T) {
	for name, hook := range map[string]func(*slsfake.Call){"black hole": blackHole, "failing": failing} {
		for _, sections := range []int{1, 2, 3, 5} {
			t.Run(fmt.Sprint(name, " ", sections), func(t *testing.T) {
				onOneThread(t, sections, hook, func(t *testing.T, all []*bench, _ func()) {
					begin := time.Now()
					for i := range 40 {
						b := all[i%sections]
						require.Equal(t, Retry, b.flush(b.lines(1, 1)[0]))
					}
					require.Equal(t, time.Duration(sections)*4*time.Second+probePatience, time.Since(begin),
						"a flush_timeout for each section, and one look whether SLS is back")
				})
			})
		}
	}
}

// Sections that take turns find out that SLS is back with a request each, one after the other at
// once: no turn is waited for when SLS answers.
func TestSectionsOnOneThreadRecover(t *testing.T) {
	onOneThread(t, 2, blackHole, func(t *testing.T, all []*bench, back func()) {
		for i := range 10 {
			b := all[i%2]
			require.Equal(t, Retry, b.flush(b.lines(1, 1)[0]))
		}
		back()
		wait(t, probeEvery)
		for range 3 {
			for _, b := range all {
				require.Equal(t, OK, b.flush(b.lines(1, 1)[0]))
			}
		}
	})
}
