package consumer

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Every form of fallback_position, when the checkpoint points to what has expired.
// Records 1 to 8 come one an hour; 1 is committed, up to 4 has expired.
func TestFallbackPositions(t *testing.T) {
	for name, c := range map[string]struct {
		position func(begin time.Time) string
		want     []int
	}{
		"begin":    {func(time.Time) string { return "begin" }, []int{5, 6, 7, 8, 9}},
		"end":      {func(time.Time) string { return "end" }, []int{9}},
		"duration": {func(time.Time) string { return "90m" }, []int{7, 8, 9}},
		"unix":     {func(b time.Time) string { return strconv.FormatInt(b.Add(5*time.Hour).Unix(), 10) }, []int{6, 7, 8, 9}},
		"RFC 3339": {func(b time.Time) string { return b.Add(6 * time.Hour).Format(time.RFC3339) }, []int{7, 8, 9}},
		"with offset": {func(b time.Time) string {
			return b.Add(6 * time.Hour).In(time.FixedZone("", 8*3600)).Format(time.RFC3339)
		}, []int{7, 8, 9}},
		"expired too": {func(b time.Time) string { return strconv.FormatInt(b.Add(time.Hour).Unix(), 10) }, []int{5, 6, 7, 8, 9}},
		"to come":     {func(b time.Time) string { return b.Add(24 * time.Hour).Format(time.RFC3339) }, []int{9}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				begin := time.Now()
				r.put(0, 1)
				a := r.agent("a")
				collectFor(8, a)
				require.Equal(t, 1, r.committed(0))
				require.NoError(t, a.Stop(t.Context()))
				for i := 1; i < 8; i++ {
					advance(time.Until(begin.Add(time.Duration(i) * time.Hour)))
					r.put(0, 1)
				}
				require.NoError(t, r.srv.TrimShard(testProject, testLogstore, 0, r.srv.Shards(testProject, testLogstore)[0].Begin+4))
				// "90m" is 5 h 45 min after the beginning.
				advance(15 * time.Minute)
				b := r.agent("b", "fallback_position", c.position(begin))
				collectFor(5, b)
				r.put(0, 1)
				collectFor(5, b)
				require.Equal(t, c.want, ids(b.got))
				require.Equal(t, int64(1), b.Stats().Fallbacks)
			})
		})
	}
}

// Every form of start_position, with and without a group. Records 1 to 5 come one an
// hour, 6 after the start.
func TestStartPositionForms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		begin := time.Now()
		for range 5 {
			r.put(0, 1)
			advance(time.Hour)
		}
		last := 5
		for i, c := range []struct {
			position string
			from     int // the first record, 0 for what comes after the start
		}{
			{"begin", 1},
			{"BEGIN", 1},
			{"end", 0},
			{"0s", 0},
			{"0", 1},
			{"150m", 4},
			{"1000000h", 1},
			{begin.Add(3 * time.Hour).Format(time.RFC3339), 4},
			{begin.Add(3*time.Hour + 900*time.Millisecond).Format(time.RFC3339Nano), 4},
			{begin.Add(3 * time.Hour).In(time.FixedZone("", -5*3600)).Format(time.RFC3339), 4},
			{strconv.FormatInt(begin.Add(2*time.Hour).Unix(), 10), 3},
			{strconv.FormatInt(begin.Add(2*time.Hour).Unix()+1, 10), 4},
			{begin.Add(900 * time.Hour).Format(time.RFC3339), 0},
		} {
			for _, group := range []string{"none", "g" + strconv.Itoa(i)} {
				a := r.agent("a", "consumer_group", group, "start_position", c.position)
				advance(500 * time.Millisecond)
				r.put(0, 1)
				collectFor(2, a)
				want := numbers(c.from, 5)
				if c.from == 0 {
					want = nil
				}
				// What earlier rounds have written is from after 0 s and before the start.
				var got []int
				for _, id := range ids(a.got) {
					if id <= 5 {
						got = append(got, id)
					}
				}
				last++
				require.Equal(t, want, got, "%s %s", c.position, group)
				require.Equal(t, last, a.got[len(a.got)-1].ID, "%s %s", c.position, group)
				if c.from == 0 {
					require.Len(t, a.got, 1, "%s %s", c.position, group)
				}
				require.NoError(t, a.Stop(t.Context()))
			}
		}
	})
}
