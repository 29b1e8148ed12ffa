package slsfake

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// How shards are shared out. On every heartbeat each member has a quota: the
// number of assignable shards divided by the number of members, the remainder
// going to those who have most, so that no shard moves without need. A member
// over its quota has its highest shards revoked; the one whose heartbeat it is
// takes free shards up to its own. Nobody is given a shard in absence: a grant
// nobody has been told of could not be told from one let go of. So members
// differ by one shard at most once each has sent the heartbeats it takes.

// assign rebalances g and returns the shards name may hold.
func (g *consumerGroup) assign(ls *logstore, name string, now time.Time) []int {
	open := g.assignable(ls)
	quota := g.quotas(len(open))
	for m := range g.members {
		g.revoke(m, open, quota[m])
	}
	held := []int{}
	for _, id := range g.leasesOf(name) {
		if !g.leases[id].revoked {
			held = append(held, id)
		}
	}
	for _, id := range open {
		if len(held) < quota[name] && g.leases[id] == nil {
			g.leases[id] = &lease{owner: name}
			g.grants = append(g.grants, Grant{Shard: id, Consumer: name, At: now})
			held = append(held, id)
		}
	}
	slices.Sort(held)
	return held
}

// quotas is how many of n shards each member should have.
func (g *consumerGroup) quotas(n int) map[string]int {
	names := slices.Collect(maps.Keys(g.members))
	has := map[string]int{}
	for _, l := range g.leases {
		has[l.owner]++
	}
	slices.SortFunc(names, func(a, b string) int {
		if has[a] != has[b] {
			return has[b] - has[a]
		}
		return strings.Compare(a, b)
	})
	quota := make(map[string]int, len(names))
	for i, name := range names {
		quota[name] = n / len(names)
		if i < n%len(names) {
			quota[name]++
		}
	}
	return quota
}

// revoke marks which of a member's leases it has to give up: those of shards
// that are not open any more, and the highest of those over its quota.
func (g *consumerGroup) revoke(name string, open []int, quota int) {
	kept := 0
	for _, id := range g.leasesOf(name) {
		_, isOpen := slices.BinarySearch(open, id)
		g.leases[id].revoked = !isOpen || kept >= quota
		if !g.leases[id].revoked {
			kept++
		}
	}
}

// assignable are the shards members may hold, by id: all but read-only ones
// the group has read to the end and, with order, those whose parents it has
// not.
func (g *consumerGroup) assignable(ls *logstore) []int {
	var ids []int
	for _, sh := range ls.shards {
		if !g.finished(ls, sh) && (!g.order || g.parentsFinished(ls, sh)) {
			ids = append(ids, sh.id)
		}
	}
	return ids
}

// finished reports whether the group has nothing left to read in a read-only
// shard: its checkpoint is at the end, or there is no checkpoint and no data.
// With order, a shard is not finished before its parents are.
func (g *consumerGroup) finished(ls *logstore, sh *shard) bool {
	if !sh.readOnly {
		return false
	}
	cp := g.checkpoints[sh.id]
	atEnd := cp == nil && len(sh.groups) == 0 || cp != nil && cp.Number >= sh.endNumber()
	return atEnd && (!g.order || g.parentsFinished(ls, sh))
}

func (g *consumerGroup) parentsFinished(ls *logstore, sh *shard) bool {
	for _, id := range sh.parents {
		if !g.finished(ls, ls.shards[id]) {
			return false
		}
	}
	return true
}
