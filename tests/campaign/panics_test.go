package main

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// Plugins whose calls panic lose nothing, and their hosts live on. The panics are in the
// log of the hosts.
func TestPanicsAreSurvived(t *testing.T) {
	t.Parallel()
	often := func() func(*slsfake.Call) {
		var calls atomic.Int64
		return func(c *slsfake.Call) {
			if panics(c) && calls.Add(1)%3 == 2 {
				answerPanic(c)
			}
		}
	}
	c, out := small(t, "out_sls.so", func(w *world) { w.server.Hook(slsfake.OpPutLogs, often()) })
	c.rigInput = func(w *inputWorld) {
		strike := often()
		w.server.Hook("", func(c *slsfake.Call) {
			select {
			case <-w.born:
				strike(c)
			default:
			}
		})
	}
	c.source, c.time = filepath.Join("..", ".."), 2*time.Second
	require.NoError(t, run(t.Context(), c, "all"), out)
	logged := 0
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "panic logged") {
			logged++
		}
	}
	require.Equal(t, 3, logged, "on either side, with either kind of checkpoint: %s", out)
}

func TestPlaceOfThePanic(t *testing.T) {
	c := config{source: t.TempDir(), dir: t.TempDir()}
	require.ErrorContains(t, c.buildPanicking(t.Context()), "where is the panic to go?")
	changed, ok := insertPanic("a\nresp, err := c.transport.RoundTrip(r)\nb\n\tdefer resp.Body.Close() // c\nd\n")
	require.True(t, ok)
	require.Equal(t, "a\nresp, err := c.transport.RoundTrip(r)\nb\n\tdefer resp.Body.Close() // c"+panicLine+"d\n", changed)
}

// Any other panic is a failure, of these plugins, too.
func TestOtherPanicsAreAlarming(t *testing.T) {
	f := &faults{counts: map[string]int{}}
	require.True(t, f.expected("panic in a request, which fails, please report it error="+panicText))
	require.True(t, f.expected("metrics panics_total=3"))
	require.False(t, f.expected("panic in a request, which fails, please report it error=index out of range"))
	require.Equal(t, map[string]int{"panic logged": 1}, f.counts)
}

// Only the calls of plugins that can panic meet the fault.
func TestPanicIsForThosePluginsOnly(t *testing.T) {
	call := func(version string) *slsfake.Call {
		return &slsfake.Call{Header: map[string][]string{"User-Agent": {"fluent-bit-sls-out/" + version}}}
	}
	require.True(t, (&fault{name: panicFault}).meets(call(panicVersion)))
	require.False(t, (&fault{name: panicFault}).meets(call("v1.0.0")))
	require.True(t, (&fault{name: "500"}).meets(call("v1.0.0")))
	require.False(t, (*fault)(nil).meets(call(panicVersion)))
}
