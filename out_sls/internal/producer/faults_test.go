package producer

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// TestNoLossUnderFaults hands chunks back as the engine does until each is OK,
// while the emulator misbehaves. Only an ambiguous answer may double a record.
func TestNoLossUnderFaults(t *testing.T) {
	for range 3 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			run(t, "batch_count=50 flush_timeout=2s", func(_ *testing.T, b *bench) {
				campaign(b, seed)
			})
		})
	}
}

func campaign(b *bench, seed uint64) {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 0))
	accepted := 0 // requests carried out without a clear answer
	b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
		mu.Lock()
		defer mu.Unlock()
		switch rnd.IntN(12) {
		case 0:
			c.Fail(500, "InternalServerError", "")
		case 1:
			c.Fail(403, "WriteQuotaExceed", "")
		case 2:
			c.Fail(401, "Unauthorized", "")
		case 3:
			c.CloseBefore()
		case 4:
			c.CloseAfter()
			accepted++
		case 5:
			c.Delay(time.Duration(rnd.IntN(4000)) * time.Millisecond)
		case 6:
			c.DelayAfter(time.Duration(rnd.IntN(4000)) * time.Millisecond)
		default:
		}
	})
	var wg sync.WaitGroup
	const workers, perWorker, records = 8, 10, 200
	for w := range workers {
		wg.Go(func() {
			for i := range perWorker {
				n := (w*perWorker + i) * records
				for c := chunk(n, n+records, 20); b.flush(c) != OK; {
					wait(b.t, time.Second)
				}
			}
		})
	}
	wg.Wait()
	stored := b.stored()
	require.Len(b.t, stored, workers*perWorker*records, "lost records")
	doubled := 0
	for _, times := range stored {
		doubled += times - 1
	}
	if accepted == 0 {
		require.Zero(b.t, doubled)
	}
	require.LessOrEqual(b.t, doubled, accepted*b.cfg.BatchCount)
}
