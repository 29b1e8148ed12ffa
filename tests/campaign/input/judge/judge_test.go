package judge

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// court is a judge with an emulator and no plugin: a story is told by hand, on a
// clock that only after moves.
type court struct {
	t       *testing.T
	server  *slsfake.Server
	written *source.Written
	history *History
	commits []slsfake.CheckpointWrite
	grants  []slsfake.Grant
	now     time.Time
}

// newCourt has four groups of 10 records: of one hash key in the first shard, then
// two of it and one of another in the two children of that shard.
func newCourt(t *testing.T) *court {
	t.Helper()
	c := &court{t: t, server: slsfake.New(slsfake.Config{}), written: source.NewWritten(1), history: NewHistory(), now: time.Unix(1e9, 0)}
	t.Cleanup(c.server.Close)
	c.server.CreateLogstore(plan.Project, source.Logstore, 1)
	low, high := 0, 1
	for source.HashKey(low) > source.HashKey(high) || source.HashKey(low) > "8" || source.HashKey(high) < "8" {
		if low++; low == source.KeyCount-1 {
			low, high = 0, high+1
		}
	}
	c.write(low)
	require.NoError(t, c.server.SplitShard(plan.Project, source.Logstore, 0, ""))
	c.write(low)
	c.write(low)
	c.write(high)
	return c
}

func (c *court) write(key int) {
	require.NoError(c.t, c.written.Write(c.server, key, 10))
}

func (c *court) after(d time.Duration) { c.now = c.now.Add(d) }

// member is one that lives until it dies; its host takes a second for everything.
func (c *court) member(name string) int {
	return c.history.Joins(c.history.Born(time.Second, 0), name)
}

func (c *court) grant(member int, shards ...int) {
	for _, shard := range shards {
		c.grants = append(c.grants, slsfake.Grant{Shard: shard, Consumer: c.history.Members[member].name, At: c.now})
	}
	c.after(10 * time.Millisecond)
}

// hand hands the records from..to-1 of a shard over.
func (c *court) hand(member, shard int, from, to uint32) *Handover {
	h := &Handover{At: c.now, Consumer: member, Spans: []source.Span{{Shard: shard, From: from, To: to}}, Records: int(to - from)}
	c.history.Handed(h)
	c.after(10 * time.Millisecond)
	return h
}

// commit commits the first groups of a shard.
func (c *court) commit(member, shard, groups int) *slsfake.CheckpointWrite {
	name := c.history.Members[member].name
	number := c.server.Shards(plan.Project, source.Logstore)[shard].Begin + int64(groups)
	id := string(rune('a' + len(c.commits)))
	c.history.asked[id] = c.now
	c.commits = append(c.commits, slsfake.CheckpointWrite{
		Checkpoint: slsfake.Checkpoint{Number: number, Consumer: name}, Shard: shard, Owner: name, RequestID: id, At: c.now,
	})
	c.after(10 * time.Millisecond)
	return &c.commits[len(c.commits)-1]
}

func (c *court) dies(member int, how string) {
	life := &c.history.incarnations[c.history.Members[member].incarnation]
	life.end, life.how = c.now, how
	c.after(10 * time.Millisecond)
}

func (c *court) verdict(delivery bool) (Summary, map[string]int, string) {
	f := &report.Failures{Out: &bytes.Buffer{}}
	j := NewJudge(c.written, c.history, f, delivery, c.commits, c.grants)
	s := j.Conclude()
	return s, j.Causes, strings.Join(f.Texts(), "\n")
}

// all hands everything over and commits it, the parent first.
func (c *court) all(m int) {
	c.grant(m, 0)
	c.hand(m, 0, 0, 10)
	c.after(time.Second)
	c.commit(m, 0, 1)
	c.grant(m, 1, 2)
	c.hand(m, 1, 0, 5)
	c.hand(m, 2, 0, 10)
	c.hand(m, 1, 5, 20)
	c.after(time.Second)
	c.commit(m, 1, 2)
	c.commit(m, 2, 1)
}

func TestInputAllIsWell(t *testing.T) {
	c := newCourt(t)
	m := c.member("a")
	c.all(m)
	c.dies(m, process.EndExit)
	s, causes, found := c.verdict(false)
	require.Equal(t, Summary{written: 40, handed: 40}, s, found)
	require.Empty(t, causes)
}

// A killed host loses what it had for less than handoff_delay. What it had longer and had
// not committed comes twice, and the rest once.
func TestInputTakenOver(t *testing.T) {
	c := newCourt(t)
	a, b := c.member("a"), c.member("b")
	c.grant(a, 0)
	c.hand(a, 0, 0, 6)
	c.after(time.Second)
	c.hand(a, 0, 6, 10)
	c.dies(a, process.EndKill)
	c.after(6 * time.Second)
	c.all(b)
	c.dies(b, process.EndExit)
	s, causes, found := c.verdict(false)
	require.Equal(t, Summary{written: 40, handed: 50, Duplicated: 6, uncommitted: 10}, s, found)
	require.Equal(t, map[string]int{process.EndKill: 6}, causes)
}

func TestInputLossIsFound(t *testing.T) {
	c := newCourt(t)
	m := c.member("a")
	c.all(m)
	c.after(-500 * time.Millisecond) // before the host has it for good
	c.dies(m, process.EndKill)
	s, _, found := c.verdict(false)
	require.Equal(t, 30, s.Lost)
	require.Contains(t, found, "lost: 20 of the 20 records of shard 1")
	require.NotContains(t, found, "shard 0")
}

func TestInputGapIsFound(t *testing.T) {
	c := newCourt(t)
	m := c.member("a")
	c.grant(m, 0)
	c.hand(m, 0, 0, 4)
	c.hand(m, 0, 5, 10)
	c.after(time.Second)
	c.dies(m, process.EndExit)
	s, _, found := c.verdict(false)
	require.Contains(t, found, "reading shard 0 begins anew at its record 5")
	require.Positive(t, s.Disorder)
}

// A new owner has to go on at the checkpoint, neither before nor behind it, and
// one that the checkpoint was at earlier will not do.
func TestInputWrongStartIsFound(t *testing.T) {
	for from, ok := range map[uint32]bool{0: false, 5: false, 10: true, 15: false} {
		c := newCourt(t)
		a, b := c.member("a"), c.member("b")
		c.grant(a, 1)
		c.hand(a, 1, 0, 10)
		c.after(time.Second)
		c.commit(a, 1, 1)
		c.hand(a, 1, 10, 15)
		c.grant(b, 1)
		c.hand(b, 1, from, 20)
		_, _, found := c.verdict(false)
		require.Equal(t, ok, !strings.Contains(found, "begins anew"), "from %d: %s", from, found)
	}
}

func TestInputChildBeforeParentIsFound(t *testing.T) {
	c := newCourt(t)
	m := c.member("a")
	c.grant(m, 0, 1, 2)
	c.hand(m, 1, 0, 20)
	c.hand(m, 0, 0, 10)
	c.hand(m, 2, 0, 10)
	c.after(time.Second)
	c.dies(m, process.EndExit)
	s, _, found := c.verdict(false)
	require.Equal(t, 1, s.Disorder)
	require.Zero(t, s.Lost)
	require.Contains(t, found, "order: record 10 of hash key")
}

// A checkpoint may cover what the host has had for handoff_delay, or what its
// output has delivered, and nothing else.
func TestInputEarlyCheckpointIsFound(t *testing.T) {
	const ahead = "checkpoint ahead: a commits 10 records of shard 0"
	for _, tc := range []struct {
		name              string
		delivery, deliver bool
		wait              time.Duration
		ok                bool
	}{
		{"handoff, in time", false, false, time.Second, true},
		{"handoff, early", false, false, 980 * time.Millisecond, false},
		{"delivered", true, true, 0, true},
		{"not delivered", true, false, time.Hour, false},
	} {
		c := newCourt(t)
		m := c.member("a")
		c.grant(m, 0)
		h := c.hand(m, 0, 0, 10)
		c.after(tc.wait)
		if tc.deliver {
			h.Taken = c.now
		}
		c.commit(m, 0, 1)
		_, _, found := c.verdict(tc.delivery)
		require.Equal(t, !tc.ok, strings.Contains(found, ahead), "%s: %s", tc.name, found)
	}
}

func TestInputCheckpointOfAnotherIsFound(t *testing.T) {
	for name, spoil := range map[string]func(c *court, w *slsfake.CheckpointWrite){
		"forced":    func(_ *court, w *slsfake.CheckpointWrite) { w.Force = true },
		"not owner": func(_ *court, w *slsfake.CheckpointWrite) { w.Owner = "b" },
		"too late": func(c *court, w *slsfake.CheckpointWrite) {
			c.grants = append(c.grants, slsfake.Grant{Shard: 0, Consumer: "b", At: w.At})
		},
	} {
		c := newCourt(t)
		m := c.member("a")
		c.grant(m, 0)
		c.hand(m, 0, 0, 10)
		c.after(time.Second)
		spoil(c, c.commit(m, 0, 1))
		s, _, found := c.verdict(false)
		require.Equal(t, 1, s.owners, name)
		require.Contains(t, found, "is committed at", name)
	}
}

func TestInputHandOverOfAnothersIsFound(t *testing.T) {
	c := newCourt(t)
	a, b := c.member("a"), c.member("b")
	c.grant(a, 0)
	c.hand(a, 0, 0, 5)
	c.grant(b, 0)
	c.hand(a, 0, 5, 10)
	s, _, found := c.verdict(false)
	require.Equal(t, 1, s.owners)
	require.Contains(t, found, "is handed over at")
}

func TestInputCheckpointGoingBackIsFound(t *testing.T) {
	c := newCourt(t)
	m := c.member("a")
	c.all(m)
	c.commit(m, 1, 1)
	_, _, found := c.verdict(false)
	require.Contains(t, found, "the checkpoint of shard 1 goes back")
}

// What comes twice within one stretch has no cause.
func TestInputRepetitionIsFound(t *testing.T) {
	c := newCourt(t)
	m := c.member("a")
	c.grant(m, 0)
	c.hand(m, 0, 0, 10)
	c.after(time.Second)
	c.commit(m, 0, 1)
	c.hand(m, 0, 5, 10)
	c.after(time.Second)
	c.dies(m, process.EndExit)
	s, _, found := c.verdict(false)
	require.Equal(t, 5, s.Duplicated)
	require.Contains(t, found, "begins anew at its record 5")
}

func TestKeeps(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1e9+int64(s), 0) }
	l := incarnation{delay: 10 * time.Second, pauses: []pause{{at(100), at(200)}, {at(205), at(300)}, {from: at(400)}}}
	for from, until := range map[int]int{0: 10, 89: 99, 90: 100, 91: 201, 150: 305, 202: 307, 300: 310, 390: 400} {
		require.Equal(t, at(until), l.keeps(at(from)), from)
	}
	for _, from := range []int{391, 400, 500} {
		require.Equal(t, never, l.keeps(at(from)), from)
	}
}
