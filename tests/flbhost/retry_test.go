package flbhost

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// script is a Flusher that answers each chunk's flushes in turn, then OK.
type script struct {
	mu     sync.Mutex
	answer map[string][]Result
	took   time.Duration
	now    int
	most   int
	seen   []string
	at     []time.Duration
	began  time.Time
	err    error
}

func (s *script) Flush(ctx context.Context, tag string, chunk []byte) (Result, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.seen = append(s.seen, tag+"/"+string(chunk))
	s.at = append(s.at, time.Since(s.began))
	result := OK
	if left := s.answer[tag]; len(left) > 0 {
		result, s.answer[tag] = left[0], left[1:]
	}
	err := s.err
	s.mu.Unlock()
	select {
	case <-time.After(s.took):
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return result, err
}

func TestShipperConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &script{took: time.Second, began: time.Now()}
		s := NewShipper(to, ShipperConfig{Concurrency: 3})
		for range 10 {
			require.NoError(t, s.Ship(t.Context(), "t", []byte("four")))
		}
		require.Equal(t, 3*time.Second, time.Since(to.began), "Ship holds back")
		require.NoError(t, s.Wait(t.Context()))
		require.Equal(t, 4*time.Second, time.Since(to.began))
		require.Equal(t, 3, to.most)
		require.Equal(t, ShipperStats{Shipped: 10, OK: 10, Bytes: 40}, s.Stats())
	})
}

func TestShipperRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &script{began: time.Now(), answer: map[string][]Result{
			"twice":   {Retry, Retry},
			"always":  {Retry, Retry, Retry, Retry, Retry, Retry},
			"refused": {Error},
			"invalid": {Result(9)},
		}}
		done := map[string]Result{}
		s := NewShipper(to, ShipperConfig{
			RetryLimit: 2, Base: time.Second, Cap: 3 * time.Second, Seed: 1,
			OnDone: func(c Chunk, last Result, err error) {
				require.NoError(t, err)
				to.mu.Lock()
				defer to.mu.Unlock()
				done[c.Tag] = last
			},
		})
		for _, tag := range []string{"good", "twice", "always", "refused", "invalid"} {
			require.NoError(t, s.Ship(t.Context(), tag, []byte(tag)))
		}
		require.NoError(t, s.Wait(t.Context()))
		require.Equal(t, ShipperStats{Shipped: 5, OK: 2, Dropped: 3, Retries: 4, Bytes: 9}, s.Stats())
		require.Zero(t, s.Stats().Pending())
		require.Equal(t, map[string]Result{
			"good": OK, "twice": OK, "always": Retry, "refused": Error, "invalid": Result(9),
		}, done)
		for _, seen := range to.seen {
			require.Contains(t, []string{"good/good", "twice/twice", "always/always", "refused/refused", "invalid/invalid"}, seen)
		}
	})
}

func TestShipperNoRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewShipper(&script{answer: map[string][]Result{"x": {Retry}}}, ShipperConfig{})
		require.NoError(t, s.Ship(t.Context(), "x", nil))
		require.NoError(t, s.Wait(t.Context()))
		require.Equal(t, ShipperStats{Shipped: 1, Dropped: 1}, s.Stats())
	})
}

// The nth wait lies between Base and min(Cap, Base*2^n), and is not constant.
func TestShipperBackOff(t *testing.T) {
	t.Parallel()
	s := NewShipper(nil, ShipperConfig{Base: 10 * time.Millisecond, Cap: 75 * time.Millisecond, Seed: 7})
	for n := 1; n < 200; n++ {
		limit := 75 * time.Millisecond
		if n < 3 {
			limit = 10 * time.Millisecond << n
		}
		seen := map[time.Duration]bool{}
		for range 100 {
			d := s.delay(n)
			require.GreaterOrEqual(t, d, 10*time.Millisecond)
			require.LessOrEqual(t, d, limit)
			seen[d] = true
		}
		require.Greater(t, len(seen), 50)
	}
	s = NewShipper(nil, ShipperConfig{Base: time.Minute, Cap: time.Second})
	require.Equal(t, time.Second, s.delay(1), "a cap below the base")
}

// A chunk that waits for its retry holds no slot.
func TestShipperWaitingHoldsNobodyBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &script{began: time.Now(), answer: map[string][]Result{"slow": {Retry}}}
		s := NewShipper(to, ShipperConfig{RetryLimit: NoLimit, Base: time.Hour, Cap: time.Hour})
		require.NoError(t, s.Ship(t.Context(), "slow", nil))
		for range 5 {
			require.NoError(t, s.Ship(t.Context(), "quick", nil))
		}
		synctest.Wait()
		require.Zero(t, time.Since(to.began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.Wait(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "1 chunks not settled")
		require.NoError(t, s.Wait(t.Context()))
		require.Equal(t, time.Hour, time.Since(to.began))
	})
}

func TestShipperFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		s := NewShipper(&script{err: gone}, ShipperConfig{RetryLimit: NoLimit})
		require.NoError(t, s.Ship(t.Context(), "x", nil))
		require.ErrorIs(t, s.Wait(t.Context()), gone)
		require.Equal(t, ShipperStats{Shipped: 1, Failed: 1}, s.Stats())

		// A chunk whose context ends while it waits for its retry.
		s = NewShipper(&script{answer: map[string][]Result{"x": {Retry}}}, ShipperConfig{RetryLimit: NoLimit, Base: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, s.Ship(ctx, "x", nil))
		synctest.Wait()
		cancel()
		require.ErrorIs(t, s.Wait(t.Context()), context.Canceled)
		require.Equal(t, ShipperStats{Shipped: 1, Failed: 1, Retries: 1}, s.Stats())
	})
}

func TestShipperThroughHost(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{Workers: 4})
	ins := initialize(t, h, load(t, h, "out"), nil)
	s := NewShipper(ins, ShipperConfig{Concurrency: 4, RetryLimit: 1, Base: time.Millisecond})
	for range 4 {
		require.NoError(t, s.Ship(t.Context(), "barrier:4", []byte("together")))
	}
	require.NoError(t, s.Ship(t.Context(), "return:2", []byte("again")))
	require.NoError(t, s.Ship(t.Context(), "return:0", []byte("refused")))
	require.NoError(t, s.Wait(t.Context()))
	require.Equal(t, ShipperStats{Shipped: 6, OK: 4, Dropped: 2, Retries: 1, Bytes: 32}, s.Stats())
	exit(t, h)
}
