package sequence

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/out_sls/internal/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	here = Place{Project: "pro", Logstore: "logs"}
	all  = journal.Span{Logs: 4}
)

func newTable(t *testing.T) (*Table, *journal.Journal) {
	t.Helper()
	j := journal.New(journal.Config{Folder: t.TempDir(), Name: "sls.0"}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = j.Close() })
	return New(j), j
}

// chunk is a chunk in memory.
func chunk(j *journal.Journal, content string) *journal.Chunk {
	return j.Begin(journal.Identify("tag", []byte(content)), []byte(content), nil)
}

func begin(t *testing.T, table *Table, c *journal.Chunk) *Turn {
	t.Helper()
	turn, err := table.Begin(here, c, 0)
	require.NoError(t, err)
	return turn
}

func next(t *testing.T, turn *Turn) *Number {
	t.Helper()
	n, err := turn.Next(all, journal.Rewrite{})
	require.NoError(t, err)
	return n
}

// What an answer proves goes by the tries before it.
func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		name    string
		answers []Proof
		want    Fate
	}{
		{"accepted", []Proof{Accepted}, Delivered},
		{"had on a first try", []Proof{Had}, Over},
		{"had after none came", []Proof{Unclear, Had}, Delivered},
		{"had after it was not sent", []Proof{Unsent, Had}, Over},
		{"refused", []Proof{Refused}, Over},
		{"refused after none came", []Proof{Unclear, Refused}, Open},
		{"had after none came and a refusal", []Proof{Unclear, Refused, Had}, Delivered},
		{"accepted after none came", []Proof{Unclear, Accepted}, Delivered},
		{"not sent", []Proof{Unsent}, Open},
		{"not sent after none came", []Proof{Unclear, Unsent, Had}, Delivered},
		{"refused after it was not sent", []Proof{Unsent, Refused}, Over},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, j := newTable(t)
			turn := begin(t, table, chunk(j, "a"))
			n := next(t, turn)
			got := Open
			for i, p := range c.answers {
				require.Equal(t, Open, got, i)
				n.Sending()
				got = n.Answered(p)
			}
			require.Equal(t, c.want, got)
			require.Equal(t, got != Open, n.IsOver())
			turn.End()
		})
	}
}

// Nothing is numbered above an open number, and its key stays its own.
func TestOpenNumberHasItsKeyForItself(t *testing.T) {
	table, j := newTable(t)
	turn := begin(t, table, chunk(j, "a"))
	n := next(t, turn)
	n.Sending()
	n.Answered(Unclear)
	_, err := turn.Next(all, journal.Rewrite{})
	require.ErrorIs(t, err, errOpen)
	turn.End()
	turn.End() // once
	require.Equal(t, 1, table.Stats().Parked)
	for range 2 * slots {
		other := begin(t, table, chunk(j, "b"))
		m := next(t, other)
		require.NotEqual(t, n.Key, m.Key)
		m.Sending()
		require.Equal(t, Delivered, m.Answered(Accepted))
		other.End()
	}
	back := begin(t, table, chunk(j, "a"))
	require.Len(t, back.Parked(), 1)
	require.Equal(t, n.Number, back.Parked()[0].Number)
	require.Zero(t, table.Stats().Parked)
	back.Parked()[0].Sending()
	require.Equal(t, Delivered, back.Parked()[0].Answered(Had), "its earlier try had no answer")
	back.End()
	require.Zero(t, table.Stats().Parked)
}

// A number that was never sent is over with its turn.
func TestUnsentNumberIsNotParked(t *testing.T) {
	table, j := newTable(t)
	turn := begin(t, table, chunk(j, "a"))
	n := next(t, turn)
	n.Sending()
	require.Equal(t, Open, n.Answered(Unsent))
	turn.End()
	require.Zero(t, table.Stats().Parked)
}

func TestSlots(t *testing.T) {
	table, j := newTable(t)
	c := chunk(j, "a")
	turns := map[byte]*Turn{}
	for range slots {
		turn := begin(t, table, c)
		turns[turn.slot.key[0]>>4] = turn
	}
	require.Len(t, turns, slots, "one for each share of the hash space")
	_, err := table.Begin(here, c, 0)
	require.ErrorIs(t, err, errBusy)
	turns[3].End()
	require.Equal(t, turns[3].slot, begin(t, table, c).slot)
	_, err = table.Begin(Place{Project: "pro", Logstore: "other"}, c, 0)
	require.NoError(t, err)

	bucket := Place{Project: "pro", Logstore: "logs", HashKey: "c0000000000000000000000000000000"}
	require.Equal(t, "c0000000", bucket.key(5).String()[:8])
	require.NotEqual(t, bucket.key(5), bucket.key(5))
}

// Records can name any number of logstores.
func TestPlacesAreBounded(t *testing.T) {
	table, j := newTable(t)
	c := chunk(j, "a")
	busy := begin(t, table, c)
	for i := range 3 * maxPlaces {
		turn, err := table.Begin(Place{Logstore: fmt.Sprint(i)}, c, 0)
		require.NoError(t, err)
		turn.End()
		require.LessOrEqual(t, len(table.places), maxPlaces)
	}
	require.Contains(t, table.places, here)
	busy.End()
}

// So many are parked, without age; the oldest is given up.
func TestParkedNumbersAreBounded(t *testing.T) {
	table, j := newTable(t)
	for i := range journal.MaxNumbers + 5 {
		turn := begin(t, table, chunk(j, fmt.Sprint(i)))
		n := next(t, turn)
		n.Sending()
		turn.End()
	}
	require.Equal(t, Stats{Parked: journal.MaxNumbers, Forgotten: 5}, table.Stats())
	gone := begin(t, table, chunk(j, "4"))
	require.Empty(t, gone.Parked())
	gone.End()
	kept := begin(t, table, chunk(j, "5"))
	require.Len(t, kept.Parked(), 1)
	kept.End()
}

// A logstore's number is of no use in another one, where a template's records go by default.
func TestNumberStaysWithItsLogstore(t *testing.T) {
	table, j := newTable(t)
	turn := begin(t, table, chunk(j, "a"))
	n := next(t, turn)
	n.Sending()
	turn.End()
	other, err := table.Begin(Place{Project: "pro", Logstore: "other"}, chunk(j, "a"), 0)
	require.NoError(t, err)
	require.Empty(t, other.Parked())
	require.Equal(t, Stats{Forgotten: 1}, table.Stats())
	other.End()
}

// server is SLS as the public page has it: a number not above the last of its key is
// refused. What it answers may get lost, and what it refuses it may record.
type server struct {
	random *rand.Rand
	last   map[journal.Key]uint64
	stored map[string]int
}

// write is one try. late are writes that hang in the network and arrive later.
func (s *server) write(n *Number, what string, late *[]func()) Proof {
	arrive := func() bool {
		if n.Number.Number <= s.last[n.Key] {
			return false
		}
		s.last[n.Key] = n.Number.Number
		s.stored[what]++
		return true
	}
	switch s.random.IntN(8) {
	case 0:
		return Unclear // it never arrives
	case 1:
		key, number := n.Key, n.Number.Number
		*late = append(*late, func() {
			if number > s.last[key] {
				s.last[key] = number
				s.stored[what]++
			}
		})
		return Unclear
	case 2:
		arrive()
		return Unclear
	case 3:
		return Refused // throttled
	case 4:
		if n.Number.Number > s.last[n.Key] && !n.before { // refused, and recorded all the same
			s.last[n.Key] = n.Number.Number
		}
		return Refused
	case 5:
		return Unsent
	}
	if arrive() {
		return Accepted
	}
	return Had
}

// Whatever the network does, each segment is stored once: at once, or when it comes back.
func TestEachSegmentIsStoredOnce(t *testing.T) {
	for seed := range uint64(200) {
		table, j := newTable(t)
		s := &server{rand.New(rand.NewPCG(seed, 1)), map[journal.Key]uint64{}, map[string]int{}}
		var open []string
		var late []func()
		for i := range 60 {
			open = append(open, fmt.Sprint("chunk ", i))
		}
		for len(open) > 0 {
			at := s.random.IntN(min(len(open), 20))
			what := open[at]
			if len(late) > 0 && s.random.IntN(3) == 0 {
				late[0]()
				late = late[1:]
			}
			if sendOnce(t, table, chunk(j, what), s, what, &late) {
				open = append(open[:at], open[at+1:]...)
				require.Equal(t, 1, s.stored[what], "seed %d: told that %s is stored", seed, what)
			}
		}
		for _, arrive := range late {
			arrive()
		}
		for i := range 60 {
			require.Equal(t, 1, s.stored[fmt.Sprint("chunk ", i)], "seed %d: chunk %d", seed, i)
		}
		require.Zero(t, table.Stats().Parked)
	}
}

// sendOnce is a flush: some tries, then it gives up.
func sendOnce(t *testing.T, table *Table, c *journal.Chunk, s *server, what string, late *[]func()) bool {
	turn := begin(t, table, c)
	defer turn.End()
	var n *Number
	if len(turn.Parked()) > 0 {
		n = turn.Parked()[0]
	}
	for range s.random.IntN(4) {
		if n == nil {
			n = next(t, turn)
		}
		n.Sending()
		switch n.Answered(s.write(n, what, late)) {
		case Delivered:
			return true
		case Over:
			n = nil
		case Open:
		}
	}
	return false
}
