package lease

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/metrics"
	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

const (
	// MaxShards is how many shards of one logstore are read at once: several times the 256
	// that SLS allows, because each takes some 100 KiB. The others wait.
	MaxShards = 1000
	// CommitTimeout bounds one commit, so that a hung one delays neither the release of a
	// shard nor the next try.
	CommitTimeout = 10 * time.Second

	// releaseBound is how long a release may take beyond handoff_delay, pauses counted.
	// After that the shard goes to its next owner with what is safe. An engine that is
	// paused for five sixths of the time still makes it.
	releaseBound = 10 * time.Second
	// barrierBound is how much longer a release may take to wait for a barrier.
	barrierBound = 20 * time.Second
	// stopBound is how long the last commit is tried for when the engine stops, if Stop's
	// context allows it.
	stopBound = 5 * time.Second
	// safePoll is how often a shard that is about to end is looked at.
	safePoll = 100 * time.Millisecond
)

// Checkpoints is where one lease stores how far its shard is safe. Its methods are called by
// the lease's goroutine only.
type Checkpoints interface {
	// Opened says which checkpoint the group has, "" for none.
	Opened(cursor string)
	// Has reports whether a cursor needs no write: it is stored, or is not to be stored.
	// end says that it is the end of a read-only shard.
	Has(cursor string, end bool) bool
	// Write stores a cursor.
	Write(ctx context.Context, cursor string) error
	// Watch looks now and then for checkpoints that others have written, and returns how
	// many it found. It ends early with ctx.
	Watch(ctx context.Context) (foreign int)
}

// Owner is what a shard was taken for: a membership in a group, or a reading without one.
type Owner interface {
	// Complete says that everything of the shard is read and committed. It runs on the
	// lease's goroutine and returns whether that ends the lease. A group does not end it:
	// its next heartbeats have to report the shard.
	Complete(l *Lease) (over bool)
	// Ended says that the lease is over, and how.
	Ended(l *Lease, how Outcome)
}

// Outcome is how a lease has ended.
type Outcome int

const (
	// Over says that there was nothing more to read, that the engine stops, or that the
	// owner has ended the lease.
	Over Outcome = iota
	// Released says that the group wanted the shard back.
	Released
	// Dropped says that the shard is another's, or does not exist, by the server's word.
	Dropped
)

// Config is what the options say of leases.
type Config struct {
	CheckpointInterval time.Duration
	HandoffDelay       time.Duration
}

// Maker makes the leases of one logstore.
type Maker struct {
	Config  Config
	Queues  *handover.Queues
	Metrics *metrics.Metrics
	Source  *shard.Source
	Barrier *handover.Barrier // nil unless checkpoint is delivered
	Panics  *panics.Guard
	Log     *slog.Logger

	epochs atomic.Uint64
}

// Grant is one shard that was given to this member.
type Grant struct {
	Shard       int
	Clock       *Clock
	Start       shard.Start
	Checkpoints Checkpoints
	Owner       Owner
	Cancel      context.CancelFunc // ends the context of Run
}

// New makes a lease, with a queue and a reader of its own. Run is to follow.
func (m *Maker) New(g Grant) *Lease {
	log := m.Log.With("shard", g.Shard)
	q := m.Queues.Open(g.Shard, m.Metrics.Shard(m.Source.Logs.Name, g.Shard), g.Clock.Expired)
	return &Lease{
		Shard: g.Shard, epoch: m.epochs.Add(1), config: m.Config, barrier: m.Barrier, panics: m.Panics, log: log,
		queue: q, reader: shard.NewReader(m.Source, g.Start, q, log), checkpoints: g.Checkpoints, owner: g.Owner,
		cancel: g.Cancel, revoked: make(chan struct{}),
		retry: retry.Backoff{Least: 500 * time.Millisecond, Most: max(m.Config.CheckpointInterval, time.Second)},
	}
}

// Lease is one shard held by this member, from when it was assigned until it is given back
// or lost. The goroutine of Run is the only one that commits the shard's checkpoint.
type Lease struct {
	Shard int

	epoch       uint64 // numbers the leases of a logstore
	config      Config
	queue       *handover.Queue
	reader      *shard.Reader
	checkpoints Checkpoints
	barrier     *handover.Barrier
	owner       Owner
	panics      *panics.Guard
	log         *slog.Logger

	cancel  context.CancelFunc // of the context of Run
	revoked chan struct{}      // closed when the group wants the shard back

	complete atomic.Bool // all there is to read is read and committed

	// Owned by Run.
	readUp    bool      // the shard is read to its end or to stop_position
	atEnd     bool      // to its end, and it is read-only
	hastened  bool      // a barrier was asked for then
	notBefore time.Time // of the next try, after a failed one
	retry     retry.Backoff
	failure   retry.Failure
}

// Complete reports whether everything there is to read is read and committed.
func (l *Lease) Complete() bool { return l.complete.Load() }

// Revoke says that the group wants the shard back. It returns false when that was said
// before. One goroutine calls it.
func (l *Lease) Revoke() bool {
	select {
	case <-l.revoked:
		return false
	default:
		close(l.revoked)
		return true
	}
}

// Lose ends the lease at once: nothing of the shard is handed over or committed after it
// returns. A commit already on its way is the server's to judge.
func (l *Lease) Lose() {
	l.queue.Close()
	l.cancel()
}

// end says why a shard is no longer read and committed as usual.
type end int

const (
	endLost     end = iota // the lease is lost: nothing may be committed
	endRefused             // a checkpoint was refused: another owns the shard
	endGone                // the shard does not exist any more
	endRevoked             // the group wants it back
	endStopped             // the engine stops
	endComplete            // everything is read, and the owner ends the lease
	endExpired             // a range of cursors that cannot be read
)

func (e end) outcome() Outcome {
	switch e {
	case endRevoked:
		return Released
	case endRefused, endGone:
		return Dropped
	default:
		return Over
	}
}

// Run is the life of the lease. ctx ends when the lease is lost, or when everything is to be
// abandoned, reading when the engine is to stop.
func (l *Lease) Run(ctx, reading context.Context) {
	readCtx, stopReading := context.WithCancel(ctx)
	defer context.AfterFunc(reading, stopReading)()
	var running sync.WaitGroup
	ended := make(chan shard.End, 1)
	l.panics.Go(&running, "the reader of a shard", func() { ended <- l.reader.Run(readCtx) })

	why := endStopped
	l.panics.Keep(reading, "the holding of a shard", func() { why = l.hold(ctx, reading, ended) })
	stopReading()
	running.Wait()
	_ = l.panics.Catch("the end of a shard", func() { l.leave(ctx, reading, why) }) // reported, and it ends all the same
	l.Lose()
	l.owner.Ended(l, why.outcome())
}

// hold commits as the hand-over goes on, until something ends it. A read-only shard that
// has been read to its end stays held: the group hands out its children once the
// checkpoint at its end is written.
func (l *Lease) hold(ctx, reading context.Context, ended <-chan shard.End) end {
	tick := time.NewTicker(l.commitInterval())
	defer tick.Stop()
	poll := time.NewTicker(safePoll)
	defer poll.Stop()
	for {
		var finishing <-chan time.Time
		if l.readUp && !l.complete.Load() {
			finishing = poll.C
		}
		select {
		case <-ctx.Done():
			return endLost
		case <-reading.Done():
			return endStopped
		case <-l.revoked:
			return endRevoked
		case why := <-ended:
			switch why {
			case shard.Stopped:
			case shard.ShardGone:
				return endGone
			case shard.Expired:
				return endExpired
			case shard.Finished, shard.AtStop:
				l.readUp, l.atEnd = true, why == shard.Finished
			}
			continue
		case cursor := <-l.reader.Opened:
			l.checkpoints.Opened(cursor)
		case <-tick.C:
			l.watch(ctx, reading)
		case <-finishing:
			if _, complete := l.queue.Safe(); !complete {
				l.hasten()
				continue
			}
		}
		switch l.commit(ctx) {
		case commitRefused:
			return endRefused
		case commitDone:
			if finishing != nil && l.finished() {
				l.complete.Store(true)
				if l.owner.Complete(l) {
					return endComplete
				}
			}
		case commitLater:
		}
	}
}

// hasten asks for a barrier when the last record of the shard has been handed over, once:
// the shard's children wait for it, and each generation would wait for checkpoint_interval.
func (l *Lease) hasten() {
	if l.barrier == nil || l.hastened || !l.queue.HandedOver() {
		return
	}
	l.hastened = true
	l.barrier.Hasten()
}

// watch looks for the checkpoints of others. It belongs here because none of this lease's
// own commits is under way meanwhile.
func (l *Lease) watch(ctx, reading context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(reading, cancel)()
	l.queue.Counters.Foreign.Add(uint64(l.checkpoints.Watch(ctx)))
}

// commitInterval is how often there may be something to commit. A barrier makes everything
// safe at once, and what is safe need not wait.
func (l *Lease) commitInterval() time.Duration {
	if l.barrier != nil {
		return min(l.config.CheckpointInterval, time.Second)
	}
	return l.config.CheckpointInterval
}

// finished reports whether everything of a shard that is read to its end has been handed
// over, is safe, and is committed.
func (l *Lease) finished() bool {
	cursor, complete := l.queue.Safe()
	return complete && l.checkpoints.Has(cursor, l.atEnd)
}

// LogComplete logs that the shard has been read. atItsEnd ends the sentence for a read-only
// shard that was read to its end.
func (l *Lease) LogComplete(atItsEnd string) {
	cursor, _ := l.queue.Safe()
	if l.atEnd {
		l.log.Info("shard finished: it is read-only and "+atItsEnd, "epoch", l.epoch)
	} else {
		l.log.Info("shard read up to stop_position", "epoch", l.epoch, "cursor", cursor)
	}
}

// leave commits what may still be committed, or logs why this member must not commit it.
func (l *Lease) leave(ctx, reading context.Context, why end) {
	switch why {
	case endRevoked:
		l.release(ctx, reading)
	case endStopped:
		l.flush(ctx, time.Now().Add(stopBound))
	case endRefused:
		l.log.Warn("shard dropped: its checkpoint is another consumer's to write", "epoch", l.epoch)
	case endGone:
		l.log.Warn("shard dropped: it does not exist any more", "epoch", l.epoch)
	case endLost: // logged and counted with the other shards lost
	case endComplete, endExpired: // logged where they come from
	}
}

// release lets what was handed over become safe and commits it. Heartbeats still report
// the shard, so nobody else reads it meanwhile.
func (l *Lease) release(ctx, reading context.Context) {
	l.queue.Drop()
	until := time.Now().Add(l.config.HandoffDelay + releaseBound)
	if l.barrier != nil {
		until = until.Add(barrierBound)
		l.barrier.Hasten()
	}
	for time.Now().Before(until) && reading.Err() == nil {
		if _, complete := l.queue.Safe(); complete {
			break
		}
		if !retry.Wait(ctx, safePoll) {
			return
		}
	}
	if reading.Err() != nil {
		until = time.Now().Add(stopBound)
	}
	l.flush(ctx, until)
	l.log.Info("shard released", "epoch", l.epoch)
}

// flush commits what is safe, at once and again until it is stored, a time has come, or the
// lease ends. It leaves out the pause after an earlier failure, which may be longer than
// there is time.
func (l *Lease) flush(ctx context.Context, until time.Time) {
	l.notBefore = time.Time{}
	for l.commit(ctx) == commitLater && ctx.Err() == nil && time.Now().Before(until) {
		retry.Wait(ctx, min(max(time.Until(l.notBefore), safePoll), time.Until(until)))
	}
}

// commitEnd is the outcome of a commit.
type commitEnd int

const (
	commitDone    commitEnd = iota // the group has what is safe
	commitLater                    // it failed, or it is too early to try again
	commitRefused                  // the shard is not ours
)

// commit stores the safe cursor if it is not stored.
func (l *Lease) commit(ctx context.Context) commitEnd {
	cursor, _ := l.queue.Safe()
	if cursor == "" || l.checkpoints.Has(cursor, l.atEnd) {
		return commitDone
	}
	now := time.Now()
	if now.Before(l.notBefore) || l.queue.Expired(now) {
		return commitLater
	}
	callCtx, cancel := context.WithTimeout(ctx, CommitTimeout)
	defer cancel()
	err := l.checkpoints.Write(callCtx, cursor)
	switch {
	case err == nil:
		l.retry.Reset()
		l.queue.Counters.Committed.Add(1)
		return commitDone
	case ctx.Err() != nil:
		return commitLater
	case sls.ClassOf(err) == sls.ClassLeaseLost || shard.Gone(err):
		l.queue.Counters.Refused.Add(1)
		l.log.Warn("checkpoint refused", "epoch", l.epoch, "error", err)
		return commitRefused
	}
	l.queue.Counters.CommitErrors.Add(1)
	l.notBefore = now.Add(l.retry.Pause(retry.After(err)))
	l.failure.Log(ctx, l.log, retry.Level(err), "checkpoint not written; it will be tried again", "error", err)
	return commitLater
}
