package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// lateGroup is a court whose shards have all but the last 10 records of shard 1 from
// before the group, which begins at their ends: a member holds the parent, and has placed
// the first checkpoints of the children.
func lateGroup(t *testing.T) (c *court, member int) {
	c = newCourt(t)
	c.written.Old = map[int]uint32{0: 10, 1: 10, 2: 10}
	member = c.member("a")
	c.grant(member, 0)
	c.place(member, 1, 1)
	c.place(member, 2, 1)
	c.commit(member, 0, 1)
	c.grant(member, 1, 2)
	return c, member
}

// place commits the first groups of a shard for a member that does not hold it.
func (c *court) place(member, shard, groups int) *slsfake.CheckpointWrite {
	w := c.commit(member, shard, groups)
	w.Force, w.Owner = true, ""
	return w
}

func (c *court) fromEnd() (s Summary, found string) {
	f := &report.Failures{Out: c.t.Output()}
	j := NewJudge(c.written, c.history, f, false, c.commits, c.grants)
	j.FromEnd = true
	return j.Conclude(), strings.Join(f.Texts(), "\n")
}

func TestInputLateGroupReadsFromTheEnd(t *testing.T) {
	c, m := lateGroup(t)
	c.hand(m, 1, 10, 20)
	c.after(time.Second)
	c.commit(m, 1, 2)
	c.dies(m, process.EndExit)
	s, found := c.fromEnd()
	require.Equal(t, Summary{written: 40, handed: 10}, s, found)
}

// The child of a merge has two parents, and the members that open them may both say where
// it begins, as long as nobody has held it.
func TestInputFirstCheckpointPlacedTwice(t *testing.T) {
	for _, groups := range [][2]int{{1, 2}, {2, 1}} {
		c := newCourt(t)
		c.written.Old = map[int]uint32{0: 10, 1: 10, 2: 10}
		m := c.member("a")
		for _, n := range groups {
			c.place(m, 1, n)
		}
		c.grant(m, 1)
		if groups[1] == 1 {
			c.hand(m, 1, 10, 20)
			c.after(time.Second)
			c.commit(m, 1, 2)
		}
		c.dies(m, process.EndExit)
		_, found := c.fromEnd()
		require.NotContains(t, found, "shard 1", groups)
	}
}

func TestInputLateGroupErrorsAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		story func(c *court, m int)
		found string
	}{
		"old records": {func(c *court, m int) {
			c.commits[0].Number-- // the first checkpoint of shard 1 is at its beginning
			c.hand(m, 1, 0, 20)
		}, "start: the reading of shard 1 begins at its record 0, and 10 were written before the group existed"},
		"behind the first checkpoint": {func(c *court, m int) { c.hand(m, 1, 15, 20) }, "lost: 5 of the 10 records of shard 1"},
		"not from the checkpoint":     {func(c *court, m int) { c.hand(m, 1, 0, 20) }, "reading shard 1 begins anew at its record 0"},
		"nothing read":                {func(*court, int) {}, "lost: 10 of the 10 records of shard 1"},
		"placed again": {func(c *court, m int) {
			c.hand(m, 1, 10, 20)
			c.after(time.Second)
			c.commit(m, 1, 2)
			c.place(m, 1, 1)
		}, "(force true)"},
		"placed elsewhere": {func(c *court, m int) { c.place(m, 1, 2) }, "(force true)"},
	} {
		c, m := lateGroup(t)
		tc.story(c, m)
		c.after(time.Second)
		c.dies(m, process.EndExit)
		_, found := c.fromEnd()
		require.Contains(t, found, tc.found, name)
	}
}

// With start_position begin nothing of this is allowed, and everything is to be read.
func TestInputLateGroupReadsFromTheBeginning(t *testing.T) {
	c, m := lateGroup(t)
	c.hand(m, 1, 10, 20)
	c.after(time.Second)
	c.dies(m, process.EndExit)
	_, _, found := c.verdict(false)
	require.Contains(t, found, "lost: 10 of the 20 records of shard 1")
	require.Contains(t, found, "(force true)")
}
