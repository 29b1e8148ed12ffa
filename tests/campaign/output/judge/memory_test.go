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

// Where SLS forgets numbers at a split, a number without a clear answer may be in several
// shards. Nothing else is an excuse.
func TestUntilSplit(t *testing.T) {
	for name, tc := range map[string]struct {
		first       faults.Outcome
		shards      [2]int
		keys        [2]string
		unexplained int
	}{
		"no clear answer, another shard": {faults.Reset, [2]int{0, 1}, [2]string{"a", "a"}, 0},
		"no clear answer, the same":      {faults.Reset, [2]int{0, 0}, [2]string{"a", "a"}, 1},
		"a clear answer":                 {faults.Clear, [2]int{0, 1}, [2]string{"a", "a"}, 1},
		"another key":                    {faults.Reset, [2]int{0, 1}, [2]string{"a", "b"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := NewHistory()
			h.Born(0)
			h.writes = []write{
				{at: 1, took: 1, outcome: tc.first, stored: true, shard: tc.shards[0], hashKey: tc.keys[0]},
				{at: 2, took: 1, stored: true, shard: tc.shards[1], hashKey: tc.keys[1]},
			}
			_, unexplained := h.explain([]int{0, 1}, time.Minute, UntilSplit)
			require.Equal(t, tc.unexplained, unexplained)
		})
	}
}

// What a file keeps is not sent again, whatever became of the request.
func TestUntilFull(t *testing.T) {
	for newer, want := range map[int]int{kept - 1: 1, kept: 0} {
		h := NewHistory()
		h.writes = []write{{stored: true, outcome: faults.Reset, feed: 1}, {stored: true, feed: 2}, {feed: 1}}
		for range newer + 1 {
			h.writes = append(h.writes, write{stored: true, feed: 1})
		}
		causes, unexplained := h.explain([]int{0, len(h.writes) - 1}, time.Minute, UntilFull)
		require.Equal(t, want, unexplained)
		require.Len(t, causes, 1-want)
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
