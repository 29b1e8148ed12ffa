package consumer

import (
	"context"
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

// skewMargin is how far this machine's clock may be from the server's: the
// window in which SLS accepts signatures. A shard is taken to be older than
// the group only if it is by more than this.
const skewMargin = 15 * time.Minute

// startRule decides where a shard without a checkpoint starts. ListShards and
// the checkpoints are all there is to go by: the server does not say when a
// group began.
//
//  1. A checkpoint of the group written before the shard was made proves the
//     group older: the shard is new to it and starts at its beginning. Both
//     times are the server's.
//  2. A shard with a parent in the list (read-only, lower id, overlapping
//     range) may have been made while the group was reading the parent, so it
//     starts at its beginning as well, unless this member has seen that the
//     group did not exist when the shard already did. Then start_position
//     holds; "end" is then the time the group was seen missing, because with
//     order=true a child is handed out only after its parents are finished.
//  3. Any other shard was there first: start_position.
//
// Where nothing can be proven the rule errs on the side of reading too much:
// a member that joins a young group with "start_position end" reads the
// children of old splits from their beginning.
type startRule struct {
	start  position
	absent time.Time // when this member saw that the group did not exist; zero if never
}

// position returns where shard starts.
func (r startRule) position(shard int, shards []sls.Shard, checkpoints []sls.Checkpoint) position {
	made, known := find(shards, shard)
	if !known {
		return r.start
	}
	created := time.Unix(made.CreateTime, 0)
	for _, c := range checkpoints {
		if c.Cursor != "" && !c.UpdateTime.IsZero() && c.UpdateTime.Before(created) {
			return position{kind: positionBegin}
		}
	}
	switch {
	case !hasParent(made, shards):
		return r.start
	case r.absent.IsZero() || made.CreateTime <= 0 || created.Add(skewMargin).After(r.absent):
		return position{kind: positionBegin}
	case r.start.kind == positionEnd:
		return position{kind: positionTime, at: r.absent}
	default:
		return r.start
	}
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
		if s.ReadOnly && s.ID < child.ID && s.BeginKey < child.EndKey && child.BeginKey < s.EndKey && !over(s.ID) {
			return false
		}
	}
	return true
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
