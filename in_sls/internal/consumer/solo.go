package consumer

import (
	"context"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/shared/sls"
)

// forever is a lease that nobody can take away.
const forever = 100 * 365 * 24 * time.Hour

// solo reads shards of one logstore in nobody's name: no group, no checkpoints,
// nobody to share with. Its run goroutine decides which shard is begun when.
type solo struct {
	*shared
	clock  leaseClock
	shards *fresh[[]sls.Shard]
	wake   chan struct{} // a shard is over: look again before the time
	ending sync.WaitGroup

	// Owned by run.
	chosen  []int          // the option shards, nil for all
	first   map[int]bool   // shards of the first list
	waiting map[int]string // of these, where those that wait for their parents begin
	started map[int]bool
	epoch   uint64
	warned  bool
	retry   backoff
	trouble complaint

	mu   sync.Mutex   // guards over; taken alone
	over map[int]bool // shards whose lease has ended
}

func newSolo(s *shared) *solo {
	chosen, _ := parseShards(s.cfg.Shards) // checked by its option
	return &solo{
		shared: s, shards: newFresh(s.logs.ListShards), chosen: chosen,
		wake: make(chan struct{}, 1), started: map[int]bool{}, over: map[int]bool{},
		retry: backoff{least: 500 * time.Millisecond, most: 30 * time.Second},
	}
}

// run reads until there can be nothing more, or the contexts end.
func (s *solo) run(hard, reading context.Context) {
	defer s.ending.Wait()
	s.clock.renew(time.Now(), forever)
	for {
		var pause time.Duration
		var all bool
		if s.panics.Catch("the look at the shards", func() { pause, all = s.look(hard, reading) }) != nil {
			pause, all = s.retry.pause(0), false
		}
		if all {
			s.log.Info("every shard has been read to its end or to stop_position: the reading has ended")
			return
		}
		timer := time.NewTimer(pause)
		select {
		case <-reading.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		}
	}
}

// look lists the shards and begins those whose turn it is. It returns how long
// to wait before the next time, and whether there is nothing left to wait for.
func (s *solo) look(hard, reading context.Context) (pause time.Duration, all bool) {
	asked := time.Now()
	shards, err := s.shards.get(reading, asked)
	if err != nil {
		if reading.Err() == nil {
			s.trouble.log(reading, s.log, level(err), "cannot list the shards", "error", err)
		}
		return s.retry.pause(retryAfter(err)), false
	}
	if s.first == nil {
		if err := s.begin(reading, shards); err != nil {
			s.trouble.log(reading, s.log, level(err), "cannot find where to begin", "error", err)
			return s.retry.pause(retryAfter(err)), false
		}
	}
	s.retry.reset()
	over := s.ended()
	all = len(shards) > 0 && (s.stop.known(asked) || s.chosen != nil && !s.missing(shards))
	for _, sh := range shards {
		if !s.reads(sh.ID) || s.started[sh.ID] {
			all = all && (over[sh.ID] || !s.reads(sh.ID))
			continue
		}
		all = false
		if len(s.started)-len(over) >= maxAtOnce {
			break // the others when one of these has ended
		}
		if s.cfg.InOrder && !parentsOver(sh, shards, func(id int) bool { return over[id] || !s.reads(id) }) {
			continue
		}
		s.launch(hard, reading, sh)
	}
	return s.cfg.DiscoveryInterval, all
}

// reads reports whether the option shards names the shard.
func (s *solo) reads(shard int) bool {
	return s.chosen == nil || slices.Contains(s.chosen, shard)
}

// missing reports whether the list lacks a chosen shard, and says so once.
func (s *solo) missing(shards []sls.Shard) bool {
	var none []int
	for _, id := range s.chosen {
		if _, ok := find(shards, id); !ok && !s.started[id] {
			none = append(none, id)
		}
	}
	if len(none) > 0 && !s.warned {
		s.warned = true
		s.log.Warn("shards of the option shards are not in the logstore; they are read when they come", "missing", none)
	}
	return len(none) > 0
}

// begin notes which shards there are when the reading begins, and where those begin
// that wait for their parents: the end, for one, is later by then.
func (s *solo) begin(ctx context.Context, shards []sls.Shard) error {
	first, waiting := map[int]bool{}, map[int]string{}
	for _, sh := range shards {
		first[sh.ID] = true
		if s.start.kind == positionBegin || !s.cfg.InOrder || !s.reads(sh.ID) || !hasParent(sh, shards) {
			continue
		}
		cursor, err := s.logs.GetCursor(ctx, sh.ID, s.start.from())
		if err != nil && !isShardGone(err) {
			return err
		}
		waiting[sh.ID] = cursor
	}
	s.first, s.waiting = first, waiting
	return nil
}

// launch begins a shard: one that came later at its beginning, so that nothing written
// between a split and its discovery is skipped.
func (s *solo) launch(hard, reading context.Context, sh sls.Shard) {
	s.epoch++
	s.started[sh.ID] = true
	o := soloOpener{logs: s.logs, shard: sh.ID, start: s.start, cursor: s.waiting[sh.ID], readOnly: sh.ReadOnly}
	if !s.first[sh.ID] {
		o.start = position{kind: positionBegin}
	}
	ctx, cancel := context.WithCancel(hard)
	l := newLoneLease(s.shared, o, s.shards, &s.clock, sh.ID)
	l.epoch, l.cancel, l.ended, l.moveOn = s.epoch, cancel, s.end, s.poke
	s.panics.Go(&s.ending, "a shard", func() { l.run(ctx, reading) })
}

// newLoneLease makes a lease that no group has given; cancel, ended and moveOn
// are the caller's to set.
func newLoneLease(s *shared, o opener, shards *fresh[[]sls.Shard], clock *leaseClock, shard int) *lease {
	log := s.log.With("shard", shard)
	q := s.handoff.open(s.metrics.shard(s.logs.Name, shard), shard, clock)
	return &lease{
		shared: s, alone: true, shard: shard, log: log, queue: q,
		reader:  newShardReader(s, o, shards, q, log),
		revoked: make(chan struct{}),
	}
}

func (s *solo) end(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over[l.shard] = true
}

func (s *solo) ended() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[int]bool, len(s.over))
	for id := range s.over {
		out[id] = true
	}
	return out
}

func (s *solo) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
