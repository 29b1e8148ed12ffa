package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/slsfake"
)

// pausingMember is one whose host keeps pausing: what it is handed over is kept after a
// second and has to be committed within another.
func (c *court) pausingMember(name string) int {
	return c.history.Joins(c.history.Born(time.Second, time.Second), name)
}

// What a host keeps is committed in time, or something has held it up.
func TestInputStandstillIsFound(t *testing.T) {
	life := func(c *court, m int) *incarnation { return &c.history.incarnations[c.history.Members[m].incarnation] }
	soon := func(c *court, _ int) { c.after(1900 * time.Millisecond) }
	late := func(c *court, _ int) { c.after(2100 * time.Millisecond) }
	for name, tc := range map[string]struct {
		before func(c *court, m int) // the commit
		due    bool
		found  bool
	}{
		"in time": {soon, true, false},
		"late":    {late, true, true},
		"never": {func(c *court, _ int) {
			c.after(time.Hour)
		}, true, true},
		"late for a pause": {func(c *court, m int) {
			from := c.now
			c.after(500 * time.Millisecond)
			life(c, m).pauses = []pause{{from, c.now}}
			soon(c, m)
		}, true, false},
		"late for a refused commit": {func(c *court, m int) {
			c.history.addRefusal(refusal{consumer: "a", shard: 0, from: c.now, to: c.now.Add(1500 * time.Millisecond)})
			late(c, m)
		}, true, false},
		"late, and the refused commit was of another shard": {func(c *court, m int) {
			c.history.addRefusal(refusal{consumer: "a", shard: 1, from: c.now, to: c.now.Add(1500 * time.Millisecond)})
			late(c, m)
		}, true, true},
		"late, and the trouble was another's": {func(c *court, m int) {
			c.history.addRefusal(refusal{consumer: "b", shard: -1, from: c.now, to: c.now.Add(1500 * time.Millisecond)})
			late(c, m)
		}, true, true},
		"late, and the trouble was over before": {func(c *court, m int) {
			c.history.addRefusal(refusal{shard: -1, from: c.now.Add(-time.Hour), to: c.now})
			late(c, m)
		}, true, true},
		"late when SLS was away": {func(c *court, _ int) {
			c.history.Unreachable(c.now.Add(1500*time.Millisecond), c.now.Add(1500*time.Millisecond))
			c.after(callAgain)
		}, true, false},
		"the host ends": {func(c *court, m int) {
			soon(c, m)
			c.dies(m, process.EndKill)
			c.after(time.Hour)
		}, false, false},
		"the lease ends": {func(c *court, m int) {
			soon(c, m)
			c.grant(c.member("b"), 0)
			c.after(time.Hour)
		}, false, false},
		"the reading begins anew": {func(c *court, m int) {
			soon(c, m)
			c.hand(m, 0, 0, 5)
			c.dies(m, process.EndKill)
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourt(t)
			m := c.pausingMember("a")
			c.grant(m, 0)
			c.hand(m, 0, 0, 10)
			c.after(-10 * time.Millisecond) // of the hand-over
			tc.before(c, m)
			if name != "never" {
				c.commit(m, 0, 1)
			}
			if life(c, m).how == "" {
				c.after(time.Hour)
				c.dies(m, process.EndExit)
			}
			s, _, found := c.verdict(false)
			require.Equal(t, tc.found, strings.Contains(found, "checkpoint stands still: 10 records of shard 0"), found)
			require.Equal(t, tc.due, s.InTime > 0)
		})
	}
}

// Hosts that do not keep pausing have other hardships: nobody looks.
func TestInputStandstillOfOthersIsNotJudged(t *testing.T) {
	c := newCourt(t)
	m := c.member("a")
	c.grant(m, 0)
	c.hand(m, 0, 0, 10)
	c.after(time.Hour)
	c.dies(m, process.EndExit)
	s, _, found := c.verdict(false)
	require.Zero(t, s.InTime)
	require.NotContains(t, found, "stands still")
}

func TestStruckCallsAreTrouble(t *testing.T) {
	l := NewHistory()
	for _, op := range []slsfake.Op{slsfake.OpPullLogs, slsfake.OpHeartbeat, slsfake.OpUpdateCheckpoint} {
		l.NoteFault(&slsfake.Call{Op: op, Consumer: "a", Shard: 3})
	}
	require.Len(t, l.refusals, 2)
	beat, commit := l.refusals[0], l.refusals[1]
	require.Equal(t, faults.RequestTimeout+callAgain, beat.to.Sub(beat.from))
	require.Equal(t, faults.RequestTimeout+callAgain, commit.to.Sub(commit.from))
	require.True(t, beat.concerns("a", 1))
	require.False(t, beat.concerns("b", 1))
	require.True(t, commit.concerns("a", 3))
	require.False(t, commit.concerns("a", 1))
}
