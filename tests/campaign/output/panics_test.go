package output

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/campaigntest"
	"fluent-bit-sls/tests/campaign/output/judge"
	"fluent-bit-sls/tests/panicking"
	"fluent-bit-sls/tests/slsfake"
)

// A plugin whose calls panic loses nothing, and its hosts live on. The panics are in their log.
func TestPanicsAreSurvived(t *testing.T) {
	t.Parallel()
	c, out := campaigntest.Small(t)
	c.Time = 2 * time.Second
	var err error
	c.PanicOutSo, err = panicking.Build(t.Context(), campaigntest.Root(t), c.Dir, "out_sls")
	require.NoError(t, err)
	var w *world
	s, err := Attack(t.Context(), c, judge.Forgets, func(got *world) {
		w = got
		var calls atomic.Int64
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if panicking.Can(c) && calls.Add(1)%3 == 2 {
				panicking.Answer(c)
			}
		})
	})
	require.NoError(t, err)
	require.Empty(t, strings.Join(w.failures.Texts(), "\n"), out)
	require.Zero(t, s.Lost)
	require.Positive(t, w.injector.Counted("panic logged"), out)
}
