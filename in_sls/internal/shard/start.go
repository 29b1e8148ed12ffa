package shard

import (
	"context"
	"log/slog"
	"time"

	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/shared/sls"
)

// Start finds where the reading of one shard begins.
type Start interface {
	// Find goes by lists fetched at notBefore or later.
	Find(ctx context.Context, notBefore time.Time) (Found, error)
}

// Found is where the reading of a shard begins.
type Found struct {
	Cursor     string
	Checkpoint string // of the group: Cursor, or "" where it has none
	from       string // for the log
	readOnly   bool
	end        string // where to stop, for a range of cursors
}

// StartAt starts at a position: nobody keeps checkpoints.
type StartAt struct {
	Logs     sls.Logstore
	Shard    int
	Position Position
	Cursor   string // that of the position when the reading began; "" = to be asked for
	ReadOnly bool
}

// Find implements Start.
func (s StartAt) Find(ctx context.Context, _ time.Time) (Found, error) {
	f := Found{from: s.Position.From(), Cursor: s.Cursor, readOnly: s.ReadOnly}
	if f.Cursor != "" {
		return f, nil
	}
	var err error
	f.Cursor, err = s.Logs.GetCursor(ctx, s.Shard, f.from)
	return f, err
}

// recentShard is the age up to which a shard may be younger than the group although no
// checkpoint proves it. It is longer than a commit may take, with this machine's clock
// wrong.
const recentShard = 15 * time.Minute

// GroupStart goes by the checkpoints of a consumer group. The lists that it needs are
// shared by all shards assigned at once. They are fetched after the assignment, so that
// the last checkpoint of the previous owner is among them.
//
// # Without a checkpoint
//
// ListShards and the checkpoints are all there is to go by: the server does not say when a
// group began, and a checkpoint has the time of its last update only.
//
// A child, a shard that a split or a merge made, starts at its beginning if the group was
// reading a parent of it. Otherwise it was there before the group, and starts at
// start_position as its parents did. So the question is where its parents started. The
// member that opens a parent first knows it, and writes it down for every member to find.
// It opens a shard in this order:
//
//  1. It lists shards and checkpoints.
//  2. It finds the cursor. If that is the end of a read-only shard, the group reads nothing of
//     the shard, and whatever it reads was written after its children were made. So
//     start_position holds for them, too: the member writes their first checkpoints, those
//     of grandchildren before those of children (placeChildren).
//  3. It commits the cursor as the shard's own first checkpoint, at once.
//
// Two members may open the two parents of a merge at once: see placeChild.
//
// So whoever finds a parent with a checkpoint also finds the checkpoints of its children,
// if they were to start elsewhere than at their beginning. That holds for any form of
// start_position, any member, any order of hand-out, and however long any of it takes. In
// the order of the rule:
//
//   - A checkpoint of the group from before the shard was made proves the group older: the
//     shard starts at its beginning.
//   - A shard without parents in the list was there first: start_position.
//   - A parent has a checkpoint, the child has none: its beginning.
//   - No parent has one: nobody has opened them yet. A group without order hands out parents
//     and children at once, so this is waited for. The wait is long enough for somebody to
//     take the parents over from a member that has died.
//   - Nobody opens them: a server may not hand out parents in which nothing was ever
//     written. A child older than recentShard starts at start_position. Of a younger one it is
//     not known whether a member that cannot commit is reading its parent: it starts at its
//     beginning, which may be too much.
//
// With checkpoint off step 3 is left out, except for the end of a read-only shard. So a
// child of a group without order is judged by its age.
type GroupStart struct {
	Logs        sls.Logstore
	Member      sls.Member
	Log         *slog.Logger
	Shard       int
	Shards      *Cached[[]sls.Shard]
	Checkpoints *Cached[[]sls.Checkpoint]
	Position    Position      // start_position
	Patience    time.Duration // how long to wait for the parents to be opened
}

// Find implements Start.
func (s GroupStart) Find(ctx context.Context, notBefore time.Time) (Found, error) {
	shards, err := s.Shards.Get(ctx, notBefore)
	if err != nil {
		return Found{}, err
	}
	f := Found{readOnly: readOnly(shards, s.Shard)}
	for since := time.Now(); ; notBefore = time.Now() {
		checkpoints, err := s.Checkpoints.Get(ctx, notBefore)
		if err != nil {
			return Found{}, err
		}
		if cursor := CheckpointOf(checkpoints, s.Shard); cursor != "" {
			f.Cursor, f.Checkpoint, f.from = cursor, cursor, "checkpoint"
			return f, nil
		}
		start, final := s.rule(shards, checkpoints, time.Now())
		if final || time.Since(since) >= s.Patience {
			f.from = start.From()
			if f.Cursor, err = s.Logs.GetCursor(ctx, s.Shard, f.from); err == nil && f.readOnly {
				err = s.placeChildren(ctx, f, shards)
			}
			return f, err
		}
		if !retry.Wait(ctx, time.Second) {
			return Found{}, ctx.Err()
		}
	}
}

// rule returns where a shard without a checkpoint starts. It is not final while the
// parents may yet be opened.
func (s GroupStart) rule(shards []sls.Shard, checkpoints []sls.Checkpoint, now time.Time) (p Position, final bool) {
	shard, known := Find(shards, s.Shard)
	if !known || s.Position.IsBegin() {
		return s.Position, true
	}
	created := time.Unix(shard.CreateTime, 0)
	switch {
	case madeSince(shard, checkpoints):
		return Begin(), true
	case !HasParent(shard, shards):
		return s.Position, true
	case hasOpenParent(shard, shards, checkpoints):
		return Begin(), true
	case shard.CreateTime <= 0 || created.Add(recentShard).After(now):
		return Begin(), false
	default:
		return s.Position, false
	}
}

// placeChildren writes the first checkpoints of a shard's children. The shard is read-only,
// and the group reads nothing of it. These are the only checkpoints that a member writes of
// shards that it does not hold. A child may have another parent that the group has begun to
// read. The rule lets it start at its beginning, so nothing is written.
func (s GroupStart) placeChildren(ctx context.Context, f Found, shards []sls.Shard) error {
	children := childrenOf(s.Shard, shards)
	if f.from == Begin().From() || len(children) == 0 {
		return nil
	}
	end, err := s.Logs.GetCursor(ctx, s.Shard, "end")
	if err != nil || before(f.Cursor, end) {
		return err
	}
	for _, child := range children {
		switch err := s.placeChild(ctx, f.from, child, shards); {
		case err == nil || Gone(err):
		case ctx.Err() != nil || sls.ClassOf(err) == sls.ClassRetry || sls.ClassOf(err) == sls.ClassThrottle:
			return err // the shard is not opened before this is done
		default:
			s.Log.Warn("a shard split before the group began, but the start of its child cannot be written: it is read from its beginning",
				"child", child.ID, "error", err)
		}
	}
	return nil
}

// placeChild writes the first checkpoint of a child, unless the group has begun with it.
// Another member may do the same, for another parent of a merge. So the cursor is asked for
// before the checkpoints are listed. If the list has none of the child, whatever is
// skipped was written before the child had its first checkpoint, whichever of the two stays.
func (s GroupStart) placeChild(ctx context.Context, from string, child sls.Shard, shards []sls.Shard) error {
	cursor, err := s.Logs.GetCursor(ctx, child.ID, from)
	if err != nil {
		return err
	}
	checkpoints, err := s.Checkpoints.Get(ctx, time.Now())
	if err != nil || CheckpointOf(checkpoints, child.ID) != "" ||
		hasOpenParent(child, shards, checkpoints) || madeSince(child, checkpoints) {
		return err
	}
	if err = s.Logs.PlaceCheckpoint(ctx, s.Member, child.ID, cursor); err == nil {
		s.Log.Info("a shard split before the group began: its child starts at start_position, too", "child", child.ID, "from", from, "cursor", cursor)
	}
	return err
}
