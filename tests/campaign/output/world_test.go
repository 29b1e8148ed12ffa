package output

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/campaigntest"
	"fluent-bit-sls/tests/campaign/output/judge"
	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/slsfake"
)

// sabotage runs a small campaign that must fail, and returns what it reports.
func sabotage(t *testing.T, rig func(*world)) (failures string, s judge.Summary) {
	t.Helper()
	var w *world
	c, out := campaigntest.Small(t)
	s, err := Attack(t.Context(), c, judge.Forgets, func(got *world) {
		w = got
		rig(got)
	})
	require.NoError(t, err)
	require.Positive(t, s.Failures, out)
	require.Contains(t, out.String(), "FAILURE: ")
	return strings.Join(w.failures.Texts(), "\n"), s
}

// A service that says yes and forgets is what an output that acknowledges too
// early looks like.
func TestEarlyOKIsFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%10 == 3 {
				c.Answer(200, nil, nil)
			}
		})
	})
	require.Contains(t, found, "early OK: ")
	require.Contains(t, found, "lost: ")
	require.Positive(t, s.Lost)
	require.Equal(t, s.Sent-s.Lost+s.Duplicated, s.Stored)
}

// A reset behind the history's back makes the plugin send again: duplicates that
// no recorded outcome explains.
func TestDuplicatesWithoutCauseAreFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%10 == 3 {
				c.CloseAfter()
			}
		})
	})
	require.Contains(t, found, "unexplained: ")
	require.NotContains(t, found, "lost: ")
	require.NotContains(t, found, "early OK: ")
	require.Positive(t, s.Duplicated)
}

// Small requests are refused for good, so records that come alone are dropped:
// rightly so, but the campaign itself refuses none, and every loss must show.
func TestDroppedRecordsAreFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if size, _ := strconv.Atoi(c.Header.Get("X-Log-Bodyrawsize")); size < 3000 {
				c.Fail(400, "PostBodyInvalid", "no")
			}
		})
	})
	require.Contains(t, found, "FLB_ERROR")
	require.Contains(t, found, "never acknowledged")
	require.Positive(t, s.Lost)
}

// A host that ends by itself is found, and what it had is delivered by the next.
func TestCrashIsFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.started = func(h *host) {
			before := w.server.Stats().Total().Requests
			go func() {
				_ = w.server.Wait(t.Context(), func() bool { return w.server.Stats().Total().Requests > before || h.gone() })
				if w.failures.Count() == 0 && !h.gone() { // the first one that has not been killed by then
					_ = syscall.Kill(h.Pid(), syscall.SIGSEGV)
				}
			}()
		}
	})
	// Whose handler gets it, the engine's or Go's, which signal ends the host then
	// (aborted, quit, segmentation fault), and whether the host was just being told to
	// end, is a matter of the moment.
	require.Regexp(t, `ended by itself|SIGSEGV|signal: |aborted`, found)
	require.Zero(t, s.Lost, found)
}

// A record that is stored where nobody reads it is lost.
func TestRecordsInAStrangeLogstoreAreFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if strings.HasPrefix(c.Logstore, record.AbsentPrefix) {
				c.Answer(200, nil, nil)
			}
		})
	})
	require.Contains(t, found, "early OK: ")
	require.Contains(t, found, "of feed 2 was acknowledged")
	require.Positive(t, s.Lost)
}

func TestMain(m *testing.M) { campaigntest.Main(m) }
