package delivery

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/journal"
	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/out_sls/internal/sequence"
)

// A flush that finds that a segment was given up finds its number, too: it would send the
// logs under another one.
func TestNumberIsParkedBeforeItsSegmentIsGivenUp(t *testing.T) {
	j := journal.New(journal.Config{Folder: t.TempDir(), Name: "sls.0"}, slog.New(slog.DiscardHandler))
	defer j.Close()
	table := sequence.New(j)
	flush := memory.New(j).Begin("tag", []byte("records"))
	s := &segment.Segment{Count: 4, Outcome: flush.Add(4)}
	chunk, number := s.Outcome.Chunk()
	turn, err := table.Begin(sequence.Place{Logstore: "logs"}, chunk, number)
	require.NoError(t, err)
	n, err := turn.Next(journal.Span{Logs: 4}, journal.Rewrite{})
	require.NoError(t, err)
	n.Sending()
	m := &message{
		request: &schedule.Request{}, run: &run{number: n}, turn: turn,
		groups: []*logGroup{{parts: []part{{of: &progress{segment: s, open: 1}, Range: memory.Range{Count: 4}}}}},
	}
	s.Outcome.Hold(nil)
	require.False(t, m.giveUp(), "a flush waits")
	require.Zero(t, table.Stats().Parked)
	flush.Abandon(func(memory.Holder) bool { return true })
	require.True(t, m.giveUp())
	require.Equal(t, 1, table.Stats().Parked)
	turn.End()
	require.Equal(t, 1, table.Stats().Parked)
}
