// Package input attacks in_sls. Its agents are Fluent Bit processes whose instances are
// members of one consumer group; they come and go, pause and freeze. It starts what the other
// packages make and describes what happened; what is right is for judge to say.
package input

import (
	"context"
	"fmt"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/input/engine"
	"fluent-bit-sls/tests/campaign/input/judge"
	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/campaign/secrets"
	"fluent-bit-sls/tests/slsfake"
)

// The checkpoints that are attacked, as the option has them.
const (
	ByHandoff  = "handoff"
	ByDelivery = "delivered"
)

const (
	group = "campaign"
	rate  = 8000 // records a second: more than a million in three minutes
)

// world is what the actors of the attack on the input share: one logstore and
// one consumer group, and the hosts whose instances are its members.
type world struct {
	plan.Plan
	checkpoint string
	server     *slsfake.Server
	endpoint   string
	failures   *report.Failures
	injector   *faults.Injector
	written    *source.Written
	history    *judge.History
	agents     []*agent
	phases     []faults.Phase
	born       chan struct{} // closed when the group reads every shard
	bornIn     time.Duration // how long that took
	restIn     time.Duration // how long the reading of what was left took
}

// Attack runs the campaign against in_sls with that kind of checkpoint.
// With rig a test sabotages the emulator without the judge's knowledge; else it is nil.
func Attack(ctx context.Context, c plan.Plan, checkpoint string, rig func(*world)) (judge.Summary, error) {
	w, err := newWorld(ctx, c, checkpoint)
	if err != nil {
		return judge.Summary{}, err
	}
	defer w.close()
	if rig != nil {
		rig(w)
	}
	if err := w.prepareLogstore(); err != nil {
		return judge.Summary{}, err
	}
	faulty, calm := context.WithCancel(ctx)
	defer calm()
	var wg, reporter sync.WaitGroup
	wg.Go(func() {
		wr := &source.Writer{
			Written: w.written, Server: w.server, Failures: w.failures, Random: w.Stream(checkpoint + " writer"),
			Rate: rate, Silence: min(2*time.Second, w.Time/5),
		}
		wr.Run(faulty)
	})
	for _, a := range w.agents {
		wg.Go(func() { a.run(ctx, faulty) })
	}
	reporting, stop := context.WithCancel(ctx)
	reporter.Go(func() { w.report(reporting) })
	w.birth(ctx)
	wg.Go(func() { w.newSchedule().Run(faulty) })
	plan.Wait(ctx, c.Time)
	calm()
	wg.Wait()
	w.readRest(ctx)
	stop()
	reporter.Wait()
	if ctx.Err() != nil {
		return judge.Summary{}, ctx.Err() // interrupted: nothing to judge
	}
	j := judge.NewJudge(w.written, w.history, w.failures, checkpoint == ByDelivery,
		w.server.CheckpointHistory(plan.Project, source.Logstore, group), w.server.GrantHistory(plan.Project, source.Logstore, group))
	j.FromEnd = startPosition(checkpoint) == "end"
	s := j.Conclude()
	w.print(s, j.Causes)
	return s, nil
}

func newWorld(ctx context.Context, c plan.Plan, checkpoint string) (w *world, err error) {
	c.Prepare()
	w = &world{
		Plan: c, checkpoint: checkpoint, written: source.NewWritten(c.Seed), history: judge.NewHistory(),
		failures: &report.Failures{Out: c.Out, About: "input " + checkpoint + ": "}, born: make(chan struct{}), phases: faults.InputPhases(),
	}
	if w.InSo, err = c.Plugin(c.InSo, "in_sls-"+checkpoint+".so"); err != nil {
		return nil, err
	}
	w.server = slsfake.New(slsfake.Config{AccessKeyID: w.Keys[0].ID, AccessKeySecret: w.Keys[0].Secret})
	w.server.AddKey(w.Keys[1].ID, w.Keys[1].Secret, w.Keys[1].Token)
	if w.endpoint, err = w.server.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	w.injector = faults.NewInjector(faults.InputTable(), c.Stream(checkpoint+" faults"), w.failures)
	w.injector.OnFault = w.history.NoteFault
	w.server.Hook("", w.Watch.Call)
	w.server.Hook("", w.injector.OnRead)
	w.server.Hook(slsfake.OpUpdateCheckpoint, func(c *slsfake.Call) { w.history.Ask(c.RequestID) })
	for n, most := range []int{1, 2, 2} { // five members at most
		a := &agent{world: w, number: n, most: most, random: w.Stream(fmt.Sprint(checkpoint, " agent ", n)), ended: map[string]int{}}
		if checkpoint == ByDelivery {
			if a.monitor, err = engine.NewMonitor(ctx, w.Stream(fmt.Sprint("monitor ", n))); err != nil {
				return nil, err
			}
		}
		w.agents = append(w.agents, a)
	}
	return w, nil
}

func (w *world) close() {
	for _, a := range w.agents {
		if a.monitor != nil {
			a.monitor.Close()
		}
	}
	w.server.Close()
}

func (w *world) newSchedule() *faults.Schedule {
	return &faults.Schedule{
		Server: w.server, Injector: w.injector, Failures: w.failures, Keys: func() []secrets.Key { return w.Keys }, Logstores: []string{source.Logstore}, MaxShards: 8,
		Down: func() { w.server.SetDown(true) }, Up: func() { w.server.SetDown(false) }, Unreachable: w.history.Unreachable,
		Phases: w.phases, Random: w.Stream(w.checkpoint + " schedule"),
	}
}

// readRest reads what is left, without faults, until the checkpoints are at the end
// of every shard.
func (w *world) readRest(ctx context.Context) {
	limit, cancel := context.WithTimeout(ctx, plan.DrainFor)
	defer cancel()
	done, over := context.WithCancel(limit)
	defer over()
	w.expireGone()
	begin := time.Now()
	defer func() { w.restIn = time.Since(begin) }()
	var wg sync.WaitGroup
	for _, a := range w.agents[:2] {
		wg.Go(func() {
			if err := a.live(ctx, done, true); err != nil {
				w.failures.Addf("agent %d, reading what was left: %v", a.number, err)
			}
		})
	}
	for limit.Err() == nil && len(w.open()) > 0 {
		plan.Wait(limit, 100*time.Millisecond)
	}
	if left := w.open(); len(left) > 0 && ctx.Err() == nil {
		w.failures.Addf("not committed to their end in %s without faults: shards %v", plan.DrainFor, left)
	}
	over()
	wg.Wait()
}

// expireGone lets the group forget the members that are gone, as the end of their
// leases would: SLS knows no other way to leave.
func (w *world) expireGone() {
	for _, name := range w.history.Gone() {
		w.server.ExpireConsumer(plan.Project, source.Logstore, group, name)
	}
}

// open are the shards that are not committed to their end.
func (w *world) open() (open []int) {
	at := w.server.Checkpoints(plan.Project, source.Logstore, group)
	for _, s := range w.server.Shards(plan.Project, source.Logstore) {
		if s.End > s.Begin && at[s.ID].Number < s.End {
			open = append(open, s.ID)
		}
	}
	return open
}

// report prints how far the campaign is, once in a while.
func (w *world) report(ctx context.Context) {
	begin := time.Now()
	for {
		plan.Wait(ctx, 10*time.Second)
		if ctx.Err() != nil || w.Quiet {
			return
		}
		w.failures.Printf("%4.0fs: input %s: written %d, handed over %d; shards %d; %s", time.Since(begin).Seconds(),
			w.checkpoint, w.written.Size(), w.history.HandedOver(), len(w.server.Shards(plan.Project, source.Logstore)), report.List(w.endings()))
	}
}

func (w *world) endings() map[string]int {
	total := map[string]int{}
	for _, a := range w.agents {
		a.mu.Lock()
		for how, n := range a.ended {
			total[how] += n
		}
		a.mu.Unlock()
	}
	return total
}

// print prints what happened, above the last lines.
func (w *world) print(s judge.Summary, causes map[string]int) {
	f := w.failures
	about := "input " + w.checkpoint
	f.Printf("%s: birth: %s", about, w.describeBirth())
	f.Printf("%s: members %d; %s", about, len(w.history.Members), report.List(w.endings()))
	f.Printf("%s: faults: %s", about, w.injector)
	f.Printf("%s: what was left was read in %.1fs of %s at most", about, w.restIn.Seconds(), plan.DrainFor)
	stats := w.server.Stats()
	commits := stats.Ops[slsfake.OpUpdateCheckpoint]
	f.Printf("%s: shards %d, leases %d, pulls %d, heartbeats %d, checkpoints %d (refused to a stale owner %d), members forgotten %d", about,
		len(w.server.Shards(plan.Project, source.Logstore)), len(w.server.GrantHistory(plan.Project, source.Logstore, group)),
		stats.Ops[slsfake.OpPullLogs].Requests, stats.Ops[slsfake.OpHeartbeat].Requests,
		len(w.server.CheckpointHistory(plan.Project, source.Logstore, group)),
		commits.ByCode["ConsumerNotMatch"]+commits.ByCode["ConsumerNotExist"],
		stats.Ops[slsfake.OpHeartbeat].ByCode["NotExistConsumerWithBody"])
	if w.checkpoint == ByHandoff {
		f.Printf("%s: hosts that keep pausing: the commits of %d hand-overs were due, the slowest came %.1fs after it could (%s at most)", about,
			s.InTime, s.Slowest.Seconds(), judge.PausingBound)
	}
	if s.Duplicated > 0 {
		f.Printf("%s: duplicates: %s", about, report.List(causes))
	}
	if s.Failures > 0 {
		f.Printf("%s: FAILURES: %d", about, s.Failures)
	}
}
