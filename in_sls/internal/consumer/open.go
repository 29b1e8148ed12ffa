package consumer

import (
	"context"
	"log/slog"
	"time"

	"fluent-bit-sls/shared/sls"
)

// opener finds where one shard starts, going by lists fetched at notBefore or
// later.
type opener interface {
	open(ctx context.Context, notBefore time.Time) (begun, error)
}

// begun is where a shard starts.
type begun struct {
	cursor     string
	checkpoint string // what the group has: cursor or ""
	from       string // for the log
	readOnly   bool
	until      string // where to stop, for a range of cursors
}

// groupOpener goes by the checkpoints of a consumer group. The lists it needs
// are shared by all shards granted at once: they are fetched once for each
// grant, and after it, so that the last checkpoint of the previous owner is
// among them.
type groupOpener struct {
	logs        sls.Logstore
	member      sls.Member
	log         *slog.Logger
	shard       int
	shards      *fresh[[]sls.Shard]
	checkpoints *fresh[[]sls.Checkpoint]
	rule        startRule
}

func (o groupOpener) open(ctx context.Context, notBefore time.Time) (begun, error) {
	shards, err := o.shards.get(ctx, notBefore)
	if err != nil {
		return begun{}, err
	}
	b := begun{readOnly: readOnly(shards, o.shard)}
	for since := time.Now(); ; notBefore = time.Now() {
		checkpoints, err := o.checkpoints.get(ctx, notBefore)
		if err != nil {
			return begun{}, err
		}
		if cursor := checkpointOf(checkpoints, o.shard); cursor != "" {
			b.cursor, b.checkpoint, b.from = cursor, cursor, "checkpoint"
			return b, nil
		}
		start, final := o.rule.position(o.shard, shards, checkpoints, time.Now())
		if final || time.Since(since) >= o.rule.patience {
			b.from = start.from()
			if b.cursor, err = o.logs.GetCursor(ctx, o.shard, b.from); err == nil && b.readOnly {
				err = o.placeChildren(ctx, b, shards)
			}
			return b, err
		}
		if !wait(ctx, time.Second) {
			return begun{}, ctx.Err()
		}
	}
}

// placeChildren writes the first checkpoints of the children of a read-only shard of which
// the group reads nothing: see startRule. It is the one checkpoint that a member writes of
// a shard that it does not hold. A child of another shard that the group has
// begun to read starts at its beginning: that is left to the rule.
func (o groupOpener) placeChildren(ctx context.Context, b begun, shards []sls.Shard) error {
	children := childrenOf(o.shard, shards)
	if b.from == "begin" || len(children) == 0 {
		return nil
	}
	end, err := o.logs.GetCursor(ctx, o.shard, "end")
	if err != nil || before(b.cursor, end) {
		return err
	}
	for _, child := range children {
		switch err := o.placeChild(ctx, b.from, child, shards); {
		case err == nil || isShardGone(err):
		case ctx.Err() != nil || sls.ClassOf(err) == sls.ClassRetry || sls.ClassOf(err) == sls.ClassThrottle:
			return err // the shard is not opened before this is done
		default:
			o.log.Warn("a shard split before the group began, but the start of its child cannot be written: it is read from its beginning",
				"child", child.ID, "error", err)
		}
	}
	return nil
}

// placeChild writes the first checkpoint of a child, unless the group has begun with it.
// Another member may do the same, for another parent of a merge. So the cursor is asked for
// before the checkpoints: where those have none of the child, nothing that is skipped was
// written after the first checkpoint of the child, whichever of the two stays.
func (o groupOpener) placeChild(ctx context.Context, from string, child sls.Shard, shards []sls.Shard) error {
	cursor, err := o.logs.GetCursor(ctx, child.ID, from)
	if err != nil {
		return err
	}
	checkpoints, err := o.checkpoints.get(ctx, time.Now())
	if err != nil || checkpointOf(checkpoints, child.ID) != "" ||
		hasOpenParent(child, shards, checkpoints) || madeSince(child, checkpoints) {
		return err
	}
	if err = o.logs.PlaceCheckpoint(ctx, o.member, child.ID, cursor); err == nil {
		o.log.Info("a shard split before the group began: its child starts at start_position, too", "child", child.ID, "from", from, "cursor", cursor)
	}
	return err
}

// soloOpener goes by a position only: nobody keeps checkpoints.
type soloOpener struct {
	logs     sls.Logstore
	shard    int
	start    position
	cursor   string // where that was when the reading began; "" = to be asked for
	readOnly bool
}

func (o soloOpener) open(ctx context.Context, _ time.Time) (begun, error) {
	b := begun{from: o.start.from(), cursor: o.cursor, readOnly: o.readOnly}
	if b.cursor != "" {
		return b, nil
	}
	var err error
	b.cursor, err = o.logs.GetCursor(ctx, o.shard, b.from)
	return b, err
}

// rangeOpener opens a range of cursors.
type rangeOpener struct{ span }

func (o rangeOpener) open(context.Context, time.Time) (begun, error) {
	return begun{cursor: o.begin, until: o.end, from: "replay"}, nil
}
