package panics_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/panics"
)

func guard() (g *panics.Guard, log *bytes.Buffer, count *int) {
	log, count = &bytes.Buffer{}, new(int)
	return panics.New(slog.New(slog.NewTextHandler(log, nil)), func() { *count++ }), log, count
}

func broken() { panic("broken") }

func index(list []int) int { return list[5] }

// A panic is an error that says where it was; the log has the stack once, and then one
// line a minute with the number of others.
func TestPanicIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, log, count := guard()
		require.NoError(t, g.Catch("reader", func() {}))
		for range 100 {
			err := g.Catch("reader", broken, "cursor", "c1")
			require.ErrorContains(t, err, "panic in panics_test.broken (panics_test.go:")
			require.ErrorContains(t, err, "broken")
		}
		require.Equal(t, 100, *count)
		require.Equal(t, 1, strings.Count(log.String(), "\n"))
		require.Equal(t, 1, strings.Count(log.String(), "stack="))
		require.Contains(t, log.String(), "panic in reader, please report it")
		require.Contains(t, log.String(), "cursor=c1")

		log.Reset()
		<-time.After(time.Minute)
		require.Error(t, g.Into(slog.New(slog.NewTextHandler(log, nil))).Catch("reader", broken))
		require.Contains(t, log.String(), "repeated=99")
		require.NotContains(t, log.String(), "stack=")

		err := g.Catch("reader", func() { index(nil) })
		require.ErrorContains(t, err, "index out of range [5] with length 0")
		require.Contains(t, log.String(), "stack=", "another place has another stack")
	})
}

func TestValueIsShownShortened(t *testing.T) {
	g, log, _ := guard()
	err := g.Catch("reader", func() { panic(errors.New(strings.Repeat("x", 10_000))) })
	require.Less(t, len(err.Error()), 500)
	require.NotContains(t, log.String(), strings.Repeat("x", 301))
}

// Keep goes on after a panic, later each time, and ends with f or with its context.
func TestKeepGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, count := guard()
		begin, runs := time.Now(), []time.Duration(nil)
		g.Keep(t.Context(), "loop", func() {
			if runs = append(runs, time.Since(begin)); len(runs) < 4 {
				broken()
			}
		})
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}, runs)
		require.Equal(t, 3, *count)

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		*count = 0
		g.Keep(ctx, "loop", broken)
		require.Equal(t, 65, *count, "a minute apart in the end")
		require.Equal(t, time.Hour+7*time.Second, time.Since(begin))
	})
}

func TestGoroutineAndTimerEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, count := guard()
		var wg sync.WaitGroup
		g.Go(&wg, "goroutine", broken)
		wg.Wait()
		g.AfterFunc(time.Second, "timer", broken)
		stopped := g.AfterFunc(time.Second, "timer", broken)
		require.True(t, stopped.Stop())
		<-time.After(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, *count)
	})
}
