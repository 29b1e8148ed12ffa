package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// bench is a checker of three feeds with an emulator and no plugin. The records of the
// third name their logstores.
type bench struct {
	*checker
	feeds    []*feed
	requests int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c := config{seed: 3, out: &bytes.Buffer{}}
	server := slsfake.New(slsfake.Config{})
	t.Cleanup(server.Close)
	server.CreateLogstore(project, "a", 1)
	server.CreateLogstore(project, "b", 1)
	b := &bench{}
	names := []string{"a", "b", "home"}
	b.checker = newChecker(server, newLedger(), newTemplates(&c), &failures{out: c.out}, names)
	for n, name := range names {
		b.feeds = append(b.feeds, newFeed(&c, n, name, b.checker))
	}
	return b
}

// chunk is a chunk of feed 0 with several records, and the first of its feed.
func (b *bench) chunk() *chunk {
	for {
		c, _ := b.feeds[0].take()
		if c.to-c.from > 10 {
			return c
		}
		b.feeds[0].settle(c)
		b.write(b.incarnation(0), outcomeClear, c, c.from, c.to)
	}
}

func (b *bench) incarnation(lane int) int { return b.ledger.born(lane) }

// write stores the records from..to-1 of a chunk, in a request with that outcome.
func (b *bench) write(incarnation int, o outcome, c *chunk, from, to uint32) {
	request := b.request(o)
	for seq := from; seq < to; seq++ {
		b.take(c.feed.logstore, b.log(request, incarnation, recordID{uint32(c.feed.number), seq}))
	}
}

// request is a new one in the ledger.
func (b *bench) request(o outcome) (id string) {
	b.requests++
	id = fmt.Sprintf("%024X", b.requests)
	if err := b.ledger.note(id, o, 0); err != nil {
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
func (b *bench) log(request string, incarnation int, id recordID) slsfake.Log {
	l := slsfake.Log{
		RequestID: request, Source: strconv.Itoa(incarnation),
		Time: firstSecond + id.feed, TimeNs: &id.seq,
	}
	n := b.templates.all[b.templates.of(id)].pairs
	if n < 0 {
		return l
	}
	text := string(id.text(nil))
	l.Contents = append(l.Contents, slsfake.Pair{Key: "id", Value: text})
	for i := range n {
		l.Contents = append(l.Contents, slsfake.Pair{Key: strconv.Itoa(i), Value: "v"})
	}
	l.Contents = append(l.Contents, slsfake.Pair{Key: "end", Value: text})
	return l
}

// full is a record of the chunk that has contents.
func (b *bench) full(c *chunk) recordID {
	id := recordID{uint32(c.feed.number), c.from}
	for b.templates.all[b.templates.of(id)].pairs < 1 {
		id.seq++
	}
	return id
}

// verdict concludes and returns what was found.
func (b *bench) verdict() (summary, map[string]int, string) {
	s, causes := b.conclude()
	return s, causes, strings.Join(b.failures.texts(), "\n")
}

func TestAllIsWell(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, outcomeClear, c, c.from, c.to)
	b.acked(c)
	s, causes, found := b.verdict()
	require.Equal(t, summary{sent: int(c.to), stored: int(c.to)}, s, found)
	require.Empty(t, causes)
}

func TestLostRecordIsFound(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, outcomeClear, c, c.from, c.from+3)
	b.write(i, outcomeClear, c, c.from+4, c.to)
	s, _, found := b.verdict()
	require.Equal(t, summary{sent: int(c.to), stored: int(c.to) - 1, lost: 1, failures: 1}, s)
	require.Contains(t, found, fmt.Sprintf("lost: 1 of the %d records", c.to-c.from))
	require.Contains(t, found, fmt.Sprintf("record 0.%d ", c.from+3))
}

func TestEarlyOKIsFoundAtOnce(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, outcomeClear, c, c.from, c.to-1)
	b.acked(c)
	require.Equal(t, 1, b.failures.count())
	b.write(i, outcomeClear, c, c.to-1, c.to) // too late
	s, _, found := b.verdict()
	require.Contains(t, found, "early OK: ")
	require.Zero(t, s.lost)
	require.Equal(t, 1, s.failures)
}

func TestDuplicates(t *testing.T) {
	type step func(b *bench, c *chunk)
	write := func(incarnation int, o outcome) step {
		return func(b *bench, c *chunk) { b.write(incarnation, o, c, c.from, c.to) }
	}
	ends := func(incarnation int, how string) step {
		return func(b *bench, _ *chunk) { b.ledger.dies(incarnation, how) }
	}
	ack := func(b *bench, c *chunk) { b.acked(c) }
	down := func(b *bench, _ *chunk) { b.ledger.down() }
	up := func(b *bench, _ *chunk) { b.ledger.up() }
	for _, d := range []struct {
		name   string
		steps  []step // incarnations 0 and 1 are of lane 0, 2 of lane 1
		causes []string
		bare   int
	}{
		{"without a cause", []step{write(0, outcomeClear), write(0, outcomeClear)}, nil, 1},
		{"reset after accepting", []step{write(0, outcomeReset), write(0, outcomeClear)}, []string{"reset after accepting"}, 0},
		{"only the last in doubt", []step{write(0, outcomeClear), write(0, outcomeReset)}, nil, 1},
		{"each in doubt", []step{write(0, outcomeGateway), write(0, outcomeLate), write(0, outcomeClear)}, []string{"5xx after accepting", "answer after the time-out"}, 0},
		{"one too many", []step{write(0, outcomeReset), write(0, outcomeClear), write(0, outcomeClear)}, []string{"reset after accepting"}, 1},
		{"a kill between", []step{write(0, outcomeClear), ends(0, endKill), write(1, outcomeClear)}, []string{endKill}, 0},
		{"a kill after the acknowledgement", []step{write(0, outcomeClear), ack, ends(0, endKill), write(1, outcomeClear)}, nil, 1},
		{"no end between", []step{write(0, outcomeClear), write(1, outcomeClear)}, nil, 1},
		{"of another host", []step{write(0, outcomeClear), ends(0, endKill), write(2, outcomeClear)}, nil, 1},
		{"the killed one's arrives last", []step{ends(0, endKill), write(1, outcomeClear), write(0, outcomeClear)}, []string{endKill}, 0},
		{"a kill, and once more", []step{write(0, outcomeClear), ends(0, endReload), write(1, outcomeClear), write(1, outcomeClear)}, []string{endReload}, 1},
		{"network cut", []step{write(0, outcomeClear), down, up, write(0, outcomeClear)}, []string{"network cut"}, 0},
	} {
		t.Run(d.name, func(t *testing.T) {
			b := newBench(t)
			for _, lane := range []int{0, 0, 1} {
				b.incarnation(lane)
			}
			c := b.chunk()
			for _, s := range d.steps {
				s(b, c)
			}
			s, causes, found := b.verdict()
			n := int(c.to - c.from)
			want := map[string]int{}
			for _, cause := range d.causes {
				want[cause] += n
			}
			if d.bare > 0 {
				want["UNEXPLAINED"] = d.bare * n
			}
			require.Equal(t, want, causes, found)
			require.Equal(t, d.bare > 0, s.failures > 0, found)
			require.Equal(t, (len(d.causes)+d.bare)*n, s.duplicated)
			require.Equal(t, s.sent+s.duplicated, s.stored)
			require.Equal(t, d.bare, strings.Count(found, "unexplained: "))
		})
	}
}

func TestAmbiguousRequestsAreCounted(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, outcomeReset, c, c.from, c.to)
	b.request(outcomeReset) // was never carried out
	s, _, _ := b.verdict()
	require.Equal(t, 1, s.ambiguous)
}

func TestAWriteAfterTheEndIsFound(t *testing.T) {
	for how, fine := range map[string]bool{endKill: true, endExit: false, endReload: false} {
		b := newBench(t)
		c, i := b.chunk(), b.incarnation(0)
		b.ledger.dies(i, how)
		b.ledger.incarnations[i].over = 1 // long ago
		b.ledger.begin = b.ledger.begin.Add(-2 * cutGrace)
		b.write(i, outcomeClear, c, c.from, c.to)
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
		"belong to nobody":    func(l *slsfake.Log) string { l.Source = "host"; return "a" },
		"invalid syntax":      func(l *slsfake.Log) string { l.RequestID = "x"; return "a" },
	} {
		t.Run(want, func(t *testing.T) {
			b := newBench(t)
			c, i := b.chunk(), b.incarnation(0)
			b.write(i, outcomeClear, c, c.from, c.to)
			require.Zero(t, b.failures.count())
			l := b.log(b.request(outcomeClear), i, b.full(c))
			b.take(spoil(&l), l)
			require.Len(t, b.failures.texts(), 1)
			require.Contains(t, b.failures.texts()[0], want)
		})
	}
}
