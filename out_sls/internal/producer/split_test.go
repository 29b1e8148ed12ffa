package producer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// SLS refuses a whole request for one log: the others of it are delivered, once.
func TestRefusedRecordIsIsolated(t *testing.T) {
	run(t, "batch_count=64 batch_bytes=5M", func(t *testing.T, b *bench) {
		var c []byte
		for i := range 300 {
			pad := 10
			if i%100 == 42 {
				pad = 1<<20 + 1 // larger than the emulator allows a log to be
			}
			c = append(c, event(i, pad)...)
		}
		require.Equal(t, Error, b.flush(c), "not every record was accepted")
		stored := b.stored()
		require.Len(t, stored, 297)
		require.EqualValues(t, 3, b.Stats().Dropped)
		for n, times := range stored {
			require.Equal(t, 1, times, "record %s", n)
		}
	})
}

// One record in a thousand is found in about twice ten requests, not in a thousand.
// A record that a proxy in between finds too large is lost for that reason, and for no
// trouble of the network.
func TestReasonOfAnAnswerWithoutACode(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Answer(413, nil, []byte("Request Entity Too Large")) })
		require.Equal(t, Error, b.flush(chunk(0, 1, 10)))
		require.EqualValues(t, 1, b.values()["dropped_records_total[logs HTTP413]"], b.values())
	})
}

func TestRefusedRecordIsFoundByHalving(t *testing.T) {
	for _, bad := range []int{0, 1, 500, 777, 999} {
		run(t, "", func(t *testing.T, b *bench) {
			require.Equal(t, Error, b.flush(slices.Concat(chunk(0, bad, 10), event(bad, 1<<20+1), chunk(bad+1, 1000, 10))))
			require.Len(t, b.stored(), 999)
			require.LessOrEqual(t, b.Stats().Requests, uint64(24))
		})
	}
}

// Halves of a refused segment that could not be sent are remembered one by one.
func TestIsolationInterruptedGoesOnWhereItStopped(t *testing.T) {
	for n := 2; n < 14; n++ {
		t.Run(fmt.Sprint("request ", n), func(t *testing.T) {
			run(t, "batch_bytes=5M", func(t *testing.T, b *bench) {
				remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
					if c.N >= n {
						c.Fail(401, "Unauthorized", "")
					}
				})
				c := append(append(chunk(0, 50, 10), event(50, 1<<20+1)...), chunk(51, 100, 10)...)
				require.Equal(t, Retry, b.flush(c))
				remove()
				require.Equal(t, Error, b.flush(c))
				stored := b.stored()
				require.Len(t, stored, 99)
				for n, times := range stored {
					require.Equal(t, 1, times, "record %s", n)
				}
			})
		})
	}
}
