package delivery

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/sls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A full segment becomes a log group in the room behind its logs, without being
// copied. What has no such room, is sent as it is, or is more than one part is put
// together elsewhere. The group is the same.
func TestGroupIsCompletedInTheBufferOfItsSegment(t *testing.T) {
	for _, codec := range []sls.Codec{sls.LZ4, sls.ZSTD, sls.None} {
		for _, room := range []int{0, 10, 100} {
			t.Run(fmt.Sprint(codec, " ", room), func(t *testing.T) {
				d := New(Config{Codec: codec}, nil, report.NewLog(slog.New(slog.DiscardHandler)), report.NewMetrics(), nil)
				defer d.Cancel()
				logs := bytes.Repeat([]byte("\x0a\x08abcdefgh"), 50)
				s := &segment.Segment{Logs: append(make([]byte, 0, len(logs)+room), logs...), Count: 50, Outcome: memory.New().Begin("", nil).Add(50)}
				g := &logGroup{request: &schedule.Request{}, parts: partsOf(s)}
				g.request.To.Topic, g.request.To.Tags = "topic", "tags"
				fields := g.fields()
				require.Equal(t, "\x1a\x05topictags", string(fields))

				check := func(want string, inPlace bool) {
					t.Helper()
					body := d.body(g)
					want += string(fields)
					require.Equal(t, len(want), body.RawSize)
					raw, err := sls.Decompress(codec, nil, body.Data, body.RawSize)
					require.NoError(t, err)
					require.Equal(t, want, string(raw))
					behind := s.Logs[len(s.Logs):cap(s.Logs)]
					require.Equal(t, inPlace && codec != sls.None && room >= len(fields), bytes.HasPrefix(behind, fields))
					clear(behind)
					clear(body.Data) // it is another's before the segment is
					require.Equal(t, string(logs), string(s.Logs))
				}
				whole := g.parts[0]
				check(string(logs), true)
				first, second := whole.halve()
				for _, half := range []part{first, second} {
					g.parts = []part{half}
					check(string(half.body), false)
				}
				g.parts = []part{whole, whole} // as of two segments
				check(string(logs)+string(logs), false)
				rewritten := bytes.ToUpper(logs)
				g.parts = []part{{of: whole.of, body: rewritten, Range: whole.Range, rewritten: true}}
				check(string(rewritten), false)
			})
		}
	}
}
