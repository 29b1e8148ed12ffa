package judge

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/output/store"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// bench is a judge of three feeds with an emulator and no plugin. The records of the
// third name their logstores.
type bench struct {
	*Judge
	feeds    []*store.Feed
	requests int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c := plan.Plan{Seed: 3, Out: &bytes.Buffer{}}
	server := slsfake.New(slsfake.Config{})
	t.Cleanup(server.Close)
	server.CreateLogstore(plan.Project, "a", 1)
	server.CreateLogstore(plan.Project, "b", 1)
	b := &bench{}
	names := []string{"a", "b", "home"}
	b.Judge = NewJudge(server, NewHistory(), record.NewTemplates(&c), &report.Failures{Out: c.Out}, Forgets, names)
	for n, name := range names {
		b.feeds = append(b.feeds, store.NewFeed(&c, n, name, b.templates, b.history.Now, b.Sent))
	}
	return b
}

// chunk is a chunk of feed 0 with several records, and the first of its feed.
func (b *bench) chunk() *store.Chunk {
	for {
		c, _ := b.feeds[0].Take()
		if c.To-c.From > 10 {
			return c
		}
		b.feeds[0].Discard(c)
		b.write(b.incarnation(0), faults.Clear, c, c.From, c.To)
	}
}

func (b *bench) incarnation(agent int) int { return b.history.Born(agent) }

// write stores the records from..to-1 of a chunk, in a request with that outcome.
func (b *bench) write(incarnation int, o faults.Outcome, c *store.Chunk, from, to uint32) {
	request := b.request(o)
	for seq := from; seq < to; seq++ {
		b.take(c.Feed.Logstore, b.log(request, incarnation, record.ID{Feed: uint32(c.Feed.Number), Seq: seq}))
	}
}

// request is a new one in the history.
func (b *bench) request(o faults.Outcome) (id string) {
	b.requests++
	id = fmt.Sprintf("%024X", b.requests)
	if err := b.history.Note(id, o, 0); err != nil {
		panic(err)
	}
	return id
}

func (b *bench) take(logstore string, l slsfake.Log) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.takeLocked(logstore, &l)
}

// log is a record as the emulator shows it.
func (b *bench) log(request string, incarnation int, id record.ID) slsfake.Log {
	l := slsfake.Log{
		RequestID: request, AccessKeyID: KeyID("key", incarnation),
		Time: record.FirstSecond + id.Feed, TimeNs: &id.Seq,
	}
	n := b.templates.All[b.templates.Of(id)].Pairs
	if n < 0 {
		return l
	}
	text := string(id.Text(nil))
	l.Contents = append(l.Contents, slsfake.Pair{Key: "id", Value: text})
	for i := range n {
		l.Contents = append(l.Contents, slsfake.Pair{Key: strconv.Itoa(i), Value: "v"})
	}
	l.Contents = append(l.Contents, slsfake.Pair{Key: "end", Value: text})
	return l
}

// full is a record of the chunk that has contents.
func (b *bench) full(c *store.Chunk) record.ID {
	id := record.ID{Feed: uint32(c.Feed.Number), Seq: c.From}
	for b.templates.All[b.templates.Of(id)].Pairs < 1 {
		id.Seq++
	}
	return id
}

// verdict concludes and returns what was found.
func (b *bench) verdict() (Summary, map[string]int, string) {
	s, causes := b.Conclude()
	return s, causes, strings.Join(b.failures.Texts(), "\n")
}

func TestAllIsWell(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, faults.Clear, c, c.From, c.To)
	b.Acked(c)
	s, causes, found := b.verdict()
	require.Equal(t, Summary{Sent: int(c.To), Stored: int(c.To)}, s, found)
	require.Empty(t, causes)
}

func TestLostRecordIsFound(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, faults.Clear, c, c.From, c.From+3)
	b.write(i, faults.Clear, c, c.From+4, c.To)
	s, _, found := b.verdict()
	require.Equal(t, Summary{Sent: int(c.To), Stored: int(c.To) - 1, Lost: 1, Failures: 1}, s)
	require.Contains(t, found, fmt.Sprintf("lost: 1 of the %d records", c.To-c.From))
	require.Contains(t, found, fmt.Sprintf("record 0.%d ", c.From+3))
}

func TestEarlyOKIsFoundAtOnce(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, faults.Clear, c, c.From, c.To-1)
	b.Acked(c)
	require.Equal(t, 1, b.failures.Count())
	b.write(i, faults.Clear, c, c.To-1, c.To) // too late
	s, _, found := b.verdict()
	require.Contains(t, found, "early OK: ")
	require.Zero(t, s.Lost)
	require.Equal(t, 1, s.Failures)
}

func TestDuplicates(t *testing.T) {
	type step func(b *bench, c *store.Chunk)
	write := func(incarnation int, o faults.Outcome) step {
		return func(b *bench, c *store.Chunk) { b.write(incarnation, o, c, c.From, c.To) }
	}
	ends := func(incarnation int, how string) step {
		return func(b *bench, _ *store.Chunk) { b.history.Dies(incarnation, how) }
	}
	ack := func(b *bench, c *store.Chunk) { b.Acked(c) }
	down := func(b *bench, _ *store.Chunk) { b.history.Down() }
	up := func(b *bench, _ *store.Chunk) { b.history.Up() }
	for _, d := range []struct {
		name   string
		steps  []step // incarnations 0 and 1 are of agent 0, 2 of agent 1
		causes []string
		bare   int
	}{
		{"without a cause", []step{write(0, faults.Clear), write(0, faults.Clear)}, nil, 1},
		{"reset after accepting", []step{write(0, faults.Reset), write(0, faults.Clear)}, []string{"reset after accepting"}, 0},
		{"only the last in doubt", []step{write(0, faults.Clear), write(0, faults.Reset)}, nil, 1},
		{"each in doubt", []step{write(0, faults.ServerError), write(0, faults.Late), write(0, faults.Clear)}, []string{"5xx after accepting", "answer after the time-out"}, 0},
		{"one too many", []step{write(0, faults.Reset), write(0, faults.Clear), write(0, faults.Clear)}, []string{"reset after accepting"}, 1},
		{"a kill between", []step{write(0, faults.Clear), ends(0, process.EndKill), write(1, faults.Clear)}, []string{process.EndKill}, 0},
		{"a kill after the acknowledgement", []step{write(0, faults.Clear), ack, ends(0, process.EndKill), write(1, faults.Clear)}, nil, 1},
		{"no end between", []step{write(0, faults.Clear), write(1, faults.Clear)}, nil, 1},
		{"of another host", []step{write(0, faults.Clear), ends(0, process.EndKill), write(2, faults.Clear)}, nil, 1},
		{"the killed one's arrives last", []step{ends(0, process.EndKill), write(1, faults.Clear), write(0, faults.Clear)}, []string{process.EndKill}, 0},
		{"a kill, and once more", []step{write(0, faults.Clear), ends(0, process.EndReload), write(1, faults.Clear), write(1, faults.Clear)}, []string{process.EndReload}, 1},
		{"network cut", []step{write(0, faults.Clear), down, up, write(0, faults.Clear)}, []string{"network cut"}, 0},
	} {
		t.Run(d.name, func(t *testing.T) {
			b := newBench(t)
			for _, agent := range []int{0, 0, 1} {
				b.incarnation(agent)
			}
			c := b.chunk()
			for _, s := range d.steps {
				s(b, c)
			}
			s, causes, found := b.verdict()
			n := int(c.To - c.From)
			want := map[string]int{}
			for _, cause := range d.causes {
				want[cause] += n
			}
			if d.bare > 0 {
				want["UNEXPLAINED"] = d.bare * n
			}
			require.Equal(t, want, causes, found)
			require.Equal(t, d.bare > 0, s.Failures > 0, found)
			require.Equal(t, (len(d.causes)+d.bare)*n, s.Duplicated)
			require.Equal(t, s.Sent+s.Duplicated, s.Stored)
			require.Equal(t, d.bare, strings.Count(found, "unexplained: "))
		})
	}
}

func TestAmbiguousRequestsAreCounted(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, faults.Reset, c, c.From, c.To)
	b.request(faults.Reset) // was never carried out
	s, _, _ := b.verdict()
	require.Equal(t, 1, s.ambiguous)
}

func TestAWriteAfterTheEndIsFound(t *testing.T) {
	for how, fine := range map[string]bool{process.EndKill: true, process.EndExit: false, process.EndReload: false} {
		b := newBench(t)
		c, i := b.chunk(), b.incarnation(0)
		b.history.Dies(i, how)
		b.history.incarnations[i].over = 1 // long ago
		b.history.begin = b.history.begin.Add(-2 * CutGrace)
		b.write(i, faults.Clear, c, c.From, c.To)
		_, _, found := b.verdict()
		require.Equal(t, fine, found == "", "%s: %s", how, found)
	}
}

// What is stored must be what was sent, where it was meant to go.
func TestWrongLogsAreFound(t *testing.T) {
	nine := uint32(9)
	for want, spoil := range map[string]func(l *slsfake.Log) (logstore string){
		"without nanoseconds": func(l *slsfake.Log) string { l.TimeNs = nil; return "a" },
		"never sent, time 42": func(l *slsfake.Log) string { l.Time, l.TimeNs = 42, &nine; return "a" },
		"belongs to a":        func(*slsfake.Log) string { return "b" },
		"contents instead of": func(l *slsfake.Log) string { l.Contents = l.Contents[1:]; return "a" },
		"is torn":             func(l *slsfake.Log) string { l.Contents[len(l.Contents)-1].Value = "9.9"; return "a" },
		"other contents than": func(l *slsfake.Log) string { l.Contents[1].Value = "V"; return "a" },
		"belong to nobody":    func(l *slsfake.Log) string { l.AccessKeyID = "host"; return "a" },
		"invalid syntax":      func(l *slsfake.Log) string { l.RequestID = "x"; return "a" },
	} {
		t.Run(want, func(t *testing.T) {
			b := newBench(t)
			c, i := b.chunk(), b.incarnation(0)
			b.write(i, faults.Clear, c, c.From, c.To)
			require.Zero(t, b.failures.Count())
			l := b.log(b.request(faults.Clear), i, b.full(c))
			b.take(spoil(&l), l)
			require.Len(t, b.failures.Texts(), 1)
			require.Contains(t, b.failures.Texts()[0], want)
		})
	}
}

// What the engine has dropped may be missing. What it has twice has to be stored twice.
func TestGivenUpAndEqualChunks(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	n := int(c.To - c.From)
	b.write(i, faults.Clear, c, c.From, c.From+3)
	b.GivenUp(c)
	s, _, found := b.verdict()
	require.Empty(t, found)
	require.Equal(t, Summary{Sent: int(c.From) + 3, Stored: int(c.From) + 3, GivenUp: n - 3}, s)

	b = newBench(t)
	b.Batter(0)
	c, i = b.chunk(), b.incarnation(0)
	twin := *c
	twin.Twin, twin.Number = c, c.Number+1
	b.Sent(&twin)
	b.write(i, faults.Clear, c, c.From, c.To)
	b.Acked(c)
	require.Zero(t, b.failures.Count())
	b.Acked(&twin)
	require.Contains(t, b.failures.Texts()[0], "early OK: ")
	s, _, found = b.verdict()
	require.Contains(t, found, "lost: ")
	require.Zero(t, s.Sent)
	require.Equal(t, n, s.Battered.Lost)
	require.Equal(t, int(c.From)+2*n, s.Battered.Sent)
}
