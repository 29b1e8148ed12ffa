package consumer

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"fluent-bit-sls/shared/sls"
)

const (
	// commitTimeout bounds one commit, so that a hung one delays neither the
	// release of a shard nor the next try.
	commitTimeout = 10 * time.Second
	// releaseBound is how long a release may take beyond handoff_delay, pauses
	// counted; then the shard goes to its next owner with what is safe. An engine that
	// pauses for five sixths of the time needs no more.
	releaseBound = 10 * time.Second
	// barrierBound is what a release may take longer to wait for a barrier.
	barrierBound = 20 * time.Second
	// stopBound is how long the last commit is tried for when the engine stops,
	// if Stop's context allows it.
	stopBound = 5 * time.Second
	// settlePoll is how often a shard about to be given up is looked at.
	settlePoll = 100 * time.Millisecond
)

// lease is one shard held in one epoch. Its run goroutine is the only one that
// commits the shard's checkpoint.
type lease struct {
	*shared
	member  sls.Member
	alone   bool // no group: nothing is committed, and the lease ends with its shard
	shard   int
	epoch   uint64
	log     *slog.Logger
	queue   *queue
	reader  *shardReader
	revoked chan struct{} // closed when the group wants the shard back
	cancel  context.CancelFunc
	// ended takes the lease off the list that heartbeats report; moveOn asks
	// for a heartbeat before its time.
	ended  func(*lease)
	moveOn func()
	// namesakes is asked about the group's checkpoints; nil without a group.
	namesakes *namesakes

	complete atomic.Bool // all there is to read is read and committed

	// Owned by run.
	committed string    // what the group has
	wrote     writes    // that, and what was committed before
	wroteAt   time.Time // the end of the last commit
	looked    int       // the last look at the group's checkpoints
	noted     string    // what is safe, where nothing is written
	readUp    bool      // the shard is read to its end or to its bound
	atEnd     bool      // to its end, and it is read-only
	notBefore time.Time // of the next try, after a failed one
	retry     backoff
	trouble   complaint
}

// holdEnd says why a shard is no longer read and committed as usual.
type holdEnd int

const (
	holdLost    holdEnd = iota // the lease ran out: hands off
	holdRefused                // a checkpoint was refused: another owns the shard
	holdGone                   // the shard does not exist any more
	holdRevoked                // the group wants it back
	holdStopped                // the engine stops
	holdDone                   // all of it is read, and no group wants to know
	holdExpired                // a range of cursors that cannot be read
)

func (l *lease) isRevoked() bool {
	select {
	case <-l.revoked:
		return true
	default:
		return false
	}
}

// lose ends the epoch: nothing of the shard is handed over or committed after
// it returns, except a commit already on its way, which the server judges.
func (l *lease) lose() {
	l.handoff.remove(l.queue)
	l.cancel()
}

// run is the life of the lease. ctx ends when the lease is lost or Stop cannot
// wait any longer, reading when the engine is to stop.
func (l *lease) run(ctx, reading context.Context) {
	readCtx, stopReading := context.WithCancel(ctx)
	defer context.AfterFunc(reading, stopReading)()
	var reader sync.WaitGroup
	ended := make(chan readEnd, 1)
	l.panics.Go(&reader, "the reader of a shard", func() { ended <- l.reader.run(readCtx) })

	why := holdStopped
	l.panics.Keep(reading, "the holding of a shard", func() { why = l.hold(ctx, reading, ended) })
	stopReading()
	reader.Wait()
	_ = l.panics.Catch("the end of a shard", func() { l.leave(ctx, reading, why) }) // reported, and it ends all the same
	l.lose()
	l.ended(l)
	if why == holdRevoked || l.alone {
		l.moveOn()
	}
}

// leave commits what may still be, or says why that is not for this member to do.
func (l *lease) leave(ctx, reading context.Context, why holdEnd) {
	switch why {
	case holdRevoked:
		l.release(ctx, reading)
	case holdStopped:
		l.flush(ctx, time.Now().Add(stopBound))
	case holdRefused:
		l.dropped("shard dropped: its checkpoint is another consumer's to write")
	case holdGone:
		l.dropped("shard dropped: it does not exist any more")
	case holdLost: // logged with the other shards lost
	case holdDone, holdExpired: // logged where they come from
	}
}

// dropped says that the shard ends without a release.
func (l *lease) dropped(why string) {
	l.log.Warn(why, "epoch", l.epoch)
	if !l.alone {
		l.metrics.leasesLost.With(l.logs.Name).Add(1)
	}
}

// hold commits as the hand-over goes on, until something ends it. A read-only
// shard that has been read to its end is held on to: the group hands out its
// children once the checkpoint at its end is written.
func (l *lease) hold(ctx, reading context.Context, ended <-chan readEnd) holdEnd {
	tick := time.NewTicker(l.commitInterval())
	defer tick.Stop()
	settle := time.NewTicker(settlePoll)
	defer settle.Stop()
	for {
		var finishing <-chan time.Time
		if l.readUp && !l.complete.Load() {
			finishing = settle.C
		}
		select {
		case <-ctx.Done():
			return holdLost
		case <-reading.Done():
			return holdStopped
		case <-l.revoked:
			return holdRevoked
		case end := <-ended:
			switch end {
			case readStopped:
			case readGone:
				return holdGone
			case readExpired:
				return holdExpired
			case readFinished, readReached:
				l.readUp, l.atEnd = true, end == readFinished
			}
			continue
		case l.committed = <-l.reader.opened:
			l.wrote.add(l.committed)
		case <-tick.C:
			if l.writes() {
				l.watch(ctx, reading)
			}
		case <-finishing:
			if _, settled := l.handoff.safe(l.queue); !settled {
				continue
			}
		}
		switch l.commit(ctx) {
		case commitRefused:
			return holdRefused
		case commitDone:
			if finishing != nil && l.finished() {
				l.completed()
				if l.alone {
					return holdDone
				}
				l.moveOn()
			}
		case commitLater:
		}
	}
}

// completed says in the log and to the group that the shard needs no reading
// any more.
func (l *lease) completed() {
	l.complete.Store(true)
	switch {
	case !l.atEnd:
		l.log.Info("shard read up to stop_position", "epoch", l.epoch, "cursor", cmp.Or(l.noted, l.committed))
	case l.alone:
		l.log.Info("shard finished: it is read-only and has been handed over to its end")
	default:
		l.log.Info("shard finished: it is read-only and its checkpoint is at its end", "epoch", l.epoch)
	}
}

// finished reports whether everything of a shard read to its end has been
// handed over, is safe and is committed.
func (l *lease) finished() bool {
	cursor, settled := l.handoff.safe(l.queue)
	if !l.writes() {
		return settled && cursor == l.noted
	}
	return settled && cursor == l.committed
}

// commitInterval is how often there may be something to commit. A barrier makes it
// safe all at once, and what is safe need not wait.
func (l *lease) commitInterval() time.Duration {
	if l.barrier != nil {
		return min(l.cfg.CheckpointInterval, time.Second)
	}
	return l.cfg.CheckpointInterval
}

// release lets what was handed over become safe and commits it. The shard is
// still reported in the heartbeats, so nobody else reads it meanwhile.
func (l *lease) release(ctx, reading context.Context) {
	l.handoff.drop(l.queue)
	until := time.Now().Add(l.cfg.HandoffDelay + releaseBound)
	if l.barrier != nil {
		until = until.Add(barrierBound)
		l.barrier.poke()
	}
	for time.Now().Before(until) && reading.Err() == nil {
		if _, settled := l.handoff.safe(l.queue); settled {
			break
		}
		if !wait(ctx, settlePoll) {
			return
		}
	}
	if reading.Err() != nil {
		until = time.Now().Add(stopBound)
	}
	l.flush(ctx, until)
	l.log.Info("shard released", "epoch", l.epoch)
}

// flush commits what is safe, at once and again until then or the end of ctx: the
// pause after an earlier failure may be longer than there is time.
func (l *lease) flush(ctx context.Context, until time.Time) {
	l.notBefore = time.Time{}
	for l.commit(ctx) == commitLater && ctx.Err() == nil && time.Now().Before(until) {
		wait(ctx, min(max(time.Until(l.notBefore), settlePoll), time.Until(until)))
	}
}

// commitEnd is the outcome of a commit.
type commitEnd int

const (
	commitDone    commitEnd = iota // the group has what is safe
	commitLater                    // it failed, or it is too early to try again
	commitRefused                  // the shard is not ours
)

// writes reports whether the group is to have the safe cursor. With checkpoint off
// it gets that at the end of a read-only shard only: without it SLS would never
// hand out the children.
func (l *lease) writes() bool {
	return !l.alone && (l.cfg.Checkpoint != checkpointOff || l.atEnd)
}

// commit writes the safe cursor if the group does not have it, or notes it where
// it writes none.
func (l *lease) commit(ctx context.Context) commitEnd {
	cursor, _ := l.handoff.safe(l.queue)
	if cursor == "" || cursor == l.committed {
		return commitDone
	}
	if !l.writes() {
		l.noted = cursor
		return commitDone
	}
	now := time.Now()
	if now.Before(l.notBefore) || l.queue.clock.lost(now) {
		return commitLater
	}
	callCtx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	l.wrote.add(cursor)
	err := l.logs.UpdateCheckpoint(callCtx, l.member, l.shard, cursor)
	l.wroteAt = time.Now()
	switch {
	case err == nil:
		l.committed = cursor
		l.retry.reset()
		l.queue.meter.committed.Add(1)
		return commitDone
	case ctx.Err() != nil:
		return commitLater
	case sls.ClassOf(err) == sls.ClassLeaseLost || isShardGone(err):
		l.queue.meter.refused.Add(1)
		l.log.Warn("checkpoint refused", "epoch", l.epoch, "error", err)
		return commitRefused
	}
	l.queue.meter.commitErrors.Add(1)
	l.notBefore = now.Add(l.retry.pause(retryAfter(err)))
	l.trouble.log(ctx, l.log, level(err), "checkpoint not written; it will be tried again", "error", err)
	return commitLater
}
