package group

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/lease"
	"fluent-bit-sls/in_sls/internal/retry"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

const (
	// heartbeatGap is the least time between two heartbeats, whatever asks for one.
	heartbeatGap = time.Second
	// longestTimeout is the longest heartbeat_timeout. A group may have a longer one: too
	// many heartbeats do no harm, too few lose the shards.
	longestTimeout = 10 * time.Minute
)

// Config is what the options say of a membership.
type Config struct {
	Member        sls.Member
	Timeout       time.Duration // heartbeat_timeout, for a group that is created
	Order         bool          // in_order, for a group that is created
	CheckpointOff bool
	Start         shard.Position
	Stop          shard.Stop
}

// Group is the membership in the consumer group of one logstore. It implements lease.Owner.
type Group struct {
	Clock lease.Clock // of all shards held

	config Config
	logs   sls.Logstore
	leases *lease.Maker
	panics *panics.Guard
	log    *slog.Logger

	shards      *shard.Cached[[]sls.Shard]
	checkpoints *shard.Cached[[]sls.Checkpoint]
	namesakes   *namesakes
	due         chan struct{} // asks for a heartbeat before its time
	running     sync.WaitGroup

	heartbeats, rebalances, leasesLost metric.Counter

	// Owned by Run.
	timeout time.Duration  // of the group, as the server has it; 0 until it is joined
	sent    time.Time      // last heartbeat, good or not
	stops   map[int]string // cursors of stop_position by shard
	wasIdle bool           // everything was read when the last heartbeat was sent, and it succeeded
	empty   bool           // no shard is assigned, and the log has said so
	retry   retry.Backoff
	failure retry.Failure

	mu   sync.Mutex // guards held; taken alone
	held map[int]*lease.Lease
}

// New makes a membership that makes its leases by m. Nothing is sent before Run.
func New(c Config, m *lease.Maker) *Group {
	logs := m.Source.Logs
	g := &Group{
		config: c, logs: logs, leases: m, panics: m.Panics, log: m.Log,
		shards: m.Source.Shards,
		checkpoints: shard.NewCached(func(ctx context.Context) ([]sls.Checkpoint, error) {
			return logs.Checkpoints(ctx, c.Member.Group)
		}),
		due: make(chan struct{}, 1),

		heartbeats: m.Metrics.Heartbeats.With(logs.Name),
		rebalances: m.Metrics.Rebalances.With(logs.Name),
		leasesLost: m.Metrics.LeasesLost.With(logs.Name),

		stops: map[int]string{},
		held:  map[int]*lease.Lease{},
		retry: retry.Backoff{Least: 500 * time.Millisecond, Most: 30 * time.Second},
	}
	g.namesakes = newNamesakes(c.Member, g.log, g.checkpoints)
	return g
}

// Run is the life of the membership. reading ends when the engine is to stop, hard when
// what is still going on has to be abandoned. It returns once all leases have ended.
func (g *Group) Run(hard, reading context.Context) {
	defer g.running.Wait()
	reading, stop := context.WithCancel(reading)
	defer stop()
	for reading.Err() == nil {
		var pause time.Duration
		var all bool
		if g.panics.Catch("the consumer group's membership", func() { pause, all = g.step(hard, reading) }) != nil {
			pause, all = g.retry.Pause(0), false
		}
		if all {
			g.log.Info("every shard has been read up to stop_position: the reading has ended")
			return
		}
		if !g.wait(reading, pause) {
			return
		}
	}
}

// step joins the group or sends a heartbeat. It returns how long to wait before the next
// step, and whether there is nothing left to read.
func (g *Group) step(hard, reading context.Context) (pause time.Duration, all bool) {
	if g.timeout == 0 {
		pause = g.join(reading)
	} else {
		pause = g.heartbeat(hard, reading)
	}
	return pause, g.allRead(reading)
}

// wait waits for the next heartbeat, or for something that asks for one.
func (g *Group) wait(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-g.due:
		return retry.Wait(ctx, min(time.Until(g.sent.Add(heartbeatGap)), pause))
	}
}

// hasten asks for a heartbeat now: the group can move a shard on.
func (g *Group) hasten() {
	select {
	case g.due <- struct{}{}:
	default:
	}
}

// join creates the consumer group, or joins it as it is. It returns how long to wait before
// going on. timeout stays 0 until it has joined.
func (g *Group) join(ctx context.Context) time.Duration {
	groups, err := g.logs.ListConsumerGroups(ctx)
	if err != nil {
		return g.joinFailed(ctx, err)
	}
	for _, found := range groups {
		if found.Name == g.config.Member.Group {
			g.joined(found)
			return 0
		}
	}
	want := sls.ConsumerGroup{Name: g.config.Member.Group, Timeout: g.config.Timeout, Order: g.config.Order}
	err = g.logs.CreateConsumerGroup(ctx, want)
	if err != nil && sls.ClassOf(err) == sls.ClassConflict {
		return heartbeatGap // another member was faster: join what it made
	}
	if err != nil {
		return g.joinFailed(ctx, err)
	}
	g.log.Info("consumer group created", "group", want.Name, "timeout", want.Timeout)
	g.joined(want)
	return 0
}

// joined takes the group as it is. The server expires members by the group's own timeout,
// so the clock of the leases has to run by that one.
func (g *Group) joined(found sls.ConsumerGroup) {
	if found.Timeout != g.config.Timeout || found.Order != g.config.Order {
		g.log.Warn("the consumer group exists with other settings, which are kept",
			"group", found.Name,
			"timeout", found.Timeout, "heartbeat_timeout", g.config.Timeout,
			"order", found.Order, "in_order", g.config.Order)
	}
	g.timeout = min(found.Timeout, longestTimeout)
	if g.timeout < time.Second {
		g.timeout = g.config.Timeout
	}
	g.retry.Reset()
	g.log.Info("joined the consumer group", "group", found.Name, "consumer", g.config.Member.Consumer)
}

func (g *Group) joinFailed(ctx context.Context, err error) time.Duration {
	if ctx.Err() == nil {
		g.failure.Log(ctx, g.log, retry.Level(err), "cannot join the consumer group", "group", g.config.Member.Group, "error", err)
	}
	return g.retry.Pause(retry.After(err))
}

// heartbeat sends one heartbeat and does what its answer says. It returns how long to wait
// until the next.
func (g *Group) heartbeat(hard, reading context.Context) time.Duration {
	now := time.Now()
	if g.Clock.Expired(now) {
		g.loseAll("no heartbeat was answered for heartbeat_timeout")
	}
	held := g.heldShards()
	// A hung connection must not use up the lease: there is time for more.
	limit := now.Add(g.interval() / 2)
	if until := g.Clock.Deadline(); len(held) > 0 && until.Before(limit) {
		limit = until
	}
	ctx, cancel := context.WithDeadline(reading, limit)
	defer cancel()
	g.sent = now
	idle := g.idle()
	g.wasIdle = false
	assigned, err := g.logs.Heartbeat(ctx, g.config.Member, held)
	if reading.Err() != nil {
		return 0
	}
	if err != nil {
		return g.heartbeatFailed(reading, err)
	}
	g.retry.Reset()
	g.wasIdle = idle
	g.heartbeats.Add(1)
	g.Clock.Renew(now, g.timeout)
	g.assign(hard, reading, assigned)
	return time.Until(now.Add(g.interval()))
}

// interval is the time between two heartbeats: a lease outlives two that fail.
func (g *Group) interval() time.Duration { return g.timeout / 3 }

// heartbeatFailed decides what a failed heartbeat means, and when to try again.
func (g *Group) heartbeatFailed(ctx context.Context, err error) time.Duration {
	switch {
	case sls.ClassOf(err) == sls.ClassLeaseLost && len(g.heldShards()) > 0:
		// The group has forgotten this member, and so may have given its shards away.
		// It may come back with none. If that does not work, it waits as after any error.
		g.loseAll("the group has forgotten this consumer")
		return 0
	case isGroupGone(err):
		g.loseAll("the consumer group is gone")
		g.timeout = 0
		return g.retry.Pause(0)
	}
	g.failure.Log(ctx, g.log, retry.Level(err), "heartbeat failed", "error", err)
	pause := min(g.retry.Pause(retry.After(err)), g.interval())
	if until := g.Clock.Deadline(); len(g.heldShards()) > 0 {
		pause = min(pause, time.Until(until))
	}
	return max(pause, 0)
}

func isGroupGone(err error) bool {
	return sls.IsCode(err, "GroupNotExist") || sls.IsCode(err, "ConsumerGroupNotExist")
}

// heldShards lists the shards that heartbeats report. Those being released are among them:
// that keeps others away until their checkpoints are written.
func (g *Group) heldShards() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(maps.Keys(g.held))
}

// assign makes the leases what the answer to a heartbeat says. A shard that is being released
// is released to the end, even if it has come back: the next answer brings it again.
func (g *Group) assign(hard, reading context.Context, assigned []int) {
	if len(assigned) > lease.MaxShards {
		g.failure.Log(reading, g.log, slog.LevelWarn, "more shards are assigned than are read at once; the others wait",
			"assigned", len(assigned), "read", lease.MaxShards)
		assigned = assigned[:lease.MaxShards] // those with the lowest ids: parents come first
	}
	revoked, granted := g.compare(assigned)
	for _, id := range granted {
		g.grant(hard, reading, id)
	}
	if len(revoked)+len(granted) > 0 {
		g.rebalances.Add(1)
		slices.Sort(revoked)
		g.log.Info("shards assigned", "granted", granted, "revoked", revoked, "held", g.heldShards())
	}
	if len(assigned) == 0 && !g.empty {
		// After a restart under another name, the shards stay with the old name for the
		// group's timeout.
		g.log.Info("no shard is assigned: other members hold them all; one that has ended does so for the group's timeout, "+
			"unless it comes back under the same name (option consumer)", "timeout", g.timeout)
	}
	g.empty = len(assigned) == 0
}

// compare revokes the leases that are not assigned any more. It returns these shards, and
// those that are newly assigned.
func (g *Group) compare(assigned []int) (revoked, granted []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, l := range g.held {
		if !slices.Contains(assigned, id) && l.Revoke() {
			revoked = append(revoked, id)
		}
	}
	for _, id := range assigned {
		if g.held[id] == nil {
			granted = append(granted, id)
		}
	}
	return revoked, granted
}

// grant begins the lease of a shard.
func (g *Group) grant(hard, reading context.Context, id int) {
	c := g.config
	start := shard.GroupStart{
		Logs: g.logs, Member: c.Member, Log: g.log.With("shard", id), Shard: id,
		Shards: g.shards, Checkpoints: g.checkpoints, Position: c.Start, Patience: g.patience(),
	}
	stored := &checkpoints{logs: g.logs, member: c.Member, shard: id, off: c.CheckpointOff, namesakes: g.namesakes}
	ctx, cancel := context.WithCancel(hard)
	l := g.leases.New(lease.Grant{Shard: id, Clock: &g.Clock, Start: start, Checkpoints: stored, Owner: g, Cancel: cancel})
	g.mu.Lock()
	g.held[id] = l
	g.mu.Unlock()
	g.panics.Go(&g.running, "a shard", func() { l.Run(ctx, reading) })
}

// patience is how long a shard waits for its parents to be opened. That is long enough for
// another member to take them over from one that has died. With checkpoint off nobody could
// see that they are opened.
func (g *Group) patience() time.Duration {
	if g.config.CheckpointOff {
		return 0
	}
	return g.timeout + lease.CommitTimeout
}

// Complete implements lease.Owner. The group may hand out the children of the shard now.
func (g *Group) Complete(l *lease.Lease) (over bool) {
	l.LogComplete("its checkpoint is at its end")
	g.hasten()
	return false
}

// Ended implements lease.Owner: the next heartbeat no longer reports the shard. It is sent at
// once if the shard was released, for the next owner.
func (g *Group) Ended(l *lease.Lease, how lease.Outcome) {
	g.mu.Lock()
	if g.held[l.Shard] == l {
		delete(g.held, l.Shard)
	}
	g.mu.Unlock()
	switch how {
	case lease.Released:
		g.hasten()
	case lease.Dropped:
		g.leasesLost.Add(1)
	case lease.Over:
	}
}

// loseAll ends every lease at once. What is queued of the shards, and what is not
// committed, is another member's to read now.
func (g *Group) loseAll(why string) {
	g.mu.Lock()
	lost := g.held
	g.held = map[int]*lease.Lease{}
	g.mu.Unlock()
	if len(lost) == 0 {
		return
	}
	for _, l := range lost {
		l.Lose()
	}
	g.leasesLost.Add(uint64(len(lost)))
	g.log.Warn("shards lost", "why", why, "shards", slices.Sorted(maps.Keys(lost)))
}

// allRead reports whether the members of the group together have read every shard up to
// stop_position. Until then this member stays, even without work of its own: it may have
// to take over from another.
func (g *Group) allRead(ctx context.Context) bool {
	now := time.Now()
	if g.timeout == 0 || ctx.Err() != nil || !g.config.Stop.Past(now) || !g.idle() {
		return false
	}
	if g.config.CheckpointOff {
		// Nothing is known of other members. The group knows what this one has read, and
		// has handed out no children.
		return g.wasIdle && len(g.heldShards()) > 0
	}
	// The next heartbeat must not wait for this.
	ctx, cancel := context.WithDeadline(ctx, g.sent.Add(g.interval()))
	defer cancel()
	all, err := g.checkAllRead(ctx, now)
	if err != nil && ctx.Err() == nil {
		g.failure.Log(ctx, g.log, retry.Level(err), "cannot find out whether everything has been read", "error", err)
	}
	return all && err == nil
}

// idle reports whether this member has read everything it was given.
func (g *Group) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.held {
		if !l.Complete() {
			return false
		}
	}
	return true
}

// checkAllRead compares the group's checkpoints with the cursor of stop_position in each
// shard.
func (g *Group) checkAllRead(ctx context.Context, now time.Time) (bool, error) {
	shards, err := g.shards.Get(ctx, now)
	if err != nil {
		return false, err
	}
	stored, err := g.checkpoints.Get(ctx, now)
	if err != nil {
		return false, err
	}
	for _, sh := range shards {
		stop, known := g.stops[sh.ID]
		if !known {
			if stop, err = g.config.Stop.Ask(ctx, g.logs, sh.ID); err != nil {
				return false, err
			}
			g.stops[sh.ID] = stop
		}
		if at := shard.CheckpointOf(stored, sh.ID); at == "" || !shard.Reached(at, stop) {
			return false, nil
		}
	}
	return len(shards) > 0, nil
}
