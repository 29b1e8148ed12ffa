package shard

import (
	"slices"
	"time"

	"fluent-bit-sls/shared/sls"
)

// What the lists of shards and checkpoints say. A parent of a shard is a shard that was split
// or merged into it, directly or by way of others. The shard is then a child of that one.

// madeSince reports whether a shard is known to be younger than the group: a checkpoint of
// the group was written before the shard was made. Both times are the server's.
func madeSince(made sls.Shard, checkpoints []sls.Checkpoint) bool {
	created := time.Unix(made.CreateTime, 0)
	return slices.ContainsFunc(checkpoints, func(c sls.Checkpoint) bool {
		return c.Cursor != "" && !c.UpdateTime.IsZero() && c.UpdateTime.Before(created)
	})
}

// hasOpenParent reports whether the group has begun to read a parent of the shard.
func hasOpenParent(child sls.Shard, shards []sls.Shard, checkpoints []sls.Checkpoint) bool {
	return !ParentsOver(child, shards, func(id int) bool { return CheckpointOf(checkpoints, id) == "" })
}

// HasParent reports whether a parent of the shard is in the list.
func HasParent(child sls.Shard, shards []sls.Shard) bool {
	return !ParentsOver(child, shards, func(int) bool { return false })
}

// ParentsOver reports whether over holds for every parent of the shard in the list.
func ParentsOver(child sls.Shard, shards []sls.Shard, over func(id int) bool) bool {
	for _, s := range shards {
		if isParent(s, child) && !over(s.ID) {
			return false
		}
	}
	return true
}

// isParent reports whether a shard was split or merged into another: records of a key that
// both have were written to the parent first. A parent is read-only, has a lower id and an
// overlapping range of keys.
func isParent(s, child sls.Shard) bool {
	return s.ReadOnly && s.ID < child.ID && s.BeginKey < child.EndKey && child.BeginKey < s.EndKey
}

// childrenOf are the children of a shard in the list, the youngest first.
func childrenOf(shard int, shards []sls.Shard) []sls.Shard {
	parent, _ := Find(shards, shard)
	var children []sls.Shard
	for _, s := range shards {
		if isParent(parent, s) {
			children = append(children, s)
		}
	}
	slices.SortFunc(children, func(a, b sls.Shard) int { return b.ID - a.ID })
	return children
}

// Find returns the shard of a list.
func Find(shards []sls.Shard, id int) (sls.Shard, bool) {
	for _, s := range shards {
		if s.ID == id {
			return s, true
		}
	}
	return sls.Shard{}, false
}

// readOnly reports whether the list says that nothing more will be written to the shard.
func readOnly(shards []sls.Shard, id int) bool {
	s, ok := Find(shards, id)
	return ok && s.ReadOnly
}

// CheckpointOf returns the cursor of the shard, "" where there is none.
func CheckpointOf(checkpoints []sls.Checkpoint, shard int) string {
	for _, c := range checkpoints {
		if c.Shard == shard {
			return c.Cursor
		}
	}
	return ""
}
