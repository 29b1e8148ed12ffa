package consumer

import (
	"context"
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
	checkpoints, err := o.checkpoints.get(ctx, notBefore)
	if err != nil {
		return begun{}, err
	}
	b := begun{readOnly: readOnly(shards, o.shard)}
	if cursor := checkpointOf(checkpoints, o.shard); cursor != "" {
		b.cursor, b.checkpoint, b.from = cursor, cursor, "checkpoint"
		return b, nil
	}
	b.from = o.rule.position(o.shard, shards, checkpoints).from()
	b.cursor, err = o.logs.GetCursor(ctx, o.shard, b.from)
	return b, err
}

// soloOpener goes by a position only: nobody keeps checkpoints.
type soloOpener struct {
	logs     sls.Logstore
	shard    int
	start    position
	readOnly bool
}

func (o soloOpener) open(ctx context.Context, _ time.Time) (begun, error) {
	b := begun{from: o.start.from(), readOnly: o.readOnly}
	var err error
	b.cursor, err = o.logs.GetCursor(ctx, o.shard, b.from)
	return b, err
}

// rangeOpener opens a range of cursors.
type rangeOpener struct{ span }

func (o rangeOpener) open(context.Context, time.Time) (begun, error) {
	return begun{cursor: o.begin, until: o.end, from: "replay"}, nil
}
