package group

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/shared/sls"
)

const (
	// lookEvery is how often the checkpoints of the shards held are looked at, by one
	// call for all of them.
	lookEvery = time.Minute
	// lookTimeout bounds that call: a lease does nothing else meanwhile.
	lookTimeout = 2 * time.Second
	// lookAgain is how many looks a foreign checkpoint stays remembered.
	lookAgain = 10
	// keptWrites is how many of its last writes a lease remembers: a list may be older
	// than the last one.
	keptWrites = 32
)

// checkpoints reads and writes the group's checkpoint of one shard. In the group only the
// lease of the shard writes it. It implements lease.Checkpoints, on the lease's goroutine.
type checkpoints struct {
	logs      sls.Logstore
	member    sls.Member
	shard     int
	off       bool // checkpoint off: only the end of a read-only shard is written
	namesakes *namesakes

	stored  string    // what the group has
	written []string  // the last keptWrites cursors that the group had, or that were written or tried
	last    time.Time // the end of the last write
	look    int       // the last look at the group's checkpoints
}

// Opened implements lease.Checkpoints.
func (c *checkpoints) Opened(cursor string) {
	c.stored = cursor
	c.remember(cursor)
}

// Has implements lease.Checkpoints. With checkpoint off the end of a read-only shard is
// written nevertheless: without it SLS would never hand out the children.
func (c *checkpoints) Has(cursor string, end bool) bool {
	return cursor == c.stored || c.off && !end
}

// Write implements lease.Checkpoints.
func (c *checkpoints) Write(ctx context.Context, cursor string) error {
	c.remember(cursor)
	err := c.logs.UpdateCheckpoint(ctx, c.member, c.shard, cursor)
	c.last = time.Now()
	if err == nil {
		c.stored = cursor
	}
	return err
}

func (c *checkpoints) remember(cursor string) {
	if cursor == "" || slices.Contains(c.written, cursor) {
		return
	}
	if len(c.written) == keptWrites {
		c.written = slices.Delete(c.written, 0, 1)
	}
	c.written = append(c.written, cursor)
}

// Watch implements lease.Checkpoints. Once a minute it looks whether the group still has
// what this lease has written.
func (c *checkpoints) Watch(ctx context.Context) (foreign int) {
	look, since := c.namesakes.due(time.Now())
	if c.off || look == c.look || len(c.written) == 0 {
		return 0
	}
	c.look = look
	if c.last.After(since) {
		since = c.last
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := c.namesakes.checkpoints.Get(ctx, since)
	if err != nil {
		return 0 // in a minute again
	}
	for _, f := range found {
		if f.Shard != c.shard || f.Cursor == "" || f.Cursor == c.stored || slices.Contains(c.written, f.Cursor) {
			continue
		}
		if f.Consumer != "" && f.Consumer != c.member.Consumer {
			continue // another member has forced it, under a name of its own
		}
		c.remember(f.Cursor)
		c.namesakes.found(look, c.shard)
		foreign++
	}
	return foreign
}

// namesakes finds out whether a second process is a member of the same name. SLS takes the
// two for one member and gives both the same shards. Both may commit, so everything is read
// twice and no call fails. Only the checkpoints show it: now and then the group has one that
// the lease of the shard did not write.
//
// One such checkpoint proves nothing: an operator may have set it, or the last commit of an
// earlier lease or process of this name came late. Two looks that find a new one each,
// within lookAgain, prove it.
type namesakes struct {
	member      sls.Member
	log         *slog.Logger
	checkpoints *shard.Cached[[]sls.Checkpoint]
	began       time.Time // looks are counted from here

	mu     sync.Mutex // guards the fields below; taken alone
	seen   int        // the last look that found one
	warned int        // the last look that led to a warning
}

func newNamesakes(member sls.Member, log *slog.Logger, checkpoints *shard.Cached[[]sls.Checkpoint]) *namesakes {
	return &namesakes{
		member: member, log: log, checkpoints: checkpoints, began: time.Now(),
		seen: -2 * lookAgain, warned: -2 * lookAgain,
	}
}

// due numbers the look of this minute and says when it began.
func (n *namesakes) due(now time.Time) (look int, since time.Time) {
	look = int(now.Sub(n.began) / lookEvery)
	return look, n.began.Add(time.Duration(look) * lookEvery)
}

// found takes note of a checkpoint that the lease of a shard did not write.
func (n *namesakes) found(look, shard int) {
	n.mu.Lock()
	gap := look - n.seen
	n.seen = look
	again := gap > 0 && gap <= lookAgain
	warn := again && look-n.warned >= lookAgain
	if warn {
		n.warned = look
	}
	n.mu.Unlock()
	switch {
	case warn:
		n.log.Warn("another process is a member of the same name: both read everything; give each a name of its own "+
			"(option consumer) or leave it out. Or are checkpoints being set by hand?",
			"consumer", n.member.Consumer, "group", n.member.Group, "shard", shard)
	case gap > lookAgain:
		n.log.Info("a checkpoint was not written by this member: it was set by hand, or there is another of the same name; "+
			"the reading goes on where it is", "shard", shard)
	}
}
