package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/input/judge"
	"fluent-bit-sls/tests/campaign/plan"
)

// What was handed over goes through the ring, chunks and the output, in its order,
// and every report is the truth of a moment.
func TestEngine(t *testing.T) {
	c := plan.Plan{Seed: 1}
	l := judge.NewHistory()
	e := New(l, c.Stream("engine"), Second, time.Second)
	in := e.Add("sls.0")
	now := e.begin
	step := func() {
		now = now.Add(Second / 8)
		e.step(now)
	}
	for range 40 {
		step()
	}
	require.Contains(t, e.report(), "fluentbit_uptime{hostname=\"campaign\"} 5\n")
	require.Contains(t, e.report(), `fluentbit_input_storage_chunks{name="sls.0"} 0`)
	e.Pause(true)
	var all []*judge.Handover
	for range 20 {
		h := &judge.Handover{Records: 3}
		all = append(all, h)
		l.Handed(h)
		e.Take(in, h)
		step()
	}
	for range 40 {
		step()
	}
	require.Contains(t, e.report(), `fluentbit_input_records_total{name="sls.0"} 0`, "not during a pause")
	e.Pause(false)
	for all[19].Taken.IsZero() {
		step()
	}
	for range 400 { // the loop may be stuck for a while
		step()
	}
	require.Contains(t, e.report(), `fluentbit_input_records_total{name="sls.0"} 60`)
	require.Contains(t, e.report(), `fluentbit_input_storage_chunks{name="sls.0"} 0`)
	e.Take(in, &judge.Handover{Records: 1})
	e.Stop()
	before := e.report()
	now = now.Add(time.Hour)
	step()
	require.Equal(t, before, e.report())
	require.Len(t, in.ring, 1)
}
