package consumer

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// flood is an answer of a hostile server: groups of a few KB that become as large as they
// can.
type flood struct {
	list []byte
	body []byte
}

func newFlood(t *testing.T, groups ...*sdk.LogGroup) flood {
	t.Helper()
	var f flood
	for _, g := range groups {
		raw, err := proto.Marshal(g)
		require.NoError(t, err)
		f.list = appendGroup(f.list, raw)
	}
	f.body = compressed(f.list)
	return f
}

// padded is a log group of one log of size bytes, with a tag of tag bytes.
func padded(logs, size, tag int) *sdk.LogGroup {
	g := &sdk.LogGroup{}
	if tag > 0 {
		g.LogTags = append(g.LogTags, &sdk.LogTag{Key: proto.String("t"), Value: proto.String(strings.Repeat("x", tag))})
	}
	for i := range logs {
		g.Logs = append(g.Logs, &sdk.Log{Time: proto.Uint32(1), Contents: []*sdk.LogContent{
			{Key: proto.String("id"), Value: proto.String(strconv.Itoa(i))},
			{Key: proto.String("pad"), Value: proto.String(strings.Repeat("x", size))},
		}})
	}
	return g
}

// Whatever the answers to 64 shards are like, memory stays near memory_limit: with large
// groups, groups above what SLS takes, and small ones that become large as events.
func TestFloodStaysNearMemoryLimit(t *testing.T) {
	const shards, limit = 64, 100 << 20
	for name, one := range map[string]struct {
		answer  flood
		refused bool
		props   []string
	}{
		"a group of 10 MB":          {answer: newFlood(t, padded(1, 10<<20, 0))},
		"a group of 20 MB":          {answer: newFlood(t, padded(1, 20<<20, 0)), refused: true},
		"a group of 40 MB":          {answer: newFlood(t, padded(1, 40<<20, 0)), refused: true},
		"2 MB that become 100 MB":   {answer: newFlood(t, padded(10_000, 180, 10<<10)), props: []string{"include_meta", "on"}},
		"tags of 4 MB":              {answer: newFlood(t, padded(2, 10, 4<<20)), props: []string{"include_meta", "on"}},
		"16 groups of 1 MB":         {answer: newFlood(t, padded(1, 1<<20, 0), padded(1, 1<<20, 0), padded(1, 1<<20, 0), padded(1, 1<<20, 0))},
		"many small groups of 2 MB": {answer: newFlood(t, padded(50, 1000, 0), padded(50, 1000, 0), padded(2000, 1000, 0))},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, shards)
				var peak, calls atomic.Int64
				r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
					if calls.Add(1)%64 == 0 {
						peak.Store(max(peak.Load(), int64(inUse())))
					}
					n, err := sls.DecodeCursor(c.Cursor)
					require.NoError(t, err)
					c.Answer(http.StatusOK, pulled(slsfake.EncodeCursor(n+1), 1, len(one.answer.list)), one.answer.body)
				})
				before := inUse()
				a := r.agent("a", append([]string{"memory_limit", "100M"}, one.props...)...)
				got, buf := 0, []byte(nil)
				for range 30 {
					advance(200 * time.Millisecond) // the engine takes far more than memory_limit
					buf = a.Collect(buf[:0])
					got += len(buf)
				}
				peak.Store(max(peak.Load(), int64(inUse())))
				grown := int(peak.Load()) - before
				t.Logf("%d pulls, %d MiB handed over, peak %d MiB", calls.Load(), got>>20, grown>>20)
				require.Less(t, grown, 2*limit)
				if one.refused {
					require.Zero(t, got)
					require.Positive(t, a.log.count("answer too large"))
				} else {
					require.Greater(t, got, 20<<20)
				}
			})
		})
	}
}
