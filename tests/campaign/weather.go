package main

import (
	"context"
	"math/rand/v2"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// sky changes the weather of one emulator until the campaign's time is up: storms
// of single faults, and what befalls everybody at once.
type sky struct {
	server    *slsfake.Server
	faults    *faults
	failures  *failures
	keys      []key
	logstores []string
	maxShards int // of a logstore that can be written to
	down, up  func()
	away      func(from, to time.Time) // told when no call got through; see gone
	spells    []spell

	random *rand.Rand
	clock  time.Duration // the emulator's offset
}

// spell is one kind of weather. begin starts it and returns what ends it.
type spell struct {
	name   string
	weight int
	max    time.Duration // how long it lasts at most
	begin  func(s *sky) (end func())
}

// outputSpells are what an output meets.
func outputSpells() []spell {
	return []spell{
		{"calm", 6, 2 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.03}) }},
		{"storm", 6, 3 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.4}) }},
		{"hurricane", 2, time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.95}) }},
		{"slow", 2, 2 * time.Second, func(s *sky) func() {
			return s.blow(weather{storm: 0.1, everyone: time.Duration(20+s.random.IntN(280)) * time.Millisecond})
		}},
		{"small bodies only", 3, 3 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.25, small: true}) }},
		{"dead endpoint", 1, time.Second, func(s *sky) func() { return s.blow(weather{dead: true}) }},
		{"missing logstore", 2, 2 * time.Second, func(s *sky) func() {
			return s.blow(weather{storm: 0.05, missing: s.logstore()})
		}},
		{"quota", 3, 3 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.05, quota: s.logstore()}) }},
		{"network cut", 3, 1500 * time.Millisecond, (*sky).cut},
		{"clock", 3, 2 * time.Second, (*sky).moveClock},
		{"keys expired", 2, 1500 * time.Millisecond, (*sky).expireKeys},
		{"key removed", 1, 1500 * time.Millisecond, (*sky).removeKeys},
		{"split", 3, 0, (*sky).split},
		{"merge", 2, 0, (*sky).merge},
	}
}

// run changes the weather until ctx ends, and leaves fine weather behind.
func (s *sky) run(ctx context.Context) {
	total := 0
	for _, t := range s.spells {
		total += t.weight
	}
	for ctx.Err() == nil {
		which := s.random.IntN(total)
		for i := range s.spells {
			if which -= s.spells[i].weight; which < 0 {
				s.spell(ctx, s.spells[i])
				break
			}
		}
	}
	s.faults.set(weather{})
	s.server.SetClockOffset(0)
}

func (s *sky) spell(ctx context.Context, w spell) {
	d := time.Duration(s.random.Float64() * float64(w.max))
	s.faults.count("spell: " + w.name)
	end := w.begin(s)
	if d > 0 {
		wait(ctx, d)
	}
	end()
}

// gone is a spell in which no call gets through.
func gone(begin func(*sky) func()) func(*sky) func() {
	return func(s *sky) func() {
		from, end := time.Now(), begin(s)
		return func() {
			end()
			s.away(from, time.Now())
		}
	}
}

// wait waits for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func nothing() {}

func (s *sky) blow(w weather) func() {
	s.faults.set(w)
	return nothing
}

func (s *sky) logstore() string { return s.logstores[s.random.IntN(len(s.logstores))] }

// cut takes the network away.
func (s *sky) cut() func() {
	s.down()
	return s.up
}

// moveClock sets the emulator's clock ahead or behind, or right again. It stays
// so: the plugin must find the offset anew.
func (s *sky) moveClock() func() {
	s.clock = 0
	if s.random.IntN(3) > 0 {
		s.clock = time.Duration(s.random.IntN(6*3600)-3*3600) * time.Second
	}
	s.server.SetClockOffset(s.clock)
	return s.blow(weather{storm: 0.05})
}

func (s *sky) expireKeys() func() {
	for _, k := range s.keys {
		s.server.AddTemporaryKey(k.id, k.secret, k.token, time.Unix(1, 0))
	}
	return s.restoreKeys
}

func (s *sky) removeKeys() func() {
	for _, k := range s.keys {
		s.server.RemoveKey(k.id)
	}
	return s.restoreKeys
}

func (s *sky) restoreKeys() {
	for _, k := range s.keys {
		s.server.AddKey(k.id, k.secret, k.token)
	}
}

func (s *sky) split() func() {
	name := s.logstore()
	if open := s.openShards(name); len(open) > 0 && len(open) < s.maxShards {
		shard := open[s.random.IntN(len(open))]
		if err := s.server.SplitShard(project, name, shard.ID, ""); err != nil {
			s.failures.addf("%v", err)
		}
	}
	return nothing
}

func (s *sky) merge() func() {
	name := s.logstore()
	open := s.openShards(name)
	if len(open) < 2 {
		return nothing
	}
	shard := open[s.random.IntN(len(open))]
	for _, right := range open {
		if right.BeginKey == shard.EndKey {
			if err := s.server.MergeShards(project, name, shard.ID); err != nil {
				s.failures.addf("%v", err)
			}
			break
		}
	}
	return nothing
}

func (s *sky) openShards(name string) (open []slsfake.Shard) {
	for _, shard := range s.server.Shards(project, name) {
		if !shard.ReadOnly {
			open = append(open, shard)
		}
	}
	return open
}
