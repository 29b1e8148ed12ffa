package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/in_sls/internal/tags"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

const (
	// listAge is how old a list of shards may be for an idle reader. So this is how often
	// one logstore is asked whether a shard has become read-only.
	listAge = 10 * time.Second
	// expiredPoll is how often a reader asks whether its lease, which has run out, goes on.
	expiredPoll = 100 * time.Millisecond
)

// Gone reports whether an error says that the shard does not exist.
func Gone(err error) bool { return sls.IsCode(err, "ShardNotExist") }

// Config is what the options say of the reading of shards.
type Config struct {
	MaxGroups        int           // in one pull
	Interval         time.Duration // least pause between two pulls
	Codec            sls.Codec
	Query, Processor string
	Fallback         Position // where to go on when a cursor has expired
	FallbackText     string   // the same as it was set
	Stop             Stop
	// ReportEnd: with checkpoint off, the group learns only where a read-only shard ends.
	// Without that it hands out no children.
	ReportEnd bool
	Record    loggroup.Decoder // each shard has a copy
	Positions bool             // with the place of each log
	Tags      *tags.Tags       // nil: all records go under the section's own tag
}

func (c *Config) filtered() bool { return c.Query != "" || c.Processor != "" }

// Slots bound how many pulls are under way at once. A reader takes one before it claims
// memory: bytes that wait for a slot would keep others from reading. What frees bytes, the
// hand-over, needs no slot.
type Slots chan struct{}

func (s Slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s Slots) give() { <-s }

// Source is a logstore, and what the readers of its shards share.
type Source struct {
	Logs   sls.Logstore
	Shards *Cached[[]sls.Shard]
	Config Config
	Budget *handover.Budget
	Slots  Slots
	Panics *panics.Guard
}

// Reader reads one shard for one lease: it finds the first cursor, pulls, decodes and fills
// the queue. Except Opened, everything in it belongs to the goroutine of Run.
type Reader struct {
	// Opened gets the checkpoint that the group has, "" for none, once it is known where
	// to start.
	Opened chan string

	source *Source
	shard  int
	queue  *handover.Queue
	start  Start
	log    *slog.Logger

	assigned time.Time // lists from before are too old to start by; zero after the first try
	started  bool      // it is known where to start
	cursor   string
	stop     Stop
	exact    bool // a range of cursors: nothing may take its place
	readOnly bool // the shard was read-only before the last pull was sent
	fallback bool // the cursor is that of fallback_position and has not worked yet

	size    pullSize
	claim   handover.Claim
	decoder answerDecoder
	lag     lagProbe
	// refused is the raw size of an answer that was too large, refusedGroups how many log
	// groups it had.
	refused, refusedGroups int

	pace       pace
	retry      retry.Backoff
	afterPanic retry.Backoff
	failure    retry.Failure
}

// End says why a reader has ended.
type End int

// The ends of a reader.
const (
	Stopped   End = iota // its context ended; inside the package: it goes on
	Finished             // the shard is read-only and read to its end
	ShardGone            // the shard does not exist any more
	AtStop               // read up to stop_position, or the end of a range
	Expired              // a range of cursors that cannot be read
)

// NewReader makes the reader of a queue's shard.
func NewReader(s *Source, start Start, q *handover.Queue, log *slog.Logger) *Reader {
	r := &Reader{
		Opened: make(chan string, 1),
		source: s, shard: q.Shard, queue: q, start: start, log: log,
		assigned:   time.Now(),
		stop:       s.Config.Stop,
		size:       newPullSize(s.Config.MaxGroups, s.Budget.Limit(), s.Config.filtered()),
		claim:      s.Budget.Claim(),
		lag:        lagProbe{logs: s.Logs, queue: q, panics: s.Panics},
		pace:       pace{least: s.Config.Interval},
		retry:      retry.Backoff{Least: 200 * time.Millisecond, Most: 30 * time.Second},
		afterPanic: retry.Backoff{Least: time.Second, Most: time.Minute},
	}
	r.resetDecoder()
	return r
}

func (r *Reader) resetDecoder() {
	r.decoder = answerDecoder{
		filtered: r.source.Config.filtered(), queue: r.queue, log: r.log, corrupt: r.decoder.corrupt,
		decoder: newDecoder(&r.source.Config, r.source.Logs, r.shard),
		namer:   r.source.Config.Tags.Of(r.source.Logs.Project, r.source.Logs.Name, r.shard),
	}
}

// Run reads until ctx ends or the shard does.
func (r *Reader) Run(ctx context.Context) End {
	ctx, cancel := context.WithCancel(ctx)
	defer r.lag.wait()
	defer cancel()
	for ctx.Err() == nil {
		var end End
		err := r.source.Panics.Catch("the reader of a shard", func() { end = r.step(ctx) }, "shard", r.shard, "cursor", r.cursor)
		if err != nil {
			r.panicked(ctx, err)
			continue
		}
		r.afterPanic.Reset()
		if end != Stopped {
			return end
		}
	}
	return Stopped
}

// panicked waits before the same cursor is tried again: nothing of an answer that panicked
// is safe. Data that panics every time holds up its own shard and no other, and is tried
// more and more rarely.
func (r *Reader) panicked(ctx context.Context, err error) {
	r.resetDecoder() // in whatever state it is
	r.queue.Counters.FetchErrors.Add(1)
	r.failure.Log(ctx, r.log, slog.LevelError, "this shard stands still: reading it panics, and is tried again", "cursor", r.cursor, "error", err)
	retry.Wait(ctx, r.afterPanic.Pause(0))
}

// step finds where to start, or makes one pull, and waits for as long as the outcome asks
// for. Errors are dealt with here and nowhere else.
func (r *Reader) step(ctx context.Context) End {
	var end End
	var pause time.Duration
	var err error
	if !r.started {
		err = r.open(ctx)
	} else {
		end, pause, err = r.read(ctx)
	}
	switch {
	case err != nil:
		return r.failed(ctx, err)
	case end == Finished || end == AtStop:
		r.queue.Ended()
	case end == Stopped:
		retry.Wait(ctx, pause)
	}
	return end
}

// open finds the first cursor.
func (r *Reader) open(ctx context.Context) error {
	notBefore := r.assigned
	if r.assigned = (time.Time{}); notBefore.IsZero() {
		notBefore = time.Now()
	}
	found, err := r.start.Find(ctx, notBefore)
	if err != nil {
		return err
	}
	r.cursor, r.readOnly, r.exact = found.Cursor, found.readOnly, found.end != ""
	if r.exact {
		r.stop = Stop{cursor: found.end}
	}
	r.queue.Begin(r.cursor)
	r.started = true
	r.Opened <- found.Checkpoint
	r.log.Info("reading shard", "from", found.from, "cursor", r.cursor)
	r.retry.Reset()
	return nil
}

// read makes one pull. It returns why there is no further one, or the pause before it.
func (r *Reader) read(ctx context.Context) (end End, pause time.Duration, err error) {
	// The lease is checked here, too. It may have run out before the goroutine that ends it
	// has run, and a late answer to a heartbeat may still renew it.
	if r.queue.Expired(time.Now()) {
		return Stopped, expiredPoll, nil
	}
	if err = r.findStop(ctx); err != nil {
		return Stopped, 0, err
	}
	if r.stop.reached(r.cursor) {
		end, err = r.atStop(ctx)
		return end, 0, err
	}
	count := r.size.count()
	res, err := r.pull(ctx, count)
	if err != nil {
		return Stopped, 0, err
	}
	r.retry.Reset()
	r.fallback = false
	groups, size := r.scanned(res)
	moved := res.NextCursor != r.cursor
	r.cursor = res.NextCursor
	if !moved && res.Groups == 0 {
		end, err = r.nothingNew(ctx)
	}
	return end, r.pace.after(groups, count, size), err
}

// findStop asks for the cursor of stop_position once its time has come, and waits for
// that time when it is near.
func (r *Reader) findStop(ctx context.Context) error {
	s := &r.stop
	if s.cursor != "" || !s.set() || s.ahead(time.Now()) {
		return nil
	}
	err := s.wait(ctx)
	if err == nil {
		var cursor string
		if cursor, err = s.Ask(ctx, r.source.Logs, r.shard); err == nil {
			s.cursor = cursor
		}
	}
	return err
}

// errLate is the outcome of a pull whose answer came when the time of stop_position may
// have come. It may hold data from after it, and is asked for again with the cursor.
var errLate = errors.New("answered after stop_position")

// errBackwards is the outcome of a pull whose answer leads nowhere new. Following it would
// deliver the same data for ever.
var errBackwards = errors.New("the answer leads back to what has been read")

// pull fetches up to count log groups, decodes them and pushes the events to the queue.
func (r *Reader) pull(ctx context.Context, count int) (res sls.PullResult, err error) {
	if err = r.source.Slots.take(ctx); err != nil {
		return res, err
	}
	defer r.source.Slots.give()
	if err = r.claim.Take(ctx, r.size.claim(r.size.raw(count))); err != nil {
		return res, err
	}
	defer r.claim.Release()
	r.refused, r.refusedGroups = 0, 0
	asked := time.Now()
	c := &r.source.Config
	res, err = r.source.Logs.PullLogs(ctx, sls.Pull{
		Shard: r.shard, Cursor: r.cursor, EndCursor: r.stop.cursor,
		Count: count, Codec: c.Codec, Lend: r.lend,
		Query: c.Query, Processor: c.Processor,
	})
	if ctx.Err() == nil {
		r.queue.Counters.Pulled(res, err)
	}
	if err == nil {
		err = r.check(res)
	}
	if err != nil {
		return res, err
	}
	answer, records := r.answer(res, count, asked), 0
	if len(res.Data) > 0 {
		if records, err = r.decode(ctx, res); err != nil {
			return res, err
		}
	}
	r.queue.Push(&r.claim, records, res.NextCursor, answer)
	r.lag.after(ctx, answer, r.cursor, res.Groups > 0)
	return res, nil
}

// lend returns a buffer for an answer of size bytes in groups log groups, and raises the
// claim if it was too small. With an answer on its way it must not wait for memory, nor
// take more than there is. So it refuses the answer. The next pull has a claim that is
// large enough, or asks for fewer groups.
func (r *Reader) lend(size, groups int) ([]byte, error) {
	r.claim.FreeRaw() // of an earlier try
	if size > r.size.limit || !r.claim.Raise(r.size.claim(size)) {
		r.refused, r.refusedGroups = size, groups
		return nil, fmt.Errorf("%w: %d bytes in %d groups", sls.ErrTooLarge, size, groups)
	}
	return r.claim.LendRaw(size), nil
}

// check refuses an answer that leads back, and one that brings data and leads to where it
// was asked for. It also refuses one that may hold data from after stop_position.
func (r *Reader) check(res sls.PullResult) error {
	from, next := number(r.cursor), number(res.NextCursor)
	switch {
	case r.stop.cursor == "" && r.stop.set() && !r.stop.ahead(time.Now()):
		return errLate
	case from >= 0 && next >= 0 && next < from, res.NextCursor == r.cursor && len(res.Data) > 0:
		return fmt.Errorf("%w: from cursor %s to %s", errBackwards, r.cursor, res.NextCursor)
	}
	return nil
}

// decode decodes an answer into the claim.
func (r *Reader) decode(ctx context.Context, res sls.PullResult) (records int, err error) {
	r.claim.LendEvents(r.size.decoded(len(res.Data)))
	records, size := r.decoder.decode(ctx, res, r.cursor, &r.claim, r.size.part())
	raw := len(res.Data)
	r.claim.FreeRaw()
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r.size.learn(res.Groups, raw, size)
	return records, nil
}

// answer is what an answer says of the progress of the shard.
func (r *Reader) answer(res sls.PullResult, count int, asked time.Time) handover.Answer {
	groups, size := r.scanned(res)
	now := time.Now()
	return handover.Answer{
		Asked: asked, CaughtUp: caughtUp(groups, count, size),
		UpToDate: now.Add(max(idlePause, r.source.Config.Interval) + upToDateGrace),
		From:     number(r.cursor), Next: number(res.NextCursor),
	}
}

// scanned is what the server went through for an answer to the pull at r.cursor. What a
// query left out counts, too: it is part of what a shard is behind. Where the server does
// not say, a moved cursor means that there was something.
func (r *Reader) scanned(res sls.PullResult) (groups, size int) {
	groups, size = res.Groups, res.RawSize
	if r.source.Config.filtered() {
		groups, size = max(groups, res.ScannedGroups), max(size, res.ScannedSize)
		if groups == 0 && res.NextCursor != r.cursor {
			groups = 1
		}
	}
	return groups, size
}

// nothingNew decides what an empty answer at the same cursor means. Stopped: there is
// nothing yet. The answer does not prove that all has been read: a server in trouble may
// give it.
func (r *Reader) nothingNew(ctx context.Context) (End, error) {
	if r.stop.cursor == "" && !r.readOnly {
		// The shard is over only if it was read-only before the answer was asked for. So
		// the next answer decides.
		r.readOnly = r.becameReadOnly(ctx)
		return Stopped, nil
	}
	end, err := r.source.Logs.GetCursor(ctx, r.shard, "end")
	switch {
	case err != nil:
		return Stopped, err
	case number(r.cursor) >= 0 && number(r.cursor) < number(end):
		r.failure.Log(ctx, r.log, slog.LevelWarn, "the answer is empty, but the shard does not end here; asking again", "cursor", r.cursor, "end", end)
		return Stopped, nil
	case r.stop.cursor != "":
		return r.atStop(ctx)
	}
	return Finished, nil
}

// becameReadOnly looks into the list of shards, which all readers share.
func (r *Reader) becameReadOnly(ctx context.Context) bool {
	shards, err := r.source.Shards.Get(ctx, time.Now().Add(-listAge))
	if err != nil {
		if ctx.Err() == nil {
			r.failure.Log(ctx, r.log, retry.Level(err), "cannot list the shards", "error", err)
		}
		return false
	}
	return readOnly(shards, r.shard)
}

// atStop decides whether stop_position is also the end of a read-only shard. The group has
// to learn such an end (Config.ReportEnd): the shard's children may have data from before
// stop_position.
func (r *Reader) atStop(ctx context.Context) (End, error) {
	if !r.source.Config.ReportEnd {
		return AtStop, nil
	}
	shards, err := r.source.Shards.Get(ctx, r.stop.at)
	if err != nil || !readOnly(shards, r.shard) {
		return AtStop, err
	}
	end, err := r.source.Logs.GetCursor(ctx, r.shard, "end")
	if err != nil || before(r.cursor, end) {
		return AtStop, err
	}
	return Finished, nil
}

// failed decides what an error means, and waits as long as it takes before the next try.
// It returns Stopped if there is to be one, or why there is none.
func (r *Reader) failed(ctx context.Context, err error) End {
	class := sls.ClassOf(err)
	switch {
	case ctx.Err() != nil || errors.Is(err, errLate):
		return Stopped
	case class == sls.ClassSplit && r.started && r.size.shrink(r.size.count(), r.refused, r.refusedGroups):
		return Stopped
	case Gone(err):
		return ShardGone
	case class == sls.ClassThrottle:
		r.queue.Counters.Throttled.Add(1)
		r.failure.Log(ctx, r.log, slog.LevelWarn, "reading is throttled; this shard slows down", "error", err)
		retry.Wait(ctx, max(r.pace.throttled(), retry.After(err)))
		return Stopped
	case class == sls.ClassCursor && r.exact:
		r.log.Error("this range cannot be read: its data has expired, or its cursors are not of this shard",
			"begin", r.cursor, "end", r.stop.cursor, "error", err)
		return Expired
	case class == sls.ClassCursor && r.cursor != "" && !r.fallback:
		err = r.fallBack(ctx, err)
		if err == nil || ctx.Err() != nil {
			return Stopped
		}
	}
	r.queue.Counters.FetchErrors.Add(1)
	r.failure.Log(ctx, r.log, retry.Level(err), "cannot read shard; trying again", "cursor", r.cursor, "error", err)
	retry.Wait(ctx, r.retry.Pause(retry.After(err)))
	r.fallback = false
	return Stopped
}

// fallBack goes on from fallback_position when the cursor has expired. What was between
// the two is lost to this group.
func (r *Reader) fallBack(ctx context.Context, cause error) error {
	c := &r.source.Config
	cursor, err := r.source.Logs.GetCursor(ctx, r.shard, c.Fallback.From())
	if err != nil {
		return err
	}
	r.queue.Counters.Fallbacks.Add(1)
	r.log.Error("the position of this shard has expired: going on from fallback_position; data between the two is skipped",
		"expired", r.cursor, "fallback_position", c.FallbackText, "cursor", cursor, "error", cause)
	r.cursor, r.fallback = cursor, true
	return nil
}
