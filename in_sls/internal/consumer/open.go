package consumer

import (
	"context"
	"time"

	"fluent-bit-sls/shared/sls"
)

// opener finds where a shard starts. The lists it needs are shared by all
// shards granted at once: they are fetched once for each grant, and after it,
// so that the last checkpoint of the previous owner is among them.
type opener struct {
	logs        sls.Logstore
	shards      *fresh[[]sls.Shard]
	checkpoints *fresh[[]sls.Checkpoint]
	rule        startRule
	granted     time.Time
}

// begun is where a shard starts.
type begun struct {
	cursor     string
	checkpoint string // what the group has: cursor or ""
	from       string // for the log
	readOnly   bool
}

// open returns where the shard starts, going by lists fetched at notBefore or
// later.
func (o opener) open(ctx context.Context, shard int, notBefore time.Time) (begun, error) {
	shards, err := o.shards.get(ctx, notBefore)
	if err != nil {
		return begun{}, err
	}
	checkpoints, err := o.checkpoints.get(ctx, notBefore)
	if err != nil {
		return begun{}, err
	}
	b := begun{readOnly: readOnly(shards, shard)}
	if cursor := checkpointOf(checkpoints, shard); cursor != "" {
		b.cursor, b.checkpoint, b.from = cursor, cursor, "checkpoint"
		return b, nil
	}
	b.from = o.rule.position(shard, shards, checkpoints).from()
	b.cursor, err = o.logs.GetCursor(ctx, shard, b.from)
	return b, err
}
