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
	"fluent-bit-sls/shared/buffer"
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
				d := New(Config{Codec: codec}, nil, &buffer.Pool{}, report.NewLog(slog.New(slog.DiscardHandler)), report.NewMetrics(), nil)
				defer d.Cancel()
				logs := bytes.Repeat([]byte("\x0a\x08abcdefgh"), 50)
				s := &segment.Segment{Logs: append(make([]byte, 0, len(logs)+room), logs...), Count: 50, Outcome: memory.New(nil).Begin("", nil).Add(50)}
				g := &logGroup{parts: partsOf(s)}
				g.to.Topic, g.to.Tags = "topic", "tags"
				m := &message{request: &schedule.Request{}, groups: []*logGroup{g}}
				fields := g.fields()
				require.Equal(t, "\x1a\x05topictags", string(fields))

				check := func(want string, inPlace bool) {
					t.Helper()
					body := d.body(m)
					want += string(fields)
					require.Equal(t, len(want), body.RawSize)
					raw, err := sls.Decompress(codec, nil, body.Data, body.RawSize)
					require.NoError(t, err)
					require.Equal(t, want, string(raw))
					behind := s.Logs[len(s.Logs):cap(s.Logs)]
					require.Equal(t, inPlace && room >= len(fields), bytes.HasPrefix(behind, fields))
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

// A batch is one package for each group, in order, which the server reads alone.
func TestBatchIsAPackageForEachGroup(t *testing.T) {
	for _, codec := range []sls.Codec{sls.LZ4, sls.ZSTD, sls.None} {
		t.Run(string(codec), func(t *testing.T) {
			d := New(Config{Codec: codec}, nil, &buffer.Pool{}, report.NewLog(slog.New(slog.DiscardHandler)), report.NewMetrics(), nil)
			defer d.Cancel()
			flush := memory.New(nil).Begin("", nil)
			m := &message{request: &schedule.Request{}}
			var want []byte
			size := 0
			for i := range 20 {
				logs := bytes.Repeat([]byte("\x0a\x08abcdefgh"), 1+i*i)
				s := &segment.Segment{Logs: logs, Count: 1 + i*i, Outcome: flush.Add(1 + i*i)}
				g := &logGroup{parts: partsOf(s)}
				g.to.Topic = fmt.Sprint("topic ", i)
				if i%3 == 0 {
					g.parts = append(g.parts, g.parts...)
				}
				m.groups = append(m.groups, g)
				raw := append(bytes.Repeat(logs, len(g.parts)), g.fields()...)
				size += len(raw)
				want = sls.AppendPackage(want, codec, raw)
			}
			body := d.body(m)
			require.Equal(t, size, body.RawSize)
			if codec == sls.LZ4 { // whose bytes are not the same every time
				require.InDelta(t, len(want), len(body.Data), float64(len(want))/10)
			} else {
				require.Equal(t, want, body.Data)
			}
			require.LessOrEqual(t, cap(body.Data), 2*max(len(body.Data), 4<<10), "what waits for its answer has no room to spare")
		})
	}
}

// What a batch costs does not grow with its records, and not by a buffer with each group.
func TestBatchIsBuiltInPooledBuffers(t *testing.T) {
	d := New(Config{Codec: sls.LZ4}, nil, &buffer.Pool{}, report.NewLog(slog.New(slog.DiscardHandler)), report.NewMetrics(), nil)
	defer d.Cancel()
	flush := memory.New(nil).Begin("", nil)
	m := &message{request: &schedule.Request{}}
	for range 100 {
		s := &segment.Segment{Logs: bytes.Repeat([]byte("\x0a\x08abcdefgh"), 500), Count: 500, Outcome: flush.Add(500)}
		m.groups = append(m.groups, &logGroup{parts: partsOf(s)})
	}
	perGroup := testing.AllocsPerRun(20, func() {
		body := d.body(m)
		d.buffers.Put(body.Data)
	}) / 100
	require.LessOrEqual(t, perGroup, 3.0)
}
