package judge

import (
	"maps"
	"slices"

	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/slsfake"
)

// starts judges where the reading of old shards began, with start_position end. Old ones were
// there before the group. It notes these places: nobody has to deliver what lies before.
func (j *Judge) starts() {
	if !j.FromEnd {
		return
	}
	for _, shard := range slices.Sorted(maps.Keys(j.written.Old)) {
		first := uint32(0)
		for i, c := range j.commits[shard] {
			if i > 0 && !j.placed(&c) {
				break
			}
			first = j.written.Ordinal(shard, c.Number)
			if old := j.written.Old[shard]; first < old {
				j.failures.Addf("start: the reading of shard %d begins at its record %d, and %d were written before the group existed", shard, first, old)
			}
		}
		j.first[shard] = first
		j.written.EachGroup(shard, 0, first, func(g *source.WrittenGroup, _, to uint32) {
			j.next[g.Key] = max(j.next[g.Key], g.FirstSeq+to)
		})
	}
}

// placed tells whether c is the first checkpoint of an old shard that nobody has held yet.
// Whoever opens its parent may write that. The child of a merge has two parents, so it may
// come twice.
func (j *Judge) placed(c *slsfake.CheckpointWrite) bool {
	_, known := j.written.Old[c.Shard]
	return c.Force && known && j.FromEnd && j.holder(c.Shard, c.At).Consumer == ""
}
