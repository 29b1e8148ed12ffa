package consumer

import (
	"context"
	"slices"
	"time"

	"fluent-bit-sls/shared/sls"
)

// fresh shares the answer of a call among those who need one no older than a
// given time. One call runs at a time; who waits for it uses its answer.
type fresh[T any] struct {
	load func(context.Context) (T, error)
	turn chan struct{} // holds one token, which guards the fields below

	at    time.Time // before the call whose outcome value and err are
	value T
	err   error
}

func newFresh[T any](load func(context.Context) (T, error)) *fresh[T] {
	return &fresh[T]{load: load, turn: make(chan struct{}, 1)}
}

// get returns the outcome, a failure included, of a call made at notBefore or
// later, calling if there was none. The value is shared: do not change it.
func (f *fresh[T]) get(ctx context.Context, notBefore time.Time) (T, error) {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
	defer func() { <-f.turn }()
	if f.at.IsZero() || f.at.Before(notBefore) {
		at := time.Now()
		value, err := f.load(ctx)
		if ctx.Err() != nil {
			return value, ctx.Err() // ours alone: the next one calls again
		}
		f.at, f.value, f.err = at, value, err
	}
	return f.value, f.err
}

// recent is how young a shard is of which it is not known whether the group is
// younger. It is more than a commit may take and this machine's clock be wrong.
const recent = 15 * time.Minute

// startRule decides where a shard without a checkpoint starts. ListShards and
// the checkpoints are all there is to go by: the server does not say when a
// group began, and a checkpoint tells its last update only.
//
// A shard that a split or a merge made, a child, starts at its beginning if the group
// was reading a parent of it, that is a shard of the list that is read-only, has a
// lower id and an overlapping range. Else it was there before the group and
// starts at start_position, as its parents did. So what is to be known of a child
// is where its parents started, and who opens a parent first knows that. Every
// member opens a shard in this order:
//
//  1. It lists shards and checkpoints.
//  2. It finds the cursor. Where that is the end of a read-only shard, the group reads
//     nothing of it, and nothing of what the group reads was written before its children
//     were made. So start_position holds for them, too: the member
//     places their first checkpoints there, those of grandchildren before those of children
//     (groupOpener.placeChildren).
//  3. It commits the cursor as the shard's own first checkpoint, at once.
//
// Two members may open the two parents of a merge at once: see placeChild.
//
// Whoever finds a parent with a checkpoint finds those of its children, then, if
// they were to start elsewhere than at their beginning. That holds for any form of
// start_position, any member, any order of hand-out, and however long any of it takes.
// In the order of the rule:
//
//   - A checkpoint of the group written before the shard was made proves the group
//     older: the shard starts at its beginning. Both times are the server's.
//   - A shard without parents in the list was there first: start_position.
//   - A parent has a checkpoint, the child has none: its beginning.
//   - No parent has one: nobody has opened them yet. A group without order hands out
//     parents and children at once, so this is waited for, as long as it takes until
//     somebody has taken the parents over from a member that has died.
//   - Nobody opens them: a server may not hand out parents in which nothing was
//     ever written. A child from before recent starts at start_position. Of a younger one it
//     is not known whether a member that cannot commit is reading its parent: it
//     starts at its beginning, which is too much if not.
//
// With checkpoint off step 3 is left out but for the end of a read-only shard, so a child
// of a group without order is judged by its age.
type startRule struct {
	start    position
	patience time.Duration // how long to wait for the parents to be opened
}

// position returns where shard starts. It is not final while the parents may yet be
// opened.
func (r startRule) position(shard int, shards []sls.Shard, checkpoints []sls.Checkpoint, now time.Time) (p position, final bool) {
	made, known := find(shards, shard)
	if !known || r.start.kind == positionBegin {
		return r.start, true
	}
	beginning := position{kind: positionBegin}
	created := time.Unix(made.CreateTime, 0)
	switch {
	case madeSince(made, checkpoints):
		return beginning, true
	case !hasParent(made, shards):
		return r.start, true
	case hasOpenParent(made, shards, checkpoints):
		return beginning, true
	case made.CreateTime <= 0 || created.Add(recent).After(now):
		return beginning, false
	default:
		return r.start, false
	}
}

// madeSince reports whether a shard is known to have been made after the group began: a
// checkpoint of the group was written before. Both times are the server's.
func madeSince(made sls.Shard, checkpoints []sls.Checkpoint) bool {
	created := time.Unix(made.CreateTime, 0)
	return slices.ContainsFunc(checkpoints, func(c sls.Checkpoint) bool {
		return c.Cursor != "" && !c.UpdateTime.IsZero() && c.UpdateTime.Before(created)
	})
}

// hasOpenParent reports whether the group has begun to read a shard that was split or
// merged into this one.
func hasOpenParent(child sls.Shard, shards []sls.Shard, checkpoints []sls.Checkpoint) bool {
	return !parentsOver(child, shards, func(id int) bool { return checkpointOf(checkpoints, id) == "" })
}

// hasParent reports whether another shard of the list was split or merged into
// this one.
func hasParent(child sls.Shard, shards []sls.Shard) bool {
	return !parentsOver(child, shards, func(int) bool { return false })
}

// parentsOver reports whether over holds for every shard of the list that was
// split or merged into this one, at once or by way of others.
func parentsOver(child sls.Shard, shards []sls.Shard, over func(id int) bool) bool {
	for _, s := range shards {
		if isParent(s, child) && !over(s.ID) {
			return false
		}
	}
	return true
}

// isParent reports whether a shard was split or merged into another, at once or by way of
// others: what was written to a key of both was written there first.
func isParent(s, child sls.Shard) bool {
	return s.ReadOnly && s.ID < child.ID && s.BeginKey < child.EndKey && child.BeginKey < s.EndKey
}

// childrenOf are the shards of the list that a shard was split or merged into, at once or by
// way of others, the youngest first.
func childrenOf(shard int, shards []sls.Shard) []sls.Shard {
	parent, _ := find(shards, shard)
	var children []sls.Shard
	for _, s := range shards {
		if isParent(parent, s) {
			children = append(children, s)
		}
	}
	slices.SortFunc(children, func(a, b sls.Shard) int { return b.ID - a.ID })
	return children
}

func find(shards []sls.Shard, id int) (sls.Shard, bool) {
	for _, s := range shards {
		if s.ID == id {
			return s, true
		}
	}
	return sls.Shard{}, false
}

// readOnly reports whether the list says that nothing will be written to the
// shard any more.
func readOnly(shards []sls.Shard, id int) bool {
	s, ok := find(shards, id)
	return ok && s.ReadOnly
}

// checkpointOf returns the cursor of the shard, "" where there is none.
func checkpointOf(checkpoints []sls.Checkpoint, shard int) string {
	for _, c := range checkpoints {
		if c.Shard == shard {
			return c.Cursor
		}
	}
	return ""
}
