package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A record that names its logstore belongs there, and nowhere else, if that may be.
func TestNamedRecordsBelongWhereTheySay(t *testing.T) {
	b := newBench(t)
	i := b.incarnation(0)
	c, _ := b.feeds[namedFeed].take()
	for c.to-c.from < 100 {
		c, _ = b.feeds[namedFeed].take()
	}
	seen := map[string]bool{}
	for seq := c.from; seq < c.to; seq++ {
		id := recordID{namedFeed, seq}
		app := b.templates.all[b.templates.of(id)].app
		for _, store := range []string{"a", "home", "named-0", "named-1", "ghost-a", bornLate, notForYou} {
			want := store == "home"
			switch {
			case strings.HasPrefix(app, "named-"):
				want = store == app
			case app == bornLate:
				want = store == "home" || store == app
			}
			before := b.failures.count()
			b.take(store, b.log(b.request(outcomeClear), i, id))
			require.Equal(t, want, b.failures.count() == before, "a record that names %q in %s", app, store)
			seen[app] = true
		}
	}
	require.Greater(t, len(seen), 6)
	require.Positive(t, b.strays["ghost-a"])
	require.Positive(t, b.strays[notForYou])
	require.Zero(t, b.strays["named-0"])
}

// Records of another feed go where their section says, whatever they name.
func TestOtherFeedsIgnoreNames(t *testing.T) {
	b := newBench(t)
	c, i := b.chunk(), b.incarnation(0)
	b.write(i, outcomeClear, c, c.from, c.to)
	b.acked(c)
	_, _, found := b.verdict()
	require.Empty(t, found)
	require.Empty(t, b.strays)
}

// What is stored where nobody reads it is lost.
func TestRecordsInAStrangeLogstoreAreFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if strings.HasPrefix(c.Logstore, ghost) {
				c.Answer(200, nil, nil)
			}
		})
	})
	require.Contains(t, found, "early OK: ")
	require.Contains(t, found, "of feed 2 was acknowledged")
	require.Positive(t, s.lost)
}
