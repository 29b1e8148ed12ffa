package sls

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// allocated is how many bytes fn and the servers in this process allocate.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// lists are the calls whose answer is a list, each with what an item looks like.
var lists = map[string]struct {
	item string
	call func(t *testing.T, l Logstore) (int, error)
}{
	"shards": {`{"shardID":1}`, func(t *testing.T, l Logstore) (int, error) {
		s, err := l.ListShards(t.Context())
		return len(s), err
	}},
	"shards without anything": {`{}`, func(t *testing.T, l Logstore) (int, error) {
		s, err := l.ListShards(t.Context())
		return len(s), err
	}},
	"heartbeat": {`1`, func(t *testing.T, l Logstore) (int, error) {
		s, err := l.Heartbeat(t.Context(), Member{"g", "c"}, nil)
		return len(s), err
	}},
	"checkpoints": {`{"shard":1}`, func(t *testing.T, l Logstore) (int, error) {
		s, err := l.Checkpoints(t.Context(), "g")
		return len(s), err
	}},
	"groups": {`{}`, func(t *testing.T, l Logstore) (int, error) {
		s, err := l.ListConsumerGroups(t.Context())
		return len(s), err
	}},
}

// Of a list that no logstore can have, the caller gets nothing, and does not pay for
// its items.
func TestListsAreBounded(t *testing.T) {
	for name, tc := range lists {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{maxListed + 1, maxJSONAnswer/(len(tc.item)+1) - 1} {
				body := "[" + strings.Repeat(tc.item+",", n-1) + tc.item + "]"
				l := newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l")
				took := allocated(func() {
					_, err := tc.call(t, l)
					require.ErrorIs(t, err, ErrBadAnswer)
					require.Equal(t, ClassRetry, ClassOf(err))
					require.Less(t, len(err.Error()), 1000)
				})
				require.Less(t, took, uint64(48<<20), "%d items in %d bytes", n, len(body))
			}
			body := "[" + strings.Repeat(tc.item+",", maxListed-1) + tc.item + "]"
			_, err := tc.call(t, newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l"))
			if tc.item != `{}` || name == "groups" {
				require.NoError(t, err)
			}
			for _, body := range []string{"[]", "null", " [ ] "} {
				n, err := tc.call(t, newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l"))
				require.NoError(t, err)
				require.Zero(t, n)
			}
			for _, body := range []string{"[] []", "[1", `{"0":1}`, `"x"`, "1", "true", "[[[[", "[\x00]"} {
				_, err := tc.call(t, newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l"))
				require.ErrorIs(t, err, ErrBadAnswer, body)
			}
		})
	}
}

// A shard that a heartbeat gives twice is one shard: two readers of it in one member
// would each deliver all of it.
func TestHeartbeatGivesAShardOnce(t *testing.T) {
	l := newClient(t, newRecorder(t, answerWith(200, `[3,1,3,0,1,3]`)).URL, nil).Logstore("p", "l")
	shards, err := l.Heartbeat(t.Context(), Member{"g", "c"}, nil)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 3}, shards)
}

// A time-out of centuries must not come out as a negative one, or as any other.
func TestAbsurdGroupTimeouts(t *testing.T) {
	for given, want := range map[int64]time.Duration{
		60: time.Minute, 0: 0, -5: 0, math.MinInt64: 0, 86400: 24 * time.Hour,
		86401: 24 * time.Hour, 1 << 34: 24 * time.Hour, math.MaxInt64: 24 * time.Hour,
	} {
		body := fmt.Sprintf(`[{"name":"g","timeout":%d}]`, given)
		groups, err := newClient(t, newRecorder(t, answerWith(200, body)).URL, nil).Logstore("p", "l").ListConsumerGroups(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, groups[0].Timeout, given)
	}
}

// pages answers a listing with what page says of an offset.
func pages(page func(offset int) []string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
		_ = json.NewEncoder(w).Encode(map[string]any{"total": math.MaxInt32, "logstores": page(offset)})
	}
}

// A listing ends whatever the server does.
func TestEndlessPaging(t *testing.T) {
	for name, tc := range map[string]struct {
		page        func(offset int) []string
		names, most int // requests
	}{
		"one name a page": {func(offset int) []string { return []string{fmt.Sprint("n", offset)} }, maxPages, maxPages},
		"always the same": {func(int) []string { return []string{"a", "b"} }, 2, 2},
		"names that are too long": {func(offset int) []string {
			return []string{strings.Repeat("x", 100_000) + fmt.Sprint(offset)}
		}, 0, 1},
		"300k names a page": {func(offset int) (names []string) {
			for i := range 300_000 {
				names = append(names, fmt.Sprint(offset+i))
			}
			return names
		}, maxLogstores, 1},
	} {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder(t, pages(tc.page))
			names, err := newClient(t, rec.URL, nil).ListLogstores(t.Context(), "proj")
			require.NoError(t, err)
			require.Len(t, names, tc.names)
			require.Len(t, rec.requests(), tc.most)
		})
	}
}

// FuzzJSONAnswers: of what a server calls a success, only lists and values come out
// that the callers can use as they are.
func FuzzJSONAnswers(f *testing.F) {
	for _, body := range []string{
		`[{"shardID":0,"status":"readonly","inclusiveBeginKey":"00","exclusiveEndKey":"ff","createTime":1}]`,
		`[3,1,3]`, `null`, `[{"name":"g","timeout":99999999999,"order":true}]`, `{"cursor":"MTI="}`, `{"cursor_time":-9223372036854775808}`,
		`[{"shard":1,"checkpoint":"x","updateTime":9223372036854775807,"consumer":"c"}]`, `{"logstores":["a","a",""],"total":-1}`, `[[[]]]`, `[{}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c := newClient(t, "http://sls.test", func(cfg *Config) { cfg.Transport = answering(body) })
		l := c.Logstore("proj", "store")
		shards, err := l.ListShards(t.Context())
		requireAnswer(t, err, len(shards))
		require.False(t, slices.ContainsFunc(shards, func(s Shard) bool { return s.ID < 0 }))
		held, err := l.Heartbeat(t.Context(), Member{"g", "c"}, nil)
		requireAnswer(t, err, len(held))
		require.True(t, slices.IsSorted(held) && len(slices.Compact(slices.Clone(held))) == len(held))
		require.False(t, len(held) > 0 && held[0] < 0)
		groups, err := l.ListConsumerGroups(t.Context())
		requireAnswer(t, err, len(groups))
		for _, g := range groups {
			require.True(t, g.Timeout >= 0 && g.Timeout <= maxGroupTimeout*time.Second)
		}
		points, err := l.Checkpoints(t.Context(), "g")
		requireAnswer(t, err, len(points))
		cursor, err := l.GetCursor(t.Context(), 0, "end")
		require.Equal(t, err == nil, checkCursor(cursor) == nil)
		_, err = l.GetCursorTime(t.Context(), 0, "MTI=")
		requireAnswer(t, err, 0)
		names, err := c.ListLogstores(t.Context(), "proj")
		requireAnswer(t, err, min(len(names), maxListed))
	})
}

func requireAnswer(t *testing.T, err error, n int) {
	t.Helper()
	require.LessOrEqual(t, n, maxListed)
	if err != nil {
		require.ErrorIs(t, err, ErrBadAnswer)
		require.Less(t, len(err.Error()), 2000)
	}
}
