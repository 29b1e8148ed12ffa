package judge

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/output/record"
)

// A record that names its logstore belongs there, and nowhere else, if that may be.
func TestNamedRecordsBelongWhereTheySay(t *testing.T) {
	b := newBench(t)
	i := b.incarnation(0)
	c, _ := b.feeds[record.NamedFeed].Take()
	for c.To-c.From < 100 {
		c, _ = b.feeds[record.NamedFeed].Take()
	}
	seen := map[string]bool{}
	for seq := c.From; seq < c.To; seq++ {
		id := record.ID{Feed: record.NamedFeed, Seq: seq}
		app := b.templates.All[b.templates.Of(id)].App
		for _, store := range []string{"a", "home", "named-0", "named-1", "ghost-a", record.CreatedLate, record.NotAllowed} {
			want := store == "home"
			switch {
			case strings.HasPrefix(app, "named-"):
				want = store == app
			case app == record.CreatedLate:
				want = store == "home" || store == app
			}
			before := b.failures.Count()
			b.take(store, b.log(b.request(faults.Clear), i, id))
			require.Equal(t, want, b.failures.Count() == before, "a record that names %q in %s", app, store)
			seen[app] = true
		}
	}
	require.Greater(t, len(seen), 6)
	require.Positive(t, b.Fallbacks["ghost-a"])
	require.Positive(t, b.Fallbacks[record.NotAllowed])
	require.Zero(t, b.Fallbacks["named-0"])
}

// Records of another feed go where their section says, whatever they name.
func TestOtherFeedsIgnoreNames(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, faults.Clear, c, c.From, c.To)
	b.Acked(c)
	_, _, found := b.verdict()
	require.Empty(t, found)
	require.Empty(t, b.Fallbacks)
}
