package standalone

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
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
)

// forever is the time of a lease that nobody can take away.
const forever = 100 * 365 * 24 * time.Hour

// noCheckpoints are those of a lease without a group: nothing is stored. They implement
// lease.Checkpoints.
type noCheckpoints struct{}

func (noCheckpoints) Opened(string)                       {}
func (noCheckpoints) Has(string, bool) bool               { return true }
func (noCheckpoints) Write(context.Context, string) error { return nil }
func (noCheckpoints) Watch(context.Context) int           { return 0 }

// Config is what the options say of a reading without a group.
type Config struct {
	Shards   []int // nil for all
	InOrder  bool
	Start    shard.Position
	Stop     shard.Stop
	Interval time.Duration // between two looks for new shards
}

// Shards reads shards of one logstore without a group: no checkpoints, nobody to share with.
// The goroutine of Run decides which shard is begun when. It implements lease.Owner.
type Shards struct {
	config  Config
	logs    sls.Logstore
	list    *shard.Cached[[]sls.Shard]
	leases  *lease.Maker
	clock   lease.Clock
	panics  *panics.Guard
	log     *slog.Logger
	due     chan struct{} // a shard is over: look again before the time
	running sync.WaitGroup

	// Owned by Run.
	first    map[int]bool   // shards of the first list
	cursors  map[int]string // where those of them begin that wait for their parents
	started  map[int]bool
	reported bool // the log has said which chosen shards are missing
	retry    retry.Backoff
	failure  retry.Failure

	mu   sync.Mutex   // guards over; taken alone
	over map[int]bool // shards whose lease has ended
}

// New makes a reading that makes its leases by m. Nothing is sent before Run.
func New(c Config, m *lease.Maker) *Shards {
	return &Shards{
		config: c, logs: m.Source.Logs, list: m.Source.Shards, leases: m, panics: m.Panics, log: m.Log,
		due: make(chan struct{}, 1), started: map[int]bool{}, over: map[int]bool{},
		retry: retry.Backoff{Least: 500 * time.Millisecond, Most: 30 * time.Second},
	}
}

// Run reads until there can be nothing more, or the contexts end: reading when the engine
// is to stop, hard when what is still going on has to be abandoned.
func (s *Shards) Run(hard, reading context.Context) {
	defer s.running.Wait()
	s.clock.Renew(time.Now(), forever)
	for {
		var pause time.Duration
		var all bool
		if s.panics.Catch("the look at the shards", func() { pause, all = s.look(hard, reading) }) != nil {
			pause, all = s.retry.Pause(0), false
		}
		if all {
			s.log.Info("every shard has been read to its end or to stop_position: the reading has ended")
			return
		}
		if !retry.WaitOr(reading, pause, s.due) {
			return
		}
	}
}

// look lists the shards and begins those whose turn it is. It returns how long to wait
// before the next time, and whether there is nothing left to wait for.
func (s *Shards) look(hard, reading context.Context) (pause time.Duration, all bool) {
	asked := time.Now()
	shards, err := s.list.Get(reading, asked)
	if err != nil {
		if reading.Err() == nil {
			s.failure.Log(reading, s.log, retry.Level(err), "cannot list the shards", "error", err)
		}
		return s.retry.Pause(retry.After(err)), false
	}
	if s.first == nil {
		if err := s.begin(reading, shards); err != nil {
			s.failure.Log(reading, s.log, retry.Level(err), "cannot find where to begin", "error", err)
			return s.retry.Pause(retry.After(err)), false
		}
	}
	s.retry.Reset()
	over := s.ended()
	all = len(shards) > 0 && (s.config.Stop.Past(asked) || s.config.Shards != nil && !s.missing(shards))
	for _, sh := range shards {
		if !s.reads(sh.ID) || s.started[sh.ID] {
			all = all && (over[sh.ID] || !s.reads(sh.ID))
			continue
		}
		all = false
		if len(s.started)-len(over) >= lease.MaxShards {
			break // the others when one of these has ended
		}
		if s.config.InOrder && !shard.ParentsOver(sh, shards, func(id int) bool { return over[id] || !s.reads(id) }) {
			continue
		}
		s.launch(hard, reading, sh)
	}
	return s.config.Interval, all
}

// reads reports whether the option shards names the shard.
func (s *Shards) reads(id int) bool {
	return s.config.Shards == nil || slices.Contains(s.config.Shards, id)
}

// missing reports whether the list lacks a chosen shard, and logs that once.
func (s *Shards) missing(shards []sls.Shard) bool {
	var missing []int
	for _, id := range s.config.Shards {
		if _, ok := shard.Find(shards, id); !ok && !s.started[id] {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 && !s.reported {
		s.reported = true
		s.log.Warn("shards of the option shards are not in the logstore; they are read when they come", "missing", missing)
	}
	return len(missing) > 0
}

// begin notes which shards there are when the reading begins. For those that wait for their
// parents it also notes where they begin: start_position end would be later by then.
func (s *Shards) begin(ctx context.Context, shards []sls.Shard) error {
	first, cursors := map[int]bool{}, map[int]string{}
	for _, sh := range shards {
		first[sh.ID] = true
		if s.config.Start.IsBegin() || !s.config.InOrder || !s.reads(sh.ID) || !shard.HasParent(sh, shards) {
			continue
		}
		cursor, err := s.logs.GetCursor(ctx, sh.ID, s.config.Start.From())
		if err != nil && !shard.Gone(err) {
			return err
		}
		cursors[sh.ID] = cursor
	}
	s.first, s.cursors = first, cursors
	return nil
}

// launch begins a shard. One that came later begins at its beginning: what was written
// between a split and its discovery must not be skipped.
func (s *Shards) launch(hard, reading context.Context, sh sls.Shard) {
	s.started[sh.ID] = true
	start := shard.StartAt{Logs: s.logs, Shard: sh.ID, Position: s.config.Start, Cursor: s.cursors[sh.ID], ReadOnly: sh.ReadOnly}
	if !s.first[sh.ID] {
		start.Position = shard.Begin()
	}
	ctx, cancel := context.WithCancel(hard)
	l := s.leases.New(lease.Grant{Shard: sh.ID, Clock: &s.clock, Start: start, Checkpoints: noCheckpoints{}, Owner: s, Cancel: cancel})
	s.panics.Go(&s.running, "a shard", func() { l.Run(ctx, reading) })
}

// Complete implements lease.Owner.
func (s *Shards) Complete(l *lease.Lease) (over bool) {
	l.LogComplete("has been handed over to its end")
	return true
}

// Ended implements lease.Owner: the children of the shard may be begun now.
func (s *Shards) Ended(l *lease.Lease, _ lease.Outcome) {
	s.mu.Lock()
	s.over[l.Shard] = true
	s.mu.Unlock()
	select {
	case s.due <- struct{}{}:
	default:
	}
}

// ended returns the shards whose lease has ended.
func (s *Shards) ended() map[int]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.over)
}
