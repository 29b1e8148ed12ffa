package producer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/segment"
)

func TestPackIDNumbersTheGroupsOfATag(t *testing.T) {
	run(t, "pack_id=on batch_count=10 concurrency=1", func(t *testing.T, b *bench) {
		for i, tag := range []string{"one", "two", "one"} {
			require.Equal(t, OK, b.Flush(t.Context(), tag, chunk(i*100, i*100+100, 10)))
		}
		form := regexp.MustCompile(`^[0-9A-F]{16}-[0-9A-F]+$`)
		prefixes := map[string]map[string]bool{}
		for _, l := range b.sls.Logs("pro", "logs") {
			id := l.Tags[segment.PackIDKey]
			require.Regexp(t, form, id)
			require.Equal(t, "test", l.Tags["env"])
			if prefixes[id[:16]] == nil {
				prefixes[id[:16]] = map[string]bool{}
			}
			prefixes[id[:16]][id] = true
		}
		require.Len(t, prefixes, 2, "one sequence a tag")
		seen := 0
		for prefix, ids := range prefixes {
			for i := range len(ids) {
				require.True(t, ids[fmt.Sprintf("%s-%X", prefix, i)])
			}
			seen += len(ids)
		}
		require.Equal(t, 30, seen)
	})
}

// The numbers are in the order of the records, however many requests are under way.
func TestPackIDsFollowTheOrder(t *testing.T) {
	run(t, "pack_id=on batch_bytes=16k", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(chunk(0, 4000, 1000)))
		first := map[int]int{} // record of a group, by its number
		most := 0
		for _, l := range b.sls.Logs("pro", "logs") {
			number, err := strconv.ParseInt(l.Tags[segment.PackIDKey][17:], 16, 32)
			require.NoError(t, err)
			if l.Index == 0 {
				first[int(number)], err = strconv.Atoi(l.Contents[0].Value)
				require.NoError(t, err)
				most = max(most, int(number))
			}
		}
		require.Len(t, first, most+1, "no number twice, none left out")
		for number := range most {
			require.Less(t, first[number], first[number+1], number)
		}
	})
}

// A request that is taken apart is groups of their own, each with a number of its own.
func TestPackIDsOfARequestTakenApart(t *testing.T) {
	run(t, "pack_id=on batch_bytes=5M", func(t *testing.T, b *bench) {
		require.Equal(t, Error, b.flush(slices.Concat(chunk(0, 50, 10), event(50, 1<<20+1), chunk(51, 100, 10))))
		seen := map[string]bool{}
		for _, l := range b.sls.Logs("pro", "logs") {
			if l.Index == 0 {
				require.False(t, seen[l.Tags[segment.PackIDKey]])
				seen[l.Tags[segment.PackIDKey]] = true
			}
		}
		require.Greater(t, len(seen), 3)
	})
}

// What was numbered where it comes from keeps its number, so that its context is the
// one that it had.
func TestRestoredPackIDIsKept(t *testing.T) {
	run(t, "pack_id=on restore_meta=record", func(t *testing.T, b *bench) {
		now := eventTime(1_700_000_000, 0)
		c := slices.Concat(
			at(now, record(str("n"), str("numbered"), str("__tag__:"+segment.PackIDKey), str("0123456789ABCDEF-7"))),
			at(now, record(str("n"), str("tagged"), str("__tag__:env"), str("prod"))),
			at(now, record(str("n"), str("plain"))),
		)
		require.Equal(t, OK, b.flush(c))
		ids := map[string]string{}
		for _, l := range b.sls.Logs("pro", "logs") {
			ids[l.Contents[0].Value] = l.Tags[segment.PackIDKey]
			require.LessOrEqual(t, len(l.Tags), 2)
		}
		require.Equal(t, "0123456789ABCDEF-7", ids["numbered"])
		require.Regexp(t, `^[0-9A-F]{16}-[01]$`, ids["tagged"])
		require.Regexp(t, `^[0-9A-F]{16}-[01]$`, ids["plain"])
	})
	run(t, "pack_id=on restore_meta=record", func(t *testing.T, b *bench) {
		c := at(eventTime(1, 0), record(str("n"), str("x"), str("__tag__:"+segment.PackIDKey), str("0123456789ABCDEF-7")))
		require.Equal(t, OK, b.flush(c))
		for g := range b.sls.Groups("pro", "logs") {
			require.Equal(t, 1, strings.Count(string(g.Data), segment.PackIDKey), "one number, not two")
		}
	})
}
