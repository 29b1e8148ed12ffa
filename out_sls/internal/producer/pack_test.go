package producer

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackIDNumbersTheGroupsOfATag(t *testing.T) {
	run(t, "pack_id=on batch_count=10 concurrency=1", func(t *testing.T, b *bench) {
		for i, tag := range []string{"one", "two", "one"} {
			require.Equal(t, OK, b.Flush(t.Context(), tag, chunk(i*100, i*100+100, 10)))
		}
		form := regexp.MustCompile(`^[0-9A-F]{16}-[0-9A-F]+$`)
		prefixes := map[string]map[string]bool{}
		for _, l := range b.sls.Logs("pro", "logs") {
			id := l.Tags[packKey]
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

func TestPackSequencesAreBounded(t *testing.T) {
	var p packs
	for i := range 2 * maxPacks {
		p.id(p.prefix(fmt.Sprint(i)))
	}
	require.LessOrEqual(t, len(p.next), maxPacks)
}
