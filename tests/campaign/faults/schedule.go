package faults

import (
	"context"
	"math/rand/v2"
	"time"

	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/campaign/secrets"
	"fluent-bit-sls/tests/slsfake"
)

// Schedule runs phases against one emulator, one after the other in random order, until the
// campaign's time is up.
type Schedule struct {
	Server      *slsfake.Server
	Injector    *Injector
	Failures    *report.Failures
	Keys        func() []secrets.Key // those in use
	Logstores   []string
	MaxShards   int // of a logstore that can be written to
	Down, Up    func()
	Unreachable func(from, to time.Time) // told when no call got through, by InputPhases
	Phases      []Phase

	Random *rand.Rand
	clock  time.Duration // the emulator's offset
}

// Phase is a time of certain conditions. begin starts it and returns what ends it.
type Phase struct {
	name   string
	weight int
	max    time.Duration // how long it lasts at most
	begin  func(s *Schedule) (end func())
}

// Run runs phases until ctx ends, and leaves an emulator without faults behind. Without
// phases it only waits.
func (s *Schedule) Run(ctx context.Context) {
	total := 0
	for _, t := range s.Phases {
		total += t.weight
	}
	for ctx.Err() == nil && total > 0 {
		which := s.Random.IntN(total)
		for i := range s.Phases {
			if which -= s.Phases[i].weight; which < 0 {
				s.runPhase(ctx, s.Phases[i])
				break
			}
		}
	}
	<-ctx.Done()
	s.Injector.set(conditions{})
	s.Server.SetClockOffset(0)
}

func (s *Schedule) runPhase(ctx context.Context, p Phase) {
	d := time.Duration(s.Random.Float64() * float64(p.max))
	s.Injector.Count("phase: " + p.name)
	end := p.begin(s)
	if d > 0 {
		plan.Wait(ctx, d)
	}
	end()
}

// unreachable makes a phase of one in which no call gets through.
func unreachable(begin func(*Schedule) func()) func(*Schedule) func() {
	return func(s *Schedule) func() {
		from, end := time.Now(), begin(s)
		return func() {
			end()
			s.Unreachable(from, time.Now())
		}
	}
}

func noEnd() {}

func (s *Schedule) set(c conditions) func() {
	s.Injector.set(c)
	return noEnd
}

func (s *Schedule) logstore() string { return s.Logstores[s.Random.IntN(len(s.Logstores))] }

// cut takes the network away.
func (s *Schedule) cut() func() {
	s.Down()
	return s.Up
}

// moveClock sets the emulator's clock ahead or behind, or right again. It stays so after
// the phase: the plugin has to find the offset anew.
func (s *Schedule) moveClock() func() {
	s.clock = 0
	if s.Random.IntN(3) > 0 {
		s.clock = time.Duration(s.Random.IntN(6*3600)-3*3600) * time.Second
	}
	s.Server.SetClockOffset(s.clock)
	return s.set(conditions{faultRate: 0.05})
}

func (s *Schedule) expireKeys() func() {
	for _, k := range s.Keys() {
		s.Server.AddTemporaryKey(k.ID, k.Secret, k.Token, time.Unix(1, 0))
	}
	return s.restoreKeys
}

func (s *Schedule) removeKeys() func() {
	for _, k := range s.Keys() {
		s.Server.RemoveKey(k.ID)
	}
	return s.restoreKeys
}

func (s *Schedule) restoreKeys() {
	for _, k := range s.Keys() {
		s.Server.AddKey(k.ID, k.Secret, k.Token)
	}
}

func (s *Schedule) split() func() {
	name := s.logstore()
	if open := s.openShards(name); len(open) > 0 && len(open) < s.MaxShards {
		shard := open[s.Random.IntN(len(open))]
		if err := s.Server.SplitShard(plan.Project, name, shard.ID, ""); err != nil {
			s.Failures.Addf("%v", err)
		}
	}
	return noEnd
}

func (s *Schedule) merge() func() {
	name := s.logstore()
	open := s.openShards(name)
	if len(open) < 2 {
		return noEnd
	}
	shard := open[s.Random.IntN(len(open))]
	for _, right := range open {
		if right.BeginKey == shard.EndKey {
			if err := s.Server.MergeShards(plan.Project, name, shard.ID); err != nil {
				s.Failures.Addf("%v", err)
			}
			break
		}
	}
	return noEnd
}

func (s *Schedule) openShards(name string) (open []slsfake.Shard) {
	for _, shard := range s.Server.Shards(plan.Project, name) {
		if !shard.ReadOnly {
			open = append(open, shard)
		}
	}
	return open
}
