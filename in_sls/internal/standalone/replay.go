package standalone

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"fluent-bit-sls/in_sls/internal/lease"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/shared/panics"
)

// Replay reads ranges of cursors of one logstore and nothing else: no group, no
// checkpoints. The ranges of one shard are read one after the other, in the order of the
// option. It implements lease.Owner.
type Replay struct {
	ranges [][]shard.Range // by shard
	leases *lease.Maker
	clock  lease.Clock
	panics *panics.Guard
	log    *slog.Logger
}

// NewReplay makes a reading of ranges that makes its leases by m.
func NewReplay(ranges []shard.Range, m *lease.Maker) *Replay {
	r := &Replay{leases: m, panics: m.Panics, log: m.Log}
	for _, one := range ranges {
		i := slices.IndexFunc(r.ranges, func(of []shard.Range) bool { return of[0].Shard == one.Shard })
		if i < 0 {
			r.ranges = append(r.ranges, nil)
			i = len(r.ranges) - 1
		}
		r.ranges[i] = append(r.ranges[i], one)
	}
	return r
}

// Run reads until the ranges have been read, or the contexts end: reading when the engine is
// to stop, hard when what is still going on has to be abandoned.
func (r *Replay) Run(hard, reading context.Context) {
	r.clock.Renew(time.Now(), forever)
	var running sync.WaitGroup
	for _, ranges := range r.ranges {
		r.panics.Go(&running, "replay", func() {
			for _, one := range ranges {
				if reading.Err() != nil {
					return
				}
				ctx, cancel := context.WithCancel(hard)
				grant := lease.Grant{Shard: one.Shard, Clock: &r.clock, Start: one, Checkpoints: noCheckpoints{}, Owner: r, Cancel: cancel}
				r.leases.New(grant).Run(ctx, reading)
			}
		})
	}
	running.Wait()
	if reading.Err() == nil {
		r.log.Info("the ranges of the option replay have been read: the reading has ended")
	}
}

// Complete implements lease.Owner.
func (r *Replay) Complete(l *lease.Lease) (over bool) {
	l.LogComplete("has been handed over to its end")
	return true
}

// Ended implements lease.Owner.
func (r *Replay) Ended(*lease.Lease, lease.Outcome) {}
