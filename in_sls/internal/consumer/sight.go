package consumer

import (
	"context"
	"time"

	"fluent-bit-sls/shared/sls"
)

const (
	// sightAge is how often SLS is asked where a shard that stays behind is.
	sightAge = 15 * time.Second
	// sightTimeout bounds that, so that no two are under way.
	sightTimeout = 5 * time.Second
	// freshGrace is how much later than due the next answer may be before a shard
	// that had caught up counts as lagging.
	freshGrace = 2 * time.Second
)

// tell is what an answer says of how far the shard has been read.
func (r *shardReader) tell(res sls.PullResult, count int, asked time.Time) answered {
	groups, size := r.scanned(res)
	now := time.Now()
	return answered{
		asked: asked, caughtUp: caughtUp(groups, count, size),
		fresh: now.Add(max(idlePause, r.cfg.FetchInterval) + freshGrace),
		from:  number(r.cursor), next: number(res.NextCursor),
	}
}

// number is a cursor as a number, -1 where it is none.
func number(cursor string) int64 {
	if n, err := sls.DecodeCursor(cursor); err == nil {
		return n
	}
	return -1
}

// look finds out what the lag of the shard is, where the answers to its pulls do not
// tell: no header of theirs says when SLS received the data (PullLogs), and the time
// of a log is the writer's. What they do tell costs nothing: once
// a pull brings less than was asked for, everything that SLS had when the pull was
// sent has been read. So only of a shard that stays behind, or begins with data of
// an age unknown, GetCursorTime and the end are asked for: two requests each
// sightAge, next to dozens of pulls a second. The reading does not wait for them.
func (r *shardReader) look(ctx context.Context, a answered, found bool) {
	now := time.Now()
	switch known := !r.sighted.IsZero(); {
	case a.caughtUp && (known || !found):
		r.sighted = now
		return
	case known && now.Sub(r.sighted) < sightAge:
		return
	}
	r.sighted = now
	from := r.cursor
	r.panics.Go(&r.sights, "the look for the lag", func() { r.sight(ctx, from) })
}

// sight asks when SLS received the data at a cursor, and where the shard ends. That
// it fails is not worth a word: the lag shown grows until the next time.
func (r *shardReader) sight(ctx context.Context, from string) {
	ctx, cancel := context.WithTimeout(ctx, sightTimeout)
	defer cancel()
	at, err := r.logs.GetCursorTime(ctx, r.shard, from)
	if err != nil {
		return
	}
	end, err := r.logs.GetCursor(ctx, r.shard, "end")
	if err != nil {
		end = ""
	}
	r.handoff.sighted(r.queue, number(from), at, number(end))
}
