package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"fluent-bit-sls/shared/sls"
)

// stopMargin is how far this machine's clock may be from the server's for
// stop_position to be exact: nothing is pulled within the margin around it.
const stopMargin = 2 * time.Second

// bound is where the reading of a shard ends: in front of the first data
// received at a time or later, or in front of a cursor. The zero value is no
// bound.
type bound struct {
	at     time.Time
	margin time.Duration
	// cursor is "" until it is known: while the time has not come, data from
	// before it is still being written.
	cursor string
}

// parseBound reads stop_position. "end" is the end as of now, to the second.
func parseBound(raw string, now time.Time) (bound, error) {
	if raw == "" {
		return bound{}, nil
	}
	p, err := parsePosition(raw, now)
	switch {
	case err != nil:
		return bound{}, err
	case p.kind == positionBegin:
		return bound{}, errors.New("nothing is before the beginning")
	case p.kind == positionEnd:
		return bound{at: ceil(now)}, nil
	default:
		return bound{at: ceil(p.at), margin: stopMargin}, nil
	}
}

// ceil is the first whole second at t or after it: GetCursor knows no fractions.
func ceil(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}

func checkBound(raw string) error {
	_, err := parseBound(raw, time.Now())
	return err
}

func (b *bound) set() bool { return b.cursor != "" || !b.at.IsZero() }

// open reports whether there is a bound whose time has not come: what an answer
// brings is from before it if the answer itself is.
func (b *bound) open(now time.Time) bool {
	return b.cursor == "" && !b.at.IsZero() && now.Before(b.at.Add(-b.margin))
}

// known reports whether a cursor can be asked for by now.
func (b *bound) known(now time.Time) bool {
	return !b.at.IsZero() && !now.Before(b.at.Add(b.margin))
}

// find asks for the cursor of the bound in a shard.
func (b *bound) find(ctx context.Context, logs sls.Logstore, shard int) (string, error) {
	return logs.GetCursor(ctx, shard, strconv.FormatInt(max(b.at.Unix(), 0), 10))
}

// reached reports whether reading at cursor has come to the bound.
func (b *bound) reached(cursor string) bool {
	return b.cursor != "" && !before(cursor, b.cursor)
}

// atBound says what the end at the bound is. With checkpoint off the group has to be
// told where a read-only shard ends, or it hands out no children, which may have data
// from before stop_position.
func (r *shardReader) atBound(ctx context.Context) (readEnd, error) {
	if r.cfg.Checkpoint != checkpointOff || !r.cfg.Grouped() {
		return readReached, nil
	}
	shards, err := r.shards.get(ctx, r.bound.at)
	if err != nil || !readOnly(shards, r.shard) {
		return readReached, err
	}
	end, err := r.logs.GetCursor(ctx, r.shard, "end")
	if err != nil || before(r.cursor, end) {
		return readReached, err
	}
	return readFinished, nil
}

// exhausted says what an empty answer that leads nowhere means; readStopped: that
// there is nothing yet. It is not taken as the word that all has been read: a server
// that has trouble may give it.
func (r *shardReader) exhausted(ctx context.Context) (readEnd, error) {
	if r.bound.cursor == "" && !r.readOnly {
		// The shard is over only if it was read-only before the answer was asked
		// for: so the next one decides.
		r.readOnly = r.becameReadOnly(ctx)
		return readStopped, nil
	}
	end, err := r.logs.GetCursor(ctx, r.shard, "end")
	switch {
	case err != nil:
		return readStopped, err
	case number(r.cursor) >= 0 && number(r.cursor) < number(end):
		r.trouble.log(ctx, r.log, slog.LevelWarn, "the answer is empty, but the shard does not end here; asking again", "cursor", r.cursor, "end", end)
		return readStopped, nil
	case r.bound.cursor != "":
		return r.atBound(ctx)
	}
	return readFinished, nil
}

// before reports whether cursor a of a shard is known to lie before b. Cursors
// are opaque by the service's word; those that do not decode are compared for
// being the same only.
func before(a, b string) bool {
	n, err1 := sls.DecodeCursor(a)
	m, err2 := sls.DecodeCursor(b)
	if err1 != nil || err2 != nil {
		return a != b
	}
	return n < m
}

// errAstray is the outcome of a pull whose answer leads nowhere new: following it
// would deliver the same data for ever.
var errAstray = errors.New("the answer leads back to what has been read")

// leadsOn refuses an answer that leads back, or brings data and leads to where it
// was asked for. Cursors that are no numbers can only be compared for being the same.
func (r *shardReader) leadsOn(res sls.PullResult) error {
	from, next := number(r.cursor), number(res.NextCursor)
	if from >= 0 && next >= 0 && next < from || res.NextCursor == r.cursor && len(res.Data) > 0 {
		return fmt.Errorf("%w: from cursor %s to %s", errAstray, r.cursor, res.NextCursor)
	}
	return nil
}

// errLate is the outcome of a pull whose answer came when stop_position may have
// come: it may hold data from after it, and is asked for again with a bound.
var errLate = errors.New("answered after stop_position")

// late reports whether an answer that has just come may hold data from after a bound
// that was not known when it was asked for.
func (r *shardReader) late() bool {
	return r.bound.cursor == "" && r.bound.set() && !r.bound.open(time.Now())
}

// limit waits until it is known how far the next pull may go.
func (r *shardReader) limit(ctx context.Context) error {
	b := &r.bound
	if b.cursor != "" || !b.set() || b.open(time.Now()) {
		return nil
	}
	if !wait(ctx, time.Until(b.at.Add(b.margin))) {
		return ctx.Err()
	}
	cursor, err := b.find(ctx, r.logs, r.shard)
	if err == nil {
		b.cursor = cursor
	}
	return err
}
