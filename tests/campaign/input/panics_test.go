package input

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/campaigntest"
	"fluent-bit-sls/tests/panicking"
	"fluent-bit-sls/tests/slsfake"
)

// A plugin whose calls panic loses nothing, and its hosts live on, with either kind of
// checkpoint. The panics are in their log.
func TestPanicsAreSurvived(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	so, err := panicking.Build(t.Context(), campaigntest.Root(t), dir, "in_sls")
	require.NoError(t, err)
	for _, checkpoint := range []string{ByHandoff, ByDelivery} {
		t.Run(checkpoint, func(t *testing.T) {
			t.Parallel()
			c, out := campaigntest.Small(t)
			c.Time, c.PanicInSo = 2*time.Second, so
			var w *world
			s, err := Attack(t.Context(), c, checkpoint, func(got *world) {
				w, got.phases = got, nil // which could keep the plugin from getting any answer
				var calls atomic.Int64
				w.server.Hook("", func(c *slsfake.Call) {
					select {
					case <-w.born:
						if panicking.Can(c) && calls.Add(1)%3 == 2 {
							panicking.Answer(c)
						}
					default:
					}
				})
			})
			require.NoError(t, err)
			require.Empty(t, strings.Join(w.failures.Texts(), "\n"), out)
			require.Zero(t, s.Lost)
			require.Positive(t, w.injector.Counted("panic logged"), out)
		})
	}
}
