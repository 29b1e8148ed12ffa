package flbhost

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlush(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{})
	out := load(t, h, "out")
	a := initialize(t, h, out, map[string]string{"id": "a"})
	b := initialize(t, h, out, map[string]string{"id": "b"})
	for _, size := range []int{0, 1, 4095, 4096, 4097, 5 << 20} {
		chunk := bytes.Repeat([]byte("chunk"), size/5+1)[:size]
		sum := fnv.New32a()
		_, _ = sum.Write(chunk)
		for id, ins := range map[string]*Instance{"a": a, "b": b} {
			require.Equal(t, OK, flush(t, ins, "echo.kube.x", string(chunk)))
			// Before Flush returns its lines have been logged.
			require.Contains(t, logs.text(),
				fmt.Sprintf("[ info] [output] %s: echo.kube.x size=%d sum=%08x", id, size, sum.Sum32()))
		}
	}
	require.Equal(t, OK, flush(t, a, "return:1", "x"))
	require.Equal(t, Retry, flush(t, a, "return:2", "x"))
	require.Equal(t, Error, flush(t, a, "return:0", "x"))
	require.Equal(t, Error, flush(t, a, "return:-1", "x"))
	require.Contains(t, logs.text(), "[error] [go proxy]: flush of 'ctest.0' returned -1, taken as an error")
	exit(t, h)
	require.Zero(t, logs.count("exit without context"))
}

func TestFlushOnInput(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	in := initialize(t, h, load(t, h, "in"), nil)
	_, err := in.Flush(t.Context(), "x", nil)
	require.ErrorContains(t, err, "not an output")
	exit(t, h)
}

// together flushes n chunks at once and counts the results.
func together(t *testing.T, ins *Instance, n int, tag string) map[Result]int {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	results := map[Result]int{}
	for range n {
		wg.Go(func() {
			result, err := ins.Flush(t.Context(), tag, []byte("x"))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				results[result]++
			}
		})
	}
	wg.Wait()
	return results
}

func TestWorkersFlushAtOnce(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Workers: 4})
	out := load(t, h, "out")
	four := initialize(t, h, out, nil)
	require.Equal(t, map[Result]int{OK: 4}, together(t, four, 4, "barrier:4"))
	require.Equal(t, map[Result]int{Retry: 5}, together(t, four, 5, "barrier:5:300"), "no fifth thread")
	require.Equal(t, Retry, flush(t, four, "thread", ""), "not on the thread of init")
	require.Contains(t, logs.text(), "worker #3 started")

	// The instance's own property goes before the host's number.
	two := initialize(t, h, out, map[string]string{"Workers": "2"})
	require.Equal(t, map[Result]int{OK: 2}, together(t, two, 2, "barrier:2"))
	require.Equal(t, map[Result]int{Retry: 3}, together(t, two, 3, "barrier:3:300"))
	one := initialize(t, h, out, map[string]string{"workers": "1"})
	require.Equal(t, Retry, flush(t, one, "thread", ""))
	exit(t, h)
}

func TestNoWorkersFlushOnThePipelineThread(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	ins := initialize(t, h, load(t, h, "out"), nil)
	require.Equal(t, OK, flush(t, ins, "thread", ""))
	require.Equal(t, map[Result]int{Retry: 2}, together(t, ins, 2, "barrier:2:300"))
	exit(t, h)
}

func TestFlushStack(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{Workers: 1})
	ins := initialize(t, h, load(t, h, "out"), nil)
	require.Equal(t, OK, flush(t, ins, "echo", "x"))
	require.Less(t, ins.StackUsed(), 20<<10)
	require.Equal(t, OK, flush(t, ins, "stack:40000", "x"))
	require.Greater(t, ins.StackUsed(), 40000)
	require.LessOrEqual(t, ins.StackUsed(), 64<<10)
	_, err := ins.Flush(t.Context(), "stack:80000", []byte("x"))
	var ended *ExitError
	require.ErrorAs(t, err, &ended, "64 KiB is all there is")

	h, _ = start(t, Options{Workers: 1, StackSize: 128 << 10})
	ins = initialize(t, h, load(t, h, "out"), nil)
	require.Equal(t, OK, flush(t, ins, "stack:80000", "x"))
	exit(t, h)
}

// Memory that is lent for one flush cannot be read after it, nor beyond its end.
func TestFlushBytesAreLent(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"use kept chunk", "use kept tag", "overread chunk", "overread tag"} {
		h, _ := start(t, Options{Workers: 1})
		ins := initialize(t, h, load(t, h, "out"), nil)
		require.Equal(t, OK, flush(t, ins, "keep", "some bytes"))
		_, err := ins.Flush(t.Context(), tag, []byte("other"))
		require.ErrorContains(t, err, "caught signal (SIGSEGV)", tag)
	}
}

func TestFlushContext(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Workers: 2})
	ins := initialize(t, h, load(t, h, "out"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := ins.Flush(ctx, "hang", []byte("x"))
		done <- err
	}()
	logs.waitFor(t, "hanging")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Equal(t, OK, flush(t, ins, "echo", "x"), "the other worker goes on")

	// A flush that hangs holds up the shutdown until the driver's patience ends.
	require.ErrorIs(t, h.Exit(ctx), context.Canceled)
	_, err := ins.Flush(t.Context(), "echo", nil)
	require.ErrorContains(t, err, "signal: killed")
}

func TestOldSymbols(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{})
	ins := initialize(t, h, load(t, h, "old_out"), nil)
	require.Equal(t, OK, flush(t, ins, "tag", "abc"))
	in := collectFrom(initialize(t, h, load(t, h, "old_in"), map[string]string{"id": "old"}))
	require.Equal(t, "old:1 cleaned=0", in.next(t))
	require.NoError(t, h.Pause())
	require.NoError(t, h.Resume())
	exit(t, h)
	require.Contains(t, logs.text(), "old flush tag 3 1a47e90b")
	require.Contains(t, logs.text(), "old exit")
}
