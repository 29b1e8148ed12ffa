package handover

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/buffer"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget(100, &buffer.Pool{})
		n, err := b.take(t.Context(), 1000)
		require.NoError(t, err)
		require.Equal(t, int64(100), n, "no claim is larger than the budget")
		b.resize(100, 60)
		b.resize(60, 150) // an answer larger than expected
		require.Equal(t, int64(90), b.debt)

		waiting := make(chan int64, 1)
		go func() {
			n, err := b.take(t.Context(), 100)
			if err == nil {
				waiting <- n
			}
		}()
		synctest.Wait()
		b.resize(150, 60) // pays the debt first
		synctest.Wait()
		require.Zero(t, b.debt)
		require.Empty(t, waiting)
		b.give(60)
		synctest.Wait()
		require.Len(t, waiting, 1)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = b.take(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
