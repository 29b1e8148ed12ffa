package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

// The checkpoints that are attacked, as the option has them.
const (
	byHandoff  = "handoff"
	byDelivery = "delivered"
)

const (
	inputLogstore = "read"
	inputGroup    = "campaign"
	inputRate     = 8000 // records a second: more than a million in three minutes
)

// inputWorld is what the actors of the attack on the input share: one logstore and
// one consumer group, and the hosts whose instances are its members.
type inputWorld struct {
	config
	checkpoint string
	server     *slsfake.Server
	endpoint   string
	failures   *failures
	faults     *faults
	written    *written
	ledger     *inputLedger
	lanes      []*inputLane
	born       chan struct{} // closed when the group reads every shard
	bornIn     time.Duration // how long that took
}

// attackInput runs the campaign against in_sls with that kind of checkpoint.
func attackInput(ctx context.Context, c config, checkpoint string) (inputSummary, error) {
	w, err := newInputWorld(ctx, c, checkpoint)
	if err != nil {
		return inputSummary{}, err
	}
	defer w.close()
	if w.rigInput != nil {
		w.rigInput(w)
	}
	if err := w.inherit(); err != nil {
		return inputSummary{}, err
	}
	chaos, calm := context.WithCancel(ctx)
	defer calm()
	var wg, reporter sync.WaitGroup
	wg.Go(func() {
		(&writer{inputWorld: w, random: w.stream(checkpoint + " writer"), rate: inputRate}).run(chaos)
	})
	for _, l := range w.lanes {
		wg.Go(func() { l.run(ctx, chaos) })
	}
	reporting, stop := context.WithCancel(ctx)
	reporter.Go(func() { w.report(reporting) })
	w.birth(ctx)
	wg.Go(func() { w.newSky().run(chaos) })
	wait(ctx, c.time)
	calm()
	wg.Wait()
	w.settle(ctx)
	stop()
	reporter.Wait()
	if ctx.Err() != nil {
		return inputSummary{}, ctx.Err() // interrupted: nothing to judge
	}
	j := newJudge(w.written, w.ledger, w.failures, checkpoint == byDelivery,
		w.server.CheckpointHistory(project, inputLogstore, inputGroup), w.server.GrantHistory(project, inputLogstore, inputGroup))
	j.fromEnd = startPosition(checkpoint) == "end"
	s := j.conclude()
	w.tell(s, j.causes)
	return s, nil
}

func newInputWorld(ctx context.Context, c config, checkpoint string) (w *inputWorld, err error) {
	c.prepare()
	w = &inputWorld{
		config: c, checkpoint: checkpoint, written: newWritten(c.seed), ledger: newInputLedger(),
		failures: &failures{out: c.out, about: "input " + checkpoint + ": "}, born: make(chan struct{}),
	}
	if w.inSo, err = c.plugin(c.inSo, "in_sls-"+checkpoint+".so"); err != nil {
		return nil, err
	}
	w.server = slsfake.New(slsfake.Config{AccessKeyID: w.keys[0].id, AccessKeySecret: w.keys[0].secret})
	w.server.AddKey(w.keys[1].id, w.keys[1].secret, w.keys[1].token)
	if w.endpoint, err = w.server.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	w.faults = &faults{
		failures: w.failures, random: c.stream(checkpoint + " faults"), counts: map[string]int{}, table: inputFaultTable(),
		struck: w.ledger.struck,
	}
	w.server.Hook("", w.watch.call)
	w.server.Hook("", w.faults.strikeRead)
	w.server.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) { w.ledger.ask(c.RequestID) })
	for n, most := range []int{1, 2, 2} { // five members at most
		l := &inputLane{inputWorld: w, number: n, most: most, random: w.stream(fmt.Sprint(checkpoint, " lane ", n)), ended: map[string]int{}}
		if checkpoint == byDelivery {
			if l.monitor, err = newMonitorServer(ctx, w.stream(fmt.Sprint("monitor ", n))); err != nil {
				return nil, err
			}
		}
		w.lanes = append(w.lanes, l)
	}
	return w, nil
}

func (w *inputWorld) close() {
	for _, l := range w.lanes {
		if l.monitor != nil {
			l.monitor.close()
		}
	}
	w.server.Close()
}

func (w *inputWorld) newSky() *sky {
	return &sky{
		server: w.server, faults: w.faults, failures: w.failures, keys: w.keys, logstores: []string{inputLogstore}, maxShards: 8,
		down: func() { w.server.SetDown(true) }, up: func() { w.server.SetDown(false) }, away: w.ledger.away,
		spells: inputSpells(), random: w.stream(w.checkpoint + " sky"),
	}
}

// settle reads what is left, in fine weather, until the checkpoints are at the end
// of every shard.
func (w *inputWorld) settle(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, drainFor)
	defer cancel()
	done, over := context.WithCancel(limit)
	defer over()
	w.forget()
	var wg sync.WaitGroup
	for _, l := range w.lanes[:2] {
		wg.Go(func() {
			if err := l.live(ctx, done, true); err != nil {
				w.failures.addf("lane %d, reading what was left: %v", l.number, err)
			}
		})
	}
	for limit.Err() == nil && len(w.open()) > 0 {
		wait(limit, 100*time.Millisecond)
	}
	if left := w.open(); len(left) > 0 && ctx.Err() == nil {
		w.failures.addf("not committed to their end in %s of fine weather: shards %v", drainFor, left)
	}
	over()
	wg.Wait()
}

// forget lets the group forget the members that are gone, as the end of their
// leases would: SLS knows no other way to leave.
func (w *inputWorld) forget() {
	for _, name := range w.ledger.gone() {
		w.server.ExpireConsumer(project, inputLogstore, inputGroup, name)
	}
}

// open are the shards that are not committed to their end.
func (w *inputWorld) open() (open []int) {
	at := w.server.Checkpoints(project, inputLogstore, inputGroup)
	for _, s := range w.server.Shards(project, inputLogstore) {
		if s.End > s.Begin && at[s.ID].Number < s.End {
			open = append(open, s.ID)
		}
	}
	return open
}

// report prints how far the campaign is, once in a while.
func (w *inputWorld) report(ctx context.Context) {
	begin := time.Now()
	for {
		wait(ctx, 10*time.Second)
		if ctx.Err() != nil || w.quiet {
			return
		}
		w.failures.printf("%4.0fs: input %s: written %d, handed over %d; shards %d; %s", time.Since(begin).Seconds(),
			w.checkpoint, w.written.size(), w.ledger.handedOver(), len(w.server.Shards(project, inputLogstore)), list(w.endings()))
	}
}

func (w *inputWorld) endings() map[string]int {
	total := map[string]int{}
	for _, l := range w.lanes {
		l.mu.Lock()
		for how, n := range l.ended {
			total[how] += n
		}
		l.mu.Unlock()
	}
	return total
}

// tell prints what happened, above the last lines.
func (w *inputWorld) tell(s inputSummary, causes map[string]int) {
	f := w.failures
	about := "input " + w.checkpoint
	f.printf("%s: birth: %s", about, w.tellBirth())
	f.printf("%s: members %d; %s", about, len(w.ledger.members), list(w.endings()))
	f.printf("%s: faults: %s", about, list(w.faults.counts))
	stats := w.server.Stats()
	commits := stats.Ops[slsfake.OpUpdateCheckpoint]
	f.printf("%s: shards %d, leases %d, pulls %d, heartbeats %d, checkpoints %d (refused to a stale owner %d), members forgotten %d", about,
		len(w.server.Shards(project, inputLogstore)), len(w.server.GrantHistory(project, inputLogstore, inputGroup)),
		stats.Ops[slsfake.OpPullLogs].Requests, stats.Ops[slsfake.OpHeartbeat].Requests,
		len(w.server.CheckpointHistory(project, inputLogstore, inputGroup)),
		commits.ByCode["ConsumerNotMatch"]+commits.ByCode["ConsumerNotExist"],
		stats.Ops[slsfake.OpHeartbeat].ByCode["NotExistConsumerWithBody"])
	if w.checkpoint == byHandoff {
		f.printf("%s: hosts that keep pausing: the commits of %d hand-overs were due, the slowest came %.1fs after it could (%s at most)", about,
			s.inTime, s.slowest.Seconds(), pausingBound)
	}
	if s.duplicated > 0 {
		f.printf("%s: duplicates: %s", about, list(causes))
	}
	if s.failures > 0 {
		f.printf("%s: FAILURES: %d", about, s.failures)
	}
}

// inputFaultTable lists the faults of single calls: those of writes that make
// sense, and those of reading.
func inputFaultTable() []fault {
	fit := strings.Split("500,503,500 without body,502 html,504 html, slowly,500 truncated,429,401,400 unknown,redirect,"+
		"reset before accepting,reset after accepting,answer truncated,slow,"+panicFault, ",")
	var table []fault
	for _, f := range faultTable() {
		if slices.Contains(fit, f.name) {
			table = append(table, f)
		}
	}
	return append(table,
		fault{"403 read quota", 6, func(_ *faults, c *slsfake.Call, _ float64) (outcome, time.Duration) {
			c.Fail(403, "ShardReadQuotaExceed", "Read quota exceed: shard outflow")
			return outcomeClear, 0
		}},
		fault{"answer cut", 4, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			c.Truncate(int(luck * 2000))
			return outcomeClear, 0
		}},
		fault{"slow answer", 3, func(_ *faults, c *slsfake.Call, luck float64) (outcome, time.Duration) {
			c.SlowBody(1000 + int(luck*500_000))
			return outcomeClear, 0
		}},
	)
}

// strikeRead is the hook of every call of an input.
func (f *faults) strikeRead(c *slsfake.Call) {
	w, hit, luck := f.draw()
	switch {
	case w.dead:
		f.count("hangs")
		f.struck(c)
		c.Delay(beyond(luck))
	case w.quota != "" && c.Op == slsfake.OpPullLogs && luck < 0.875:
		f.count("quota used up")
		c.Fail(403, "ReadQuotaExceed", "Project read quota exceed")
	case hit.meets(c):
		f.count(hit.name)
		f.struck(c)
		_, _ = hit.do(f, c, luck)
	default:
		c.DelayAfter(w.everyone)
	}
}

// inputSpells are what an input meets. What takes the endpoint away may last
// longer than a lease.
func inputSpells() []spell {
	return []spell{
		{"calm", 14, 4 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.02}) }},
		{"storm", 6, 3 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.3}) }},
		{"hurricane", 1, 4 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.9}) }},
		{"slow", 3, 3 * time.Second, func(s *sky) func() {
			return s.blow(weather{storm: 0.05, everyone: time.Duration(20+s.random.IntN(280)) * time.Millisecond})
		}},
		{"quota", 2, 3 * time.Second, func(s *sky) func() { return s.blow(weather{storm: 0.05, quota: inputLogstore}) }},
		{"dead endpoint", 1, 9 * time.Second, func(s *sky) func() { return s.blow(weather{dead: true}) }},
		{"network cut", 1, 8 * time.Second, gone((*sky).cut)},
		{"clock", 3, 2 * time.Second, (*sky).moveClock},
		{"keys expired", 2, 3 * time.Second, gone((*sky).expireKeys)},
		{"key removed", 1, 2 * time.Second, gone((*sky).removeKeys)},
		{"split", 3, 0, (*sky).split},
		{"merge", 3, 0, (*sky).merge},
	}
}
