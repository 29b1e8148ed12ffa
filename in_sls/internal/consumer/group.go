package consumer

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
)

// leaseClock says until when the shards held are ours. It runs on this side's
// monotonic clock, from before the last good heartbeat was sent.
type leaseClock struct {
	until atomic.Pointer[time.Time]
}

// renew starts the lease again from the time a good heartbeat was sent.
func (c *leaseClock) renew(sent time.Time, timeout time.Duration) {
	until := sent.Add(timeout)
	c.until.Store(&until)
}

// deadline returns when the lease ends, zero before the first heartbeat.
func (c *leaseClock) deadline() time.Time {
	if until := c.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

// lost reports whether the server may have given the shards to another.
func (c *leaseClock) lost(now time.Time) bool {
	return !now.Before(c.deadline())
}

// beatGap is the least time between two heartbeats, whatever asks for one.
const beatGap = time.Second

// group is the membership in the consumer group of one logstore. Its run
// goroutine joins, sends the heartbeats and starts and revokes the leases.
type group struct {
	*shared
	member sls.Member
	clock  leaseClock

	// Owned by run.
	timeout time.Duration  // of the group, as the server has it
	sent    time.Time      // last heartbeat, good or not
	ends    map[int]string // cursors of stop_position by shard
	idled   bool           // all was read when the last heartbeat, a good one, was sent
	without bool           // no shard is held, and the log has said so
	epoch   uint64
	retry   backoff
	trouble complaint

	shards      *fresh[[]sls.Shard]
	checkpoints *fresh[[]sls.Checkpoint]
	namesakes   *namesakes
	wake        chan struct{} // asks for a heartbeat before its time
	ending      sync.WaitGroup

	heartbeats, rebalances, leasesLost metric.Counter

	mu     sync.Mutex // guards leases; taken alone
	leases map[int]*lease
}

func newGroup(s *shared) *group {
	g := &group{
		shared: s,
		member: sls.Member{Group: s.cfg.ConsumerGroup, Consumer: s.cfg.name()},
		shards: newFresh(s.logs.ListShards),
		checkpoints: newFresh(func(ctx context.Context) ([]sls.Checkpoint, error) {
			return s.logs.Checkpoints(ctx, s.cfg.ConsumerGroup)
		}),
		wake: make(chan struct{}, 1),

		heartbeats: s.metrics.heartbeats.With(s.logs.Name),
		rebalances: s.metrics.rebalances.With(s.logs.Name),
		leasesLost: s.metrics.leasesLost.With(s.logs.Name),

		ends:   map[int]string{},
		leases: map[int]*lease{},
		retry:  backoff{least: 500 * time.Millisecond, most: 30 * time.Second},
	}
	g.namesakes = newNamesakes(g.member, g.log, g.checkpoints)
	return g
}

// run is the life of the membership. reading ends when the engine is to stop;
// hard ends when what is still going on has to be abandoned. It returns once
// all leases have ended.
func (g *group) run(hard, reading context.Context) {
	defer g.ending.Wait()
	reading, stop := context.WithCancel(reading)
	defer stop()
	for reading.Err() == nil {
		var pause time.Duration
		var all bool
		if g.panics.Catch("the consumer group's membership", func() { pause, all = g.turn(hard, reading) }) != nil {
			pause, all = g.retry.pause(0), false
		}
		if all {
			g.log.Info("every shard has been read up to stop_position: the reading has ended")
			return
		}
		if !g.sleep(reading, pause) {
			return
		}
	}
}

// turn joins the group or sends a heartbeat. It returns how long to wait before the
// next, and whether there is nothing left to read.
func (g *group) turn(hard, reading context.Context) (pause time.Duration, all bool) {
	if g.timeout == 0 {
		pause = g.tryJoin(reading)
	} else {
		pause = g.tryBeat(hard, reading)
	}
	return pause, g.allRead(reading)
}

// sleep waits for the next heartbeat or for something that asks for one.
func (g *group) sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-g.wake:
		return wait(ctx, min(time.Until(g.sent.Add(beatGap)), pause))
	}
}

// poke asks for a heartbeat now: the group can move a shard on.
func (g *group) poke() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// tryBeat sends one heartbeat and does what its answer says. It returns how
// long to wait until the next.
func (g *group) tryBeat(hard, reading context.Context) time.Duration {
	now := time.Now()
	if g.clock.lost(now) {
		g.loseAll("no heartbeat was answered for heartbeat_timeout")
	}
	held := g.held()
	// A hung connection must not use up the lease: there is time for more.
	limit := now.Add(g.interval() / 2)
	if until := g.clock.deadline(); len(held) > 0 && until.Before(limit) {
		limit = until
	}
	ctx, cancel := context.WithDeadline(reading, limit)
	defer cancel()
	g.sent = now
	idle := g.idle()
	g.idled = false
	assigned, err := g.logs.Heartbeat(ctx, g.member, held)
	if reading.Err() != nil {
		return 0
	}
	if err != nil {
		return g.beatFailed(reading, err)
	}
	g.retry.reset()
	g.idled = idle
	g.heartbeats.Add(1)
	g.clock.renew(now, g.timeout)
	g.assign(hard, reading, assigned)
	return time.Until(now.Add(g.interval()))
}

// interval is the time between two heartbeats: a lease outlives two that fail.
func (g *group) interval() time.Duration { return g.timeout / 3 }

// beatFailed decides what a failed heartbeat means, and when to try again.
func (g *group) beatFailed(ctx context.Context, err error) time.Duration {
	switch {
	case sls.ClassOf(err) == sls.ClassLeaseLost && len(g.held()) > 0:
		// The group has forgotten this member, and so may have given its
		// shards away. Empty-handed it is welcome again; if not, as after any error.
		g.loseAll("the group has forgotten this consumer")
		return 0
	case isGroupGone(err):
		g.loseAll("the consumer group is gone")
		g.timeout = 0
		return g.retry.pause(0)
	}
	g.trouble.log(ctx, g.log, level(err), "heartbeat failed", "error", err)
	pause := min(g.retry.pause(retryAfter(err)), g.interval())
	if until := g.clock.deadline(); len(g.held()) > 0 {
		pause = min(pause, time.Until(until))
	}
	return max(pause, 0)
}

// held lists the shards to report: those being released are among them, which
// is what keeps others away until their checkpoints are written.
func (g *group) held() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.leases))
}

// assign makes the leases what the answer says. A shard that is being released
// is released to the end, even if it has come back: the next answer brings it.
func (g *group) assign(hard, reading context.Context, assigned []int) {
	if len(assigned) > maxAtOnce {
		g.trouble.log(reading, g.log, slog.LevelWarn, "more shards are assigned than are read at once; the others wait",
			"assigned", len(assigned), "read", maxAtOnce)
		assigned = assigned[:maxAtOnce] // those with the lowest ids: parents come first
	}
	gone, come := g.compare(assigned)
	for _, id := range come {
		g.grant(hard, reading, id)
	}
	if len(gone)+len(come) > 0 {
		g.rebalances.Add(1)
		slices.Sort(gone)
		g.log.Info("shards assigned", "granted", come, "revoked", gone, "held", g.held())
	}
	g.tellWithout(len(assigned) == 0)
}

// compare revokes the leases that are not assigned any more, and returns which these
// are and which have come.
func (g *group) compare(assigned []int) (gone, come []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, l := range g.leases {
		if !l.isRevoked() && !slices.Contains(assigned, id) {
			close(l.revoked)
			gone = append(gone, id)
		}
	}
	for _, id := range assigned {
		if g.leases[id] == nil {
			come = append(come, id)
		}
	}
	return gone, come
}

// tellWithout says once why nothing is read: after a restart under another name the
// shards are still those of the member of before, for as long as the group's timeout.
func (g *group) tellWithout(without bool) {
	if without && !g.without {
		g.log.Info("no shard is assigned: other members hold them all; one that has ended does so for the group's timeout, "+
			"unless it comes back under the same name (option consumer)", "timeout", g.timeout)
	}
	g.without = without
}

// grant begins a new epoch of a shard.
func (g *group) grant(hard, reading context.Context, shard int) {
	g.epoch++
	ctx, cancel := context.WithCancel(hard)
	log := g.log.With("shard", shard)
	q := g.handoff.open(g.metrics.shard(g.logs.Name, shard), shard, &g.clock)
	l := &lease{
		shared: g.shared, member: g.member, shard: shard, epoch: g.epoch, log: log, queue: q,
		reader: newShardReader(g.shared, groupOpener{
			logs: g.logs, member: g.member, log: log, shard: shard, shards: g.shards, checkpoints: g.checkpoints,
			rule: startRule{start: g.start, patience: g.patience()},
		}, g.shards, q, log),
		revoked: make(chan struct{}), cancel: cancel, ended: g.ended, moveOn: g.poke, namesakes: g.namesakes,
		retry: backoff{least: 500 * time.Millisecond, most: max(g.cfg.CheckpointInterval, time.Second)},
	}
	g.mu.Lock()
	g.leases[shard] = l
	g.mu.Unlock()
	g.panics.Go(&g.ending, "a shard", func() { l.run(ctx, reading) })
}

// patience is how long a shard may wait for its parents to be opened: until one that its
// member has died with is another's. With checkpoint off nobody would see that they are.
func (g *group) patience() time.Duration {
	if g.cfg.Checkpoint == checkpointOff {
		return 0
	}
	return g.timeout + commitTimeout
}

// loseAll ends every lease at once: what is queued of the shards and what is
// not committed is another's to read now.
func (g *group) loseAll(why string) {
	g.mu.Lock()
	lost := g.leases
	g.leases = map[int]*lease{}
	g.mu.Unlock()
	if len(lost) == 0 {
		return
	}
	for _, l := range lost {
		l.lose()
	}
	g.leasesLost.Add(uint64(len(lost)))
	g.log.Warn("shards lost", "why", why, "shards", slices.Sorted(maps.Keys(lost)))
}

// ended takes a lease that is over off the list, so that the next heartbeat
// no longer reports its shard.
func (g *group) ended(l *lease) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leases[l.shard] == l {
		delete(g.leases, l.shard)
	}
}
