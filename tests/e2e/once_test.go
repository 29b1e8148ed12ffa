package e2e

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/flbhost"
	"fluent-bit-sls/tests/slsfake"
)

// What has no clear answer when its section ends in a hot reload goes out again under its
// number: the next section of the same process stores it, or is told that SLS has it.
func TestParkedNumberAcrossAHotReload(t *testing.T) {
	for name, lose := range map[string]func(*slsfake.Call){
		"stored":     func(c *slsfake.Call) { c.CloseAfter() },
		"not stored": func(c *slsfake.Call) { c.CloseBefore() },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, 1)
			var mu sync.Mutex
			numbers := map[string]int{} // writes by key and number
			c.Hook(slsfake.OpPutLogs, func(call *slsfake.Call) {
				mu.Lock()
				defer mu.Unlock()
				numbers[call.HashKey+" "+call.SequenceID]++
			})
			remove := c.Hook(slsfake.OpPutLogs, lose)
			h, log := startHost(t)
			out, err := h.Load(raced.Out)
			require.NoError(t, err)
			dir := t.TempDir()
			chunk, err := flbhost.WriteChunk(dir, flbhost.ChunkName(os.Getpid(), time.Now()), "t", numbered(0, 10))
			require.NoError(t, err)
			for round := range 3 {
				i, err := h.Init(out, c.props("alias", "once", "state_path", dir, "exactly_once", "on", "flush_timeout", "1s"))
				require.NoError(t, err, log)
				want := flbhost.Retry
				if round == 2 {
					remove()
					want = flbhost.OK
				}
				result, err := i.FlushFile(t.Context(), "t", chunk)
				require.NoError(t, err)
				require.Equal(t, want, result, log)
				require.NoError(t, h.Reload(t.Context()))
			}
			stop(t, h.Exit)
			mu.Lock()
			defer mu.Unlock()
			require.Len(t, numbers, 1, "of each section the same: %v", numbers)
			require.Equal(t, 10, distinct(c))
			require.Len(t, c.Logs(project, logstore), 10)
			if name == "stored" {
				require.NotEmpty(t, c.RefusedSequences(project, logstore))
			}
		})
	}
}
