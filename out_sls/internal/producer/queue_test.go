package producer

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/slsfake"
)

// A request that has all the logs it may have waits for no more, be it of one flush or
// of several.
func TestLingerDoesNotHoldWhatIsFullByCount(t *testing.T) {
	run(t, "linger=5s batch_count=10", func(t *testing.T, b *bench) {
		begin := time.Now()
		require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
		require.Zero(t, time.Since(begin))

		first := make(chan Result)
		go func() { first <- b.flush(chunk(10, 16, 10)) }()
		synctest.Wait()
		require.Equal(t, OK, b.flush(chunk(16, 20, 10)))
		require.Equal(t, OK, <-first)
		require.Zero(t, time.Since(begin))
		require.EqualValues(t, 2, b.Stats().Requests)

		require.Equal(t, OK, b.flush(chunk(20, 29, 10)))
		require.Equal(t, 5*time.Second, time.Since(begin))
		b.requireOnce(0, 29)
	})
}

// What was sent or given up is not counted with what waits.
func TestLingerCountsWhatWaits(t *testing.T) {
	run(t, "linger=5s batch_count=10 flush_timeout=6s", func(t *testing.T, b *bench) {
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, func(c *slsfake.Call) { c.Delay(4 * time.Second) }))
		begin := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { require.Equal(t, OK, b.flush(chunk(0, 10, 10))) }) // in flight until 4 s
		synctest.Wait()                                                   // they arrive one after the other
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			require.Equal(t, Retry, b.Flush(ctx, "tag", chunk(10, 19, 10)))
		})
		wg.Wait()
		wait(t, 2*time.Second)
		require.Equal(t, OK, b.flush(chunk(20, 25, 10)))
		require.Equal(t, 11*time.Second, time.Since(begin))
	})
}

// Under a linger that no flush lives to see, small chunks would never be sent.
func TestLingerIsBelowFlushTimeout(t *testing.T) {
	for _, c := range []struct {
		linger, flush string
		ok            bool
	}{
		{"0", "1s", true}, {"9s", "", true}, {"10s", "", false}, {"1m", "30s", false}, {"1m", "61s", true},
	} {
		given := option.Map{"linger": c.linger}
		if c.flush != "" {
			given["flush_timeout"] = c.flush
		}
		var cfg Config
		require.NoError(t, option.Parse(given, cfg.Options()))
		err := cfg.Validate()
		if c.ok {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "option linger = "+cfg.Linger.String()+": must be below flush_timeout, which is "+cfg.FlushTimeout.String())
	}
}
