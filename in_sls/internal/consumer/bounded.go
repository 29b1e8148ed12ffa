package consumer

import (
	"context"
	"time"
)

// allRead reports whether the members of the group together have read every
// shard up to stop_position. Until then this member stays, also without work of
// its own: it may have to take over from another.
func (g *group) allRead(ctx context.Context) bool {
	now := time.Now()
	if g.timeout == 0 || ctx.Err() != nil || !g.stop.known(now) || !g.idle() {
		return false
	}
	if g.cfg.Checkpoint == checkpointOff {
		// Nobody knows of the others; the group has been told of what is read, and has
		// handed out no children.
		return g.idled && len(g.held()) > 0
	}
	// The next heartbeat must not wait for this.
	ctx, cancel := context.WithDeadline(ctx, g.sent.Add(g.interval()))
	defer cancel()
	all, err := g.checkAllRead(ctx, now)
	if err != nil && ctx.Err() == nil {
		g.trouble.log(ctx, g.log, level(err), "cannot find out whether everything has been read", "error", err)
	}
	return all && err == nil
}

// idle reports whether this member has read everything it was given.
func (g *group) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.leases {
		if !l.complete.Load() {
			return false
		}
	}
	return true
}

// checkAllRead compares the group's checkpoints with the bound of each shard.
func (g *group) checkAllRead(ctx context.Context, now time.Time) (bool, error) {
	shards, err := g.shards.get(ctx, now)
	if err != nil {
		return false, err
	}
	checkpoints, err := g.checkpoints.get(ctx, now)
	if err != nil {
		return false, err
	}
	for _, sh := range shards {
		b := bound{cursor: g.ends[sh.ID]}
		if b.cursor == "" {
			if b.cursor, err = g.stop.find(ctx, g.logs, sh.ID); err != nil {
				return false, err
			}
			g.ends[sh.ID] = b.cursor
		}
		if at := checkpointOf(checkpoints, sh.ID); at == "" || !b.reached(at) {
			return false, nil
		}
	}
	return len(shards) > 0, nil
}
