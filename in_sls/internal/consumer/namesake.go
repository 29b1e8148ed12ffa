package consumer

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/shared/sls"
)

const (
	// lookEvery is how often the checkpoints of the shards held are looked at, by one
	// call for all of them.
	lookEvery = time.Minute
	// lookTimeout bounds that call: a lease does nothing else meanwhile.
	lookTimeout = 2 * time.Second
	// lookAgain is how many looks a strange checkpoint stays remembered.
	lookAgain = 10
	// keptWrites is how many of its last writes a lease knows again: a list may be
	// older than the last one.
	keptWrites = 32
)

// namesakes finds out whether a second process is a member of the same name. SLS takes
// the two for one and gives both the same shards, and both are entitled to commit, so
// everything is read twice and no call fails. Only the checkpoints tell: now and then
// the group has one that the lease of the shard did not write.
//
// One such checkpoint proves nothing: an operator may have set it, or the last commit
// of an earlier lease or process of this name came late. Two looks that find a new one
// each within lookAgain do.
type namesakes struct {
	member      sls.Member
	log         *slog.Logger
	checkpoints *fresh[[]sls.Checkpoint]
	began       time.Time // looks are counted from here

	mu   sync.Mutex // guards the fields below; taken alone
	seen int        // the last look that found one
	told int        // the last that was warned of
}

func newNamesakes(member sls.Member, log *slog.Logger, checkpoints *fresh[[]sls.Checkpoint]) *namesakes {
	return &namesakes{
		member: member, log: log, checkpoints: checkpoints, began: time.Now(),
		seen: -2 * lookAgain, told: -2 * lookAgain,
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
	warn := again && look-n.told >= lookAgain
	if warn {
		n.told = look
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

// writes are the last cursors that a lease has written, or tried to.
type writes []string

func (w *writes) add(cursor string) {
	if cursor == "" || slices.Contains(*w, cursor) {
		return
	}
	if len(*w) == keptWrites {
		*w = slices.Delete(*w, 0, 1)
	}
	*w = append(*w, cursor)
}

// watch looks once a minute whether the group still has what this lease has written.
// Nobody else commits for the lease, so none of its writes is under way meanwhile.
func (l *lease) watch(ctx, reading context.Context) {
	look, since := l.namesakes.due(time.Now())
	if look == l.looked || len(l.wrote) == 0 {
		return
	}
	l.looked = look
	if l.wroteAt.After(since) {
		since = l.wroteAt
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	defer context.AfterFunc(reading, cancel)()
	checkpoints, err := l.namesakes.checkpoints.get(ctx, since)
	if err != nil {
		return // in a minute again
	}
	for _, c := range checkpoints {
		if c.Shard != l.shard || c.Cursor == "" || slices.Contains(l.wrote, c.Cursor) {
			continue
		}
		if c.Consumer != "" && c.Consumer != l.member.Consumer {
			continue // forced by another member, which has a name of its own
		}
		l.wrote.add(c.Cursor)
		l.queue.meter.foreign.Add(1)
		l.namesakes.found(look, l.shard)
	}
}
