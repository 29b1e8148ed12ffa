package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// The consumer group comes late to its logstore, and slowly: shards were split and
// merged and written to long ago and just now, several members join within a second
// while records are written, and the first heartbeat, which whoever made the group sends,
// takes its time. With start_position begin each shard has to be read from its beginning,
// with end none of what was written before the group. What lies behind the first
// checkpoint of a shard has to be read from then on.
const (
	memberGap = 350 * time.Millisecond // between the first hosts
	slowBeat  = 2500 * time.Millisecond
	birthFor  = 45 * time.Second // at most, until each shard has a checkpoint
	longAgo   = 40 * time.Minute
)

// startPosition is the option of that name for a kind of checkpoint. To begin at the
// beginning, parents have to be read whole, which takes barriers a while.
func startPosition(checkpoint string) string {
	if checkpoint == byDelivery {
		return "end"
	}
	return "begin"
}

// inherit makes the logstore as the group finds it. The last split is a young one.
func (w *inputWorld) inherit() error {
	w.server.SetClockOffset(-longAgo)
	w.server.CreateLogstore(project, inputLogstore, 4)
	for _, change := range []func() error{
		func() error { return w.server.SplitShard(project, inputLogstore, 0, "") },     // 4 and 5
		func() error { return w.server.MergeShards(project, inputLogstore, 2) },        // 2 and 3 become 6
		func() error { return w.server.SplitShard(project, inputLogstore, 4, "") },     // 7 and 8
		func() error { w.server.SetClockOffset(0); return nil },                        // all that was long ago
		func() error { return w.server.SplitShard(project, inputLogstore, 1, "") },     // 9 and 10
		func() error { w.written.old = maps.Clone(w.written.counts); return w.late() }, // and now the group
	} {
		for key := range inputKeys {
			if err := w.written.write(w.server, key, 1+key%7); err != nil {
				return err
			}
		}
		if err := change(); err != nil {
			return err
		}
	}
	return nil
}

// late makes the first heartbeat slow.
func (w *inputWorld) late() error {
	w.server.Hook(slsfake.OpHeartbeat, slsfake.First(1, func(c *slsfake.Call) { c.Delay(slowBeat) }))
	return nil
}

// birth waits until each shard has a checkpoint. Nothing befalls the first hosts
// before that.
func (w *inputWorld) birth(ctx context.Context) {
	begin := time.Now()
	defer close(w.born)
	for len(w.unborn()) > 0 && ctx.Err() == nil {
		if time.Since(begin) > birthFor {
			w.failures.addf("shards %v have no checkpoint %s after the first member", w.unborn(), birthFor)
			return
		}
		wait(ctx, 50*time.Millisecond)
	}
	w.bornIn = time.Since(begin)
}

// unborn are the shards without a checkpoint.
func (w *inputWorld) unborn() (unborn []int) {
	at := w.server.Checkpoints(project, inputLogstore, inputGroup)
	for _, s := range w.server.Shards(project, inputLogstore) {
		if at[s.ID].Cursor == "" {
			unborn = append(unborn, s.ID)
		}
	}
	return unborn
}

// starts judges where, with start_position end, the reading of the shards began that there
// were before the group, and notes it: nobody has to deliver what lies before.
func (j *judge) starts() {
	if !j.fromEnd {
		return
	}
	for _, shard := range slices.Sorted(maps.Keys(j.written.old)) {
		first := uint32(0)
		for i, c := range j.commits[shard] {
			if i > 0 && !j.placed(&c) {
				break
			}
			first = j.written.ordinal(shard, c.Number)
			if old := j.written.old[shard]; first < old {
				j.failures.addf("start: the reading of shard %d begins at its record %d, and %d were written before the group existed", shard, first, old)
			}
		}
		j.first[shard] = first
		j.written.eachGroup(shard, 0, first, func(g *writtenGroup, _, to uint32) {
			j.next[g.key] = max(j.next[g.key], g.firstSeq+to)
		})
	}
}

// placed tells whether c says where the reading of a shard is to begin that was there before
// the group, and that nobody has held yet. Whoever opens a parent of it may write that; those
// of a merge have two, so it may come twice.
func (j *judge) placed(c *slsfake.CheckpointWrite) bool {
	_, known := j.written.old[c.Shard]
	return c.Force && known && j.fromEnd && j.holder(c.Shard, c.At).Consumer == ""
}

// tellBirth says how the group came into being.
func (w *inputWorld) tellBirth() string {
	old := 0
	for _, n := range w.written.old {
		old += int(n)
	}
	placed := 0
	for _, c := range w.server.CheckpointHistory(project, inputLogstore, inputGroup) {
		if c.Force {
			placed++
		}
	}
	return fmt.Sprintf("%d records in %d shards before the group, start_position %s; each shard had a checkpoint after %.1fs, %d of them placed by who opened the parent",
		old, len(w.written.old), startPosition(w.checkpoint), w.bornIn.Seconds(), placed)
}
