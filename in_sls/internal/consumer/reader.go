package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
)

// listAge is how old a list of shards an idle reader is content with: how
// often one logstore is asked whether a shard has become read-only.
const listAge = 10 * time.Second

// shardReader reads one shard in one epoch: it finds the cursor, pulls,
// decodes and fills the queue. All of it belongs to its run goroutine.
type shardReader struct {
	*shared
	shard  int
	queue  *queue
	log    *slog.Logger
	opener opener
	shards *fresh[[]sls.Shard] // of the logstore, shared by its readers
	// opened gets the checkpoint the group has, "" for none, once the reader
	// knows where to start.
	opened chan string

	granted  time.Time // lists from before are too old to open by
	begun    bool      // it is known where to begin
	cursor   string
	bound    bound
	exact    bool // a range of cursors: nothing else will do
	readOnly bool // nothing was written any more before the last pull began
	astray   bool // the cursor came from fallback_position and has not worked yet
	size     pullSize
	claim    claim
	raw      []byte // lent to the pull under way
	// refused is the raw size of an answer that was too large, refusedGroups what it is of.
	refused, refusedGroups int

	pace    pace
	retry   backoff
	stumble backoff // after a panic
	trouble complaint
	corrupt complaint
	list    loggroup.ListReader
	decoder loggroup.Decoder

	sighted time.Time // when the lag of the shard was known last
	sights  sync.WaitGroup
}

// readEnd says why a reader ended.
type readEnd int

const (
	readStopped  readEnd = iota // its context ended
	readFinished                // the shard is read-only and read to its end
	readGone                    // the shard does not exist any more
	readReached                 // read up to its bound
	readExpired                 // what was to be read exactly has expired
)

func newShardReader(s *shared, o opener, shards *fresh[[]sls.Shard], q *queue, log *slog.Logger) *shardReader {
	r := &shardReader{
		shared: s, shard: q.shard, queue: q, log: log, opener: o, shards: shards,
		opened:  make(chan string, 1),
		granted: time.Now(),
		bound:   s.stop,
		size:    newPullSize(s.cfg.FetchMaxGroups, s.budget.limit, s.cfg.filtered()),
		claim:   claim{of: s.budget},
		pace:    pace{least: s.cfg.FetchInterval},
		retry:   backoff{least: 200 * time.Millisecond, most: 30 * time.Second},
		stumble: backoff{least: time.Second, most: time.Minute},
	}
	r.decoder = s.decoder(r.shard)
	return r
}

// run reads until ctx ends or the shard does.
func (r *shardReader) run(ctx context.Context) readEnd {
	ctx, cancel := context.WithCancel(ctx)
	defer r.sights.Wait()
	defer cancel()
	for ctx.Err() == nil {
		var end readEnd
		var over bool
		err := r.panics.Catch("the reader of a shard", func() { end, over = r.turn(ctx) }, "shard", r.shard, "cursor", r.cursor)
		if err != nil {
			r.panicked(ctx, err)
			continue
		}
		r.stumble.reset()
		if over {
			return end
		}
	}
	return readStopped
}

// turn opens the shard, or makes the next pull.
func (r *shardReader) turn(ctx context.Context) (end readEnd, over bool) {
	if !r.begun {
		end, opened := r.open(ctx)
		return end, !opened
	}
	// The clock is asked here too: this goroutine may be ahead of the one that
	// ends the lease, or of an answer in time that makes it go on.
	if r.queue.clock.lost(time.Now()) {
		wait(ctx, settlePoll)
		return readStopped, false
	}
	if end, over = r.step(ctx); over && (end == readFinished || end == readReached) {
		r.handoff.finish(r.queue)
	}
	return end, over
}

// panicked waits before what panicked is tried again, from the same cursor: nothing
// of an answer that panicked is safe. Data that panics every time holds up its shard
// and no other, and tries grow rare.
func (r *shardReader) panicked(ctx context.Context, err error) {
	r.decoder, r.list, r.raw = r.shared.decoder(r.shard), loggroup.ListReader{}, nil // in whatever state they are
	r.queue.meter.fetchErrors.Add(1)
	r.trouble.log(ctx, r.log, slog.LevelError, "this shard stands still: reading it panics, and is tried again", "cursor", r.cursor, "error", err)
	wait(ctx, r.stumble.pause(0))
}

// step makes one pull, and waits for as long as its outcome asks for.
func (r *shardReader) step(ctx context.Context) (end readEnd, over bool) {
	asked := r.size.count()
	err := r.limit(ctx)
	if err == nil && r.bound.reached(r.cursor) {
		if end, err = r.atBound(ctx); err == nil {
			return end, true
		}
	}
	var res sls.PullResult
	if err == nil {
		res, err = r.pull(ctx, asked)
	}
	switch {
	case errors.Is(err, errLate):
		return 0, false
	case err != nil && sls.ClassOf(err) == sls.ClassSplit && r.size.tooLarge(asked, r.refused, r.refusedGroups):
		return 0, false
	case err != nil:
		end = r.failed(ctx, err)
		return end, end != readStopped || ctx.Err() != nil
	}
	r.retry.reset()
	r.astray = false
	groups, size := r.scanned(res)
	moved := res.NextCursor != r.cursor
	r.cursor = res.NextCursor
	if !moved && res.Groups == 0 {
		if end, err = r.exhausted(ctx); err != nil {
			end = r.failed(ctx, err)
		}
		if end != readStopped {
			return end, true
		}
	}
	return readStopped, !wait(ctx, r.pace.after(groups, asked, size))
}

// scanned is what the server went through for an answer to the pull at r.cursor. What
// a query left out counts too: a shard is behind by what there is to scan. Where the
// server does not say, a cursor that moved means that there was something.
func (r *shardReader) scanned(res sls.PullResult) (groups, size int) {
	groups, size = res.Groups, res.RawSize
	if r.cfg.filtered() {
		groups, size = max(groups, res.ScannedGroups), max(size, res.ScannedSize)
		if groups == 0 && res.NextCursor != r.cursor {
			groups = 1
		}
	}
	return groups, size
}

// open finds the first cursor, trying for as long as it takes.
func (r *shardReader) open(ctx context.Context) (readEnd, bool) {
	notBefore := r.granted
	for {
		begun, err := r.opener.open(ctx, notBefore)
		if err == nil {
			r.cursor, r.readOnly, r.exact = begun.cursor, begun.readOnly, begun.until != ""
			if r.exact {
				r.bound = bound{cursor: begun.until}
			}
			r.handoff.begin(r.queue, r.cursor)
			r.begun = true
			r.opened <- begun.checkpoint
			r.log.Info("reading shard", "from", begun.from, "cursor", r.cursor)
			r.retry.reset()
			return 0, true
		}
		if end := r.failed(ctx, err); end != readStopped {
			return end, false
		}
		if ctx.Err() != nil {
			return readStopped, false
		}
		notBefore = time.Now()
	}
}

// becameReadOnly asks the list of shards, of which all readers share one.
func (r *shardReader) becameReadOnly(ctx context.Context) bool {
	shards, err := r.shards.get(ctx, time.Now().Add(-listAge))
	if err != nil {
		if ctx.Err() == nil {
			r.trouble.log(ctx, r.log, level(err), "cannot list the shards", "error", err)
		}
		return false
	}
	return readOnly(shards, r.shard)
}

// failed decides what an error means and waits as long as it takes before the
// next try. It returns readStopped if there is to be one, or why there is none.
func (r *shardReader) failed(ctx context.Context, err error) readEnd {
	if ctx.Err() != nil {
		return readStopped
	}
	if isShardGone(err) {
		return readGone
	}
	class := sls.ClassOf(err)
	switch {
	case class == sls.ClassThrottle:
		r.queue.meter.throttled.Add(1)
		r.trouble.log(ctx, r.log, slog.LevelWarn, "reading is throttled; this shard slows down", "error", err)
		wait(ctx, max(r.pace.throttled(), retryAfter(err)))
		return readStopped
	case class == sls.ClassCursor && r.exact:
		r.log.Error("this range cannot be read: its data has expired, or its cursors are not of this shard",
			"begin", r.cursor, "end", r.bound.cursor, "error", err)
		return readExpired
	case class == sls.ClassCursor && r.cursor != "" && !r.astray:
		err = r.fallBack(ctx, err)
		if err == nil || ctx.Err() != nil {
			return readStopped
		}
	}
	r.queue.meter.fetchErrors.Add(1)
	r.trouble.log(ctx, r.log, level(err), "cannot read shard; trying again", "cursor", r.cursor, "error", err)
	wait(ctx, r.retry.pause(retryAfter(err)))
	r.astray = false
	return readStopped
}

// fallBack goes on from fallback_position when the cursor has expired. What
// was between the two is lost to this group.
func (r *shardReader) fallBack(ctx context.Context, cause error) error {
	cursor, err := r.logs.GetCursor(ctx, r.shard, r.fallback.from())
	if err != nil {
		return err
	}
	r.queue.meter.fallbacks.Add(1)
	r.log.Error("the position of this shard has expired: going on from fallback_position; data between the two is skipped",
		"expired", r.cursor, "fallback_position", r.cfg.FallbackPosition, "cursor", cursor, "error", cause)
	r.cursor, r.astray = cursor, true
	return nil
}

// pull fetches up to count log groups, decodes them and puts the events into
// the queue. The budget is taken before, see claim.
func (r *shardReader) pull(ctx context.Context, count int) (sls.PullResult, error) {
	if err := r.fetches.take(ctx); err != nil {
		return sls.PullResult{}, err
	}
	defer r.fetches.give()
	if err := r.claim.take(ctx, r.size.claim(r.size.raw(count))); err != nil {
		return sls.PullResult{}, err
	}
	defer r.claim.end() // what the queue has not got: a panic must not keep it
	r.refused, r.refusedGroups = 0, 0
	asked := time.Now()
	res, err := r.logs.PullLogs(ctx, sls.Pull{
		Shard: r.shard, Cursor: r.cursor, EndCursor: r.bound.cursor,
		Count: count, Codec: sls.Codec(r.cfg.Compress), Lend: r.lend,
		Query: r.cfg.Query, Processor: r.cfg.Processor,
	})
	if ctx.Err() == nil {
		r.queue.meter.pulled(res, err)
	}
	if err == nil {
		err = r.leadsOn(res)
		if r.late() {
			err = errLate
		}
	}
	if err != nil {
		r.takeBack()
		return res, err
	}
	b := batch{cursor: res.NextCursor, told: r.tell(res, count, asked)}
	if len(res.Data) > 0 {
		if b.events, b.records, err = r.events(ctx, res); err != nil {
			return res, err
		}
		b.cost = r.claim.keep(int64(cap(b.events)))
	}
	if !r.handoff.push(r.queue, b) {
		r.handoff.free([]batch{b})
	}
	r.look(ctx, b.told, res.Groups > 0)
	return res, nil
}

// lend returns a buffer for an answer of size bytes in so many groups, and claims what
// that takes beyond what was expected. Memory that others have is not waited for,
// with an answer on its way, nor is more taken than there is: the answer is refused, and
// asked for again with a claim that is large enough, or for fewer groups.
func (r *shardReader) lend(size, groups int) ([]byte, error) {
	r.takeBack() // of a try before
	if size > r.size.limit || !r.claim.raise(r.size.claim(size)) {
		r.refused, r.refusedGroups = size, groups
		return nil, fmt.Errorf("%w: %d bytes in %d groups", sls.ErrTooLarge, size, groups)
	}
	r.raw = r.buffers.Get(size)
	return r.raw, nil
}

// takeBack ends the use of what lend has lent.
func (r *shardReader) takeBack() {
	raw := r.raw
	r.raw = nil
	r.buffers.Put(raw)
}

// events decodes an answer. Nothing that has seen it keeps it: a reader that waits for
// its turn would hold on to megabytes that nobody counts.
func (r *shardReader) events(ctx context.Context, res sls.PullResult) (events []byte, records int, err error) {
	r.place(res)
	events, records, size := r.decode(ctx, r.buffers.Get(r.size.decoded(len(res.Data))), res.Data)
	r.list.Reset(nil)
	r.takeBack()
	if err := ctx.Err(); err != nil {
		r.buffers.Put(events)
		return nil, 0, err
	}
	r.size.learn(res.Groups, len(res.Data), size)
	if events = r.buffers.Fit(events); len(events) == 0 {
		r.buffers.Put(events)
		return nil, 0, nil
	}
	return events, records, nil
}
