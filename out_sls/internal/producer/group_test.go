package producer

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
)

// A full segment becomes a log group in the room behind its logs, without being
// copied. What has no such room, is sent as it is, or is more than one piece is put
// together elsewhere. The group is the same.
func TestGroupIsCompletedInTheBufferOfItsSegment(t *testing.T) {
	for _, codec := range []sls.Codec{sls.LZ4, sls.ZSTD, sls.None} {
		for _, room := range []int{0, 10, 100} {
			run(t, fmt.Sprintf("compress=%s", codec), func(t *testing.T, b *bench) {
				logs := bytes.Repeat([]byte("\x0a\x08abcdefgh"), 50)
				s := &segment{buf: append(make([]byte, 0, len(logs)+room), logs...), logs: 50}
				r := &request{queue: &queue{}, pieces: s.pieces()}
				r.queue.dest.Topic, r.queue.dest.Tags = "topic", "tags"
				fields := r.groupFields()
				require.Equal(t, "\x1a\x05topictags", string(fields))

				check := func(want string, inPlace bool) {
					t.Helper()
					body := b.body(r)
					want += string(fields)
					require.Equal(t, len(want), body.RawSize)
					raw, err := sls.Decompress(codec, nil, body.Data, body.RawSize)
					require.NoError(t, err)
					require.Equal(t, want, string(raw))
					behind := s.buf[len(s.buf):cap(s.buf)]
					require.Equal(t, inPlace && codec != sls.None && room >= len(fields), bytes.HasPrefix(behind, fields))
					clear(behind)
					clear(body.Data) // it is another's before the segment is
					require.Equal(t, string(logs), string(s.buf))
				}
				whole := r.pieces[0]
				check(string(logs), true)
				first, second := whole.halve()
				for _, half := range []piece{first, second} {
					r.pieces = []piece{half}
					check(string(half.body), false)
				}
				r.pieces = []piece{whole, whole} // as of two segments
				check(string(logs)+string(logs), false)
				rewritten := bytes.ToUpper(logs)
				r.pieces = []piece{{of: whole.of, body: rewritten, span: whole.span, rewritten: true}}
				check(string(rewritten), false)
			})
		}
	}
}
