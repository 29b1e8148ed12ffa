package loggroup

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// inParts decodes a group as a caller with little room does, and returns the size of
// the largest part.
func inParts(t *testing.T, d *Decoder, group []byte) (out []byte, events, largest int, err error) {
	t.Helper()
	for {
		before := len(out)
		var n int
		out, n, err = d.AppendEvents(out, group)
		events += n
		largest = max(largest, len(out)-before)
		if !errors.Is(err, ErrMore) {
			return out, events, largest, err
		}
		require.GreaterOrEqual(t, len(out)-before, d.Most)
		require.Positive(t, n)
	}
}

// A small group that becomes gigabytes, because its tags go to each of its logs, is
// decoded in parts; together they are what it is without them.
func TestDecoderInParts(t *testing.T) {
	group := pb(0x32, pb(0x0a, []byte("tag"), 0x12, []byte(strings.Repeat("x", 10_000))), 0x1a, []byte("topic"))
	for range 200 {
		group = append(group, logField(0x08, 1, string(content("k", "v")))...)
	}
	for _, format := range []Format{FormatFlat, FormatJSON, FormatRaw} {
		for _, position := range []*Position{nil, {Project: "p", Logstore: "l", Shard: 7}} {
			decoder := func(most int) *Decoder {
				d := &Decoder{IncludeMeta: true, Format: format, Position: position, Most: most}
				d.SetCursor(12)
				return d
			}
			want, n, err := decoder(0).AppendEvents(nil, group)
			require.NoError(t, err)
			require.Equal(t, 200, n)
			require.Greater(t, len(want), 2_000_000)
			for _, most := range []int{1, 9_999, 10_200, 500_000, len(want) - 1, len(want), 1 << 30} {
				d := decoder(most)
				got, n, largest, err := inParts(t, d, group)
				require.NoError(t, err)
				require.Equal(t, 200, n)
				require.True(t, string(want) == string(got), "most %d", most)
				require.Less(t, largest, most+11_000, "an event more at most")
				// The next group is another one.
				again, _, _, err := inParts(t, d, group)
				require.NoError(t, err)
				require.Equal(t, position == nil, string(want) == string(again), "__id__ has the next cursor")
			}
		}
	}
}

// FuzzDecoderParts: however small the parts, together they are the whole, and end with
// the same error.
func FuzzDecoderParts(f *testing.F) {
	for _, group := range decodable() {
		if len(group) < 10_000 {
			f.Add(group, uint16(1), byte(0))
			f.Add(group, uint16(100), byte(7))
		}
	}
	f.Fuzz(func(t *testing.T, group []byte, most uint16, opts byte) {
		decoder := func(most int) *Decoder {
			d := &Decoder{IncludeMeta: opts&1 > 0, InMetadata: opts&2 > 0, Most: most}
			if opts&4 > 0 {
				d.Position = &Position{Project: "p", Logstore: "l"}
				d.SetCursor(3)
			}
			if opts&8 > 0 {
				d.Format = FormatRaw
			}
			return d
		}
		want, n, wantErr := decoder(0).AppendEvents(nil, group)
		got, events, _, err := inParts(t, decoder(max(int(most), 1)), group)
		require.Equal(t, string(want), string(got))
		require.Equal(t, n, events)
		require.Equal(t, wantErr, err)
	})
}
