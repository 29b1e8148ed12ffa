package input

import (
	"context"
	"fmt"
	"maps"
	"time"

	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/slsfake"
)

// The consumer group comes late to its logstore, and slowly. Shards were written to, split
// and merged, long ago and just now. Several members join within a second while records are
// written. The first heartbeat, that of the group's creator, takes long.
//
// With start_position begin each shard has to be read from its beginning, with end nothing of
// what was written before the group. All behind the first checkpoint of a shard has to be
// read.
const (
	memberGap = 350 * time.Millisecond // between the first hosts
	slowBeat  = 2500 * time.Millisecond
	birthFor  = 45 * time.Second // at most, until each shard has a checkpoint
	longAgo   = 40 * time.Minute
)

// startPosition is the option of that name for a kind of checkpoint. With delivered it is
// end: to read the parents whole would take too many barriers.
func startPosition(checkpoint string) string {
	if checkpoint == ByDelivery {
		return "end"
	}
	return "begin"
}

// prepareLogstore makes the logstore as the group finds it. The last split is a young one.
func (w *world) prepareLogstore() error {
	w.server.SetClockOffset(-longAgo)
	w.server.CreateLogstore(plan.Project, source.Logstore, 4)
	for _, change := range []func() error{
		func() error { return w.server.SplitShard(plan.Project, source.Logstore, 0, "") },             // 4 and 5
		func() error { return w.server.MergeShards(plan.Project, source.Logstore, 2) },                // 2 and 3 become 6
		func() error { return w.server.SplitShard(plan.Project, source.Logstore, 4, "") },             // 7 and 8
		func() error { w.server.SetClockOffset(0); return nil },                                       // all that was long ago
		func() error { return w.server.SplitShard(plan.Project, source.Logstore, 1, "") },             // 9 and 10
		func() error { w.written.Old = maps.Clone(w.written.Counts); return w.delayFirstHeartbeat() }, // and now the group
	} {
		for key := range source.KeyCount {
			if err := w.written.Write(w.server, key, 1+key%7); err != nil {
				return err
			}
		}
		if err := change(); err != nil {
			return err
		}
	}
	return nil
}

// delayFirstHeartbeat makes the first heartbeat slow.
func (w *world) delayFirstHeartbeat() error {
	w.server.Hook(slsfake.OpHeartbeat, slsfake.First(1, func(c *slsfake.Call) { c.Delay(slowBeat) }))
	return nil
}

// birth waits until each shard has a checkpoint. The first hosts are left in peace before.
func (w *world) birth(ctx context.Context) {
	begin := time.Now()
	defer close(w.born)
	for len(w.withoutCheckpoint()) > 0 && ctx.Err() == nil {
		if time.Since(begin) > birthFor {
			w.failures.Addf("shards %v have no checkpoint %s after the first member", w.withoutCheckpoint(), birthFor)
			return
		}
		plan.Wait(ctx, 50*time.Millisecond)
	}
	w.bornIn = time.Since(begin)
}

// withoutCheckpoint are the shards without a checkpoint.
func (w *world) withoutCheckpoint() (unborn []int) {
	at := w.server.Checkpoints(plan.Project, source.Logstore, group)
	for _, s := range w.server.Shards(plan.Project, source.Logstore) {
		if at[s.ID].Cursor == "" {
			unborn = append(unborn, s.ID)
		}
	}
	return unborn
}

// describeBirth says how the group came into being.
func (w *world) describeBirth() string {
	old := 0
	for _, n := range w.written.Old {
		old += int(n)
	}
	placed := 0
	for _, c := range w.server.CheckpointHistory(plan.Project, source.Logstore, group) {
		if c.Force {
			placed++
		}
	}
	return fmt.Sprintf("%d records in %d shards before the group, start_position %s; each shard had a checkpoint after %.1fs, %d of them placed by who opened the parent",
		old, len(w.written.Old), startPosition(w.checkpoint), w.bornIn.Seconds(), placed)
}
