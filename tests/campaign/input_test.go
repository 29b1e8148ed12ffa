package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A service that skips the first group of each shard is what an input that loses
// looks like.
func TestSkippedRecordsAreFound(t *testing.T) {
	t.Parallel()
	var w *inputWorld
	c, out := small(t, "out_sls.so", nil)
	c.dir, c.quiet = t.TempDir(), true
	c.rigInput = func(got *inputWorld) {
		w = got
		w.server.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
			at, err := slsfake.DecodeCursor(c.Cursor)
			s := w.server.Shards(project, inputLogstore)[c.Shard]
			if err != nil || at != s.Begin || at == s.End {
				return
			}
			c.Answer(200, http.Header{
				"X-Log-Cursor": {slsfake.EncodeCursor(at + 1)}, "X-Log-Count": {"0"}, "X-Log-Bodyrawsize": {"0"},
			}, nil)
		})
	}
	s, err := attackInput(t.Context(), c, byHandoff)
	require.NoError(t, err)
	found := strings.Join(w.failures.texts(), "\n")
	require.Positive(t, s.failures, out)
	require.Positive(t, s.lost, out)
	require.Positive(t, s.disorder, out)
	require.Contains(t, found, "lost: ")
	require.Contains(t, found, "checkpoint ahead: ")
	require.Contains(t, found, "order: ")
}
