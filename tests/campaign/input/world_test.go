package input

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/campaigntest"
	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/slsfake"
)

// A service that skips the first group of each shard is what an input that loses
// looks like.
func TestSkippedRecordsAreFound(t *testing.T) {
	t.Parallel()
	var w *world
	c, out := campaigntest.Small(t)
	s, err := Attack(t.Context(), c, ByHandoff, func(got *world) {
		w = got
		w.server.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
			at, err := slsfake.DecodeCursor(c.Cursor)
			s := w.server.Shards(plan.Project, source.Logstore)[c.Shard]
			if err != nil || at != s.Begin || at == s.End {
				return
			}
			c.Answer(200, http.Header{
				"X-Log-Cursor": {slsfake.EncodeCursor(at + 1)}, "X-Log-Count": {"0"}, "X-Log-Bodyrawsize": {"0"},
			}, nil)
		})
	})
	require.NoError(t, err)
	found := strings.Join(w.failures.Texts(), "\n")
	require.Positive(t, s.Failures, out)
	require.Positive(t, s.Lost, out)
	require.Positive(t, s.Disorder, out)
	require.Contains(t, found, "lost: ")
	require.Contains(t, found, "checkpoint ahead: ")
	require.Contains(t, found, "order: ")
}

func TestMain(m *testing.M) { campaigntest.Main(m) }
