package judge

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/process"
)

// What excuses a duplicate depends on what the plugin has to remember.
func TestMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		outcome     faults.Outcome
		how         string
		answered    time.Duration // after the write; it comes two seconds before the end
		unexplained [3]int        // by memory
	}{
		"a clear answer long before a kill":  {faults.Clear, process.EndKill, time.Millisecond, [3]int{0, 1, 1}},
		"a clear answer long before an exit": {faults.Clear, process.EndExit, time.Millisecond, [3]int{0, 1, 1}},
		"no clear answer":                    {faults.Reset, process.EndKill, time.Millisecond, [3]int{0, 0, 1}},
		"on its way at the kill":             {faults.Clear, process.EndKill, 2 * time.Second, [3]int{0, 0, 1}},
		"answered during the exit":           {faults.Clear, process.EndExit, 2 * time.Second, [3]int{0, 1, 1}},
		"on its way when the exit was over":  {faults.Clear, process.EndExit, 2250 * time.Millisecond, [3]int{0, 0, 1}},
	} {
		for m, want := range tc.unexplained {
			h := NewHistory()
			h.Born(0)
			h.Born(0)
			h.incarnations[0] = incarnation{ended: true, at: 3 * time.Second, how: tc.how, over: 3900 * time.Millisecond}
			h.writes = []write{
				{at: time.Second, took: tc.answered, outcome: tc.outcome, stored: true, incarnation: 0},
				{at: 5 * time.Second, took: time.Millisecond, stored: true, incarnation: 1},
			}
			_, unexplained := h.explain([]int{0, 1}, time.Minute, Memory(m))
			require.Equal(t, want, unexplained, "%s, memory %d", name, m)
		}
	}
}

func TestLastLines(t *testing.T) {
	s := Summary{Sent: 5, Stored: 6, Duplicated: 1, ambiguous: 2}
	require.Equal(t, "campaign: sent 5, stored 6, lost 0, duplicated 1, ambiguous 2, seed 7", s.Line(7))
	s.memory = Remembers
	require.Equal(t, "campaign state: sent 5, stored 6, lost 0, duplicated 1, ambiguous 2, seed 7", s.Line(7))
	s = Summary{memory: ExactlyOnce, Sent: 5, Stored: 5}
	require.Equal(t, "campaign exactly_once: sent 5, stored 5, lost 0, duplicated 0, seed 7", s.Line(7))
}
