// Package output attacks out_sls. Its agents are Fluent Bit processes that are stopped,
// reloaded and killed again and again; their chunk stores survive that. It starts what the
// other packages make and describes what happened; what is right is for judge to say.
package output

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/output/judge"
	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/output/store"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/slsfake"
)

// world is what the actors of the attack share.
type world struct {
	plan.Plan
	memory    judge.Memory // of the plugin
	server    *slsfake.Server
	endpoint  string
	logstores []string
	history   *judge.History
	failures  *report.Failures
	judge     *judge.Judge
	injector  *faults.Injector
	keys      keyRing
	started   func(*host) // told of each host; for tests, else nil
}

// Attack runs the campaign against out_sls. With rig a test sabotages the emulator without
// the judge's knowledge; else it is nil.
func Attack(ctx context.Context, c plan.Plan, m judge.Memory, rig func(*world)) (judge.Summary, error) {
	w, err := newWorld(c, m)
	if err != nil {
		return judge.Summary{}, err
	}
	defer w.server.Close()
	if rig != nil {
		rig(w)
	}
	faulty, calm := context.WithTimeout(ctx, c.Time)
	defer calm()
	var wg, reporter sync.WaitGroup
	all := w.newAgents()
	wg.Go(func() { w.newSchedule().Run(faulty) })
	wg.Go(func() { w.createLate(faulty) })
	for _, a := range all {
		wg.Go(func() { a.run(ctx, faulty) })
	}
	reporting, stop := context.WithCancel(ctx)
	reporter.Go(func() { w.report(reporting, all) })
	wg.Wait()
	stop()
	reporter.Wait()
	// No host is left. Close ends what the emulator still works on.
	w.server.Close()
	if ctx.Err() != nil {
		return judge.Summary{}, ctx.Err() // interrupted: nothing to judge
	}
	s, causes := w.judge.Conclude()
	w.print(all, s, causes)
	return s, nil
}

func (w *world) newSchedule() *faults.Schedule {
	phases := faults.OutputPhases()
	switch w.memory {
	case judge.UntilSplit:
		phases = append(phases, faults.Splits()...)
	case judge.UntilFull: // a request has one log, and many have to get through
		phases = faults.FewFaults()
	default:
	}
	return &faults.Schedule{
		Server: w.server, Injector: w.injector, Failures: w.failures, Keys: w.keys.all, Logstores: w.logstores, MaxShards: 12,
		Down: w.down, Up: w.up, Phases: phases, Random: w.Stream("schedule"),
	}
}

// down takes the network away, see cutGrace. The order counts: no answer is lost
// without the cut being on record.
func (w *world) down() {
	w.injector.Hold(func() {
		plan.Wait(context.Background(), judge.CutGrace)
		w.history.Down()
		w.server.SetDown(true)
	})
}

func (w *world) up() {
	w.server.SetDown(false)
	w.history.Up()
}

func newWorld(c plan.Plan, m judge.Memory) (w *world, err error) {
	c.Prepare()
	w = &world{
		Plan: c, memory: m, logstores: []string{"app-0", "app-1", "late"},
		history: judge.NewHistory(), failures: &report.Failures{Out: c.Out},
	}
	if w.OutSo, err = c.Plugin(c.OutSo, "out_sls"+strings.TrimSpace(m.String())+".so"); err != nil {
		return nil, err
	}
	w.server = slsfake.New(slsfake.Config{AccessKeyID: w.Keys[0].ID, AccessKeySecret: w.Keys[0].Secret, Trace: func(d slsfake.Done) {
		if d.Op == slsfake.OpPutLogs {
			w.history.Answered(d.RequestID, d.Took)
			w.injector.AnswerGiven(d.RequestID)
		}
	}})
	if w.endpoint, err = w.server.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	w.server.SetSequencesFollow(m != judge.UntilSplit)
	w.server.CreateLogstore(plan.Project, "app-0", 2)
	w.server.CreateLogstore(plan.Project, "app-1", 4)
	for _, name := range append(record.Existing[:2:2], record.NotAllowed) {
		w.server.CreateLogstore(plan.Project, name, 2)
	}
	w.injector = faults.NewInjector(faults.OutputTable(), c.Stream("faults"), w.failures)
	w.injector.Noted, w.injector.Absent = w.history.Note, record.AbsentPrefix
	w.server.Hook(slsfake.OpPutLogs, w.injector.OnPutLogs)
	w.server.Hook("", w.Watch.Call)
	return w, nil
}

// createLate creates the logstores that do not exist at the start.
func (w *world) createLate(ctx context.Context) {
	plan.Wait(ctx, min(5*time.Second, w.Time/4))
	w.server.CreateLogstore(plan.Project, "late", 1)
	plan.Wait(ctx, w.Time/4)
	w.server.CreateLogstore(plan.Project, record.CreatedLate, 1)
}

// section is an output section of an agent's hosts.
type section struct {
	agent    int
	logstore string
	attacks  store.Attacks
	battered bool // what it remembers is destroyed
}

// sections are those of the agents. The second one of each shares its logstore with one of
// another agent or starts without any. Of an output that remembers there are more, whose
// memory is destroyed; but where the memory is too small, that is the only attack on it.
func sections(m judge.Memory) []section {
	switch m {
	case judge.Forgets:
		return []section{{0, "app-0", store.Attacks{}, false}, {0, "app-1", store.Attacks{}, false}, {1, "app-1", store.Attacks{}, false}, {1, "late", store.Attacks{}, false}}
	case judge.UntilFull:
		overflow := store.Attacks{HoldAll: true, Small: true}
		return []section{{0, "app-0", overflow, false}, {1, "app-1", overflow, false}}
	default:
		return []section{
			{0, "app-0", store.Attacks{Jumps: true}, false},
			{0, "app-1", store.Attacks{GivesUp: true}, false},
			{1, "app-1", store.Attacks{}, false},
			{1, "late", store.Attacks{HoldAll: true}, false},
			{2, "app-0", store.Attacks{Twins: true}, true},
			{3, "app-1", store.Attacks{Twins: true, Jumps: true}, true},
		}
	}
}

// newAgents makes the agents with their sections.
func (w *world) newAgents() (all []*agent) {
	t := record.NewTemplates(&w.Plan)
	parts := sections(w.memory)
	var stores []string
	for _, s := range parts {
		stores = append(stores, s.logstore)
	}
	w.judge = judge.NewJudge(w.server, w.history, t, w.failures, w.memory, stores)
	for i, s := range parts {
		if s.agent == len(all) {
			a := &agent{world: w, number: s.agent, random: w.Stream(fmt.Sprint("agent ", s.agent)), baseKey: w.Keys[s.agent%len(w.Keys)], battered: s.battered}
			a.ended, a.workers, a.answers = map[string]int{}, map[int]int{}, map[string]int{}
			all = append(all, a)
		}
		f := store.NewFeed(&w.Plan, i, s.logstore, t, w.history.Now, w.judge.Sent)
		if i%2 == 1 || w.memory != judge.Forgets { // what lies in memory is forgotten at a kill
			f.KeepFiles(w.Dir, w.failures)
		}
		if f.Attacks = s.attacks; s.battered {
			w.judge.Batter(i)
		}
		all[s.agent].feeds = append(all[s.agent].feeds, f)
	}
	return all
}

// report prints how far the campaign is, once in a while.
func (w *world) report(ctx context.Context, all []*agent) {
	for {
		plan.Wait(ctx, 10*time.Second)
		if ctx.Err() != nil || w.Quiet {
			return
		}
		sent, stored, duplicated := w.judge.Progress()
		open := 0
		for _, a := range all {
			for _, f := range a.feeds {
				open += f.Pending()
			}
		}
		w.failures.Printf("%4.0fs: sent %d, stored %d, duplicated %d; chunks on their way %d; %s",
			w.history.Now().Seconds(), sent, stored, duplicated, open, endings(all))
	}
}

// endings counts the ends of incarnations by kind.
func endings(all []*agent) string {
	total := map[string]int{}
	for _, a := range all {
		for how, n := range a.ends() {
			total[how] += n
		}
	}
	return report.List(total)
}

// print prints what happened, above the last line.
func (w *world) print(all []*agent, s judge.Summary, causes map[string]int) {
	w.failures.Printf("instances:  %s", endings(all))
	workers := map[string]int{}
	flushes := map[string]int{}
	for _, a := range all {
		for n, times := range a.workers {
			workers[fmt.Sprintf("%d:", n)] += times
		}
		for what, n := range a.answers {
			flushes[what] += n
		}
	}
	w.failures.Printf("workers:    %s", report.List(workers))
	w.failures.Printf("flushes:    %s", report.List(flushes))
	w.failures.Printf("outages:    %s", describeExits(all))
	w.failures.Printf("faults:     %s", w.injector)
	put := w.server.Stats().Ops[slsfake.OpPutLogs]
	w.failures.Printf("requests:   %d, accepted %d with %.0f MB, aborted %d", put.Requests, put.Groups, float64(put.RawIn)/1e6, put.Aborted)
	w.failures.Printf("names:      records in the default logstore, by what they named: %s", judge.DescribeFallbacks(w.judge.Fallbacks))
	w.failures.Printf("ordered:    %d chunks checked", w.judge.Order.Checked)
	if s.Duplicated > 0 {
		w.failures.Printf("duplicates: %s", report.List(causes))
	}
	if w.memory != judge.Forgets {
		double := 0
		for _, a := range all {
			double += a.double
		}
		w.failures.Printf("given up:   %d records that the engine dropped are not stored", s.GivenUp)
		w.failures.Printf("kills:      %d within moments of a request and of the host before", double)
		b := s.Battered
		w.failures.Printf("battered:   sections whose memory is torn, full, shared or of twins: sent %d, stored %d, lost %d, duplicated %d", b.Sent, b.Stored, b.Lost, b.Duplicated)
	}
	if s.Failures > 0 {
		w.failures.Printf("FAILURES:   %d", s.Failures)
	}
}
