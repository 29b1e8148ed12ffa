package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

const (
	project  = "campaign"
	lanes    = 2 // host processes at a time
	perLane  = 2 // output sections of each
	drainFor = time.Minute
)

// world is what the actors of a campaign share.
type world struct {
	config
	server    *slsfake.Server
	endpoint  string
	logstores []string
	ledger    *ledger
	failures  *failures
	checker   *checker
	faults    *faults
	started   func(*host) // told of each host; for tests, else nil
}

// attackOutput runs the campaign against out_sls.
func attackOutput(ctx context.Context, c config) (summary, error) {
	w, err := newWorld(c)
	if err != nil {
		return summary{}, err
	}
	defer w.close()
	if w.rig != nil {
		w.rig(w)
	}
	chaos, calm := context.WithTimeout(ctx, c.time)
	defer calm()
	var wg, reporter sync.WaitGroup
	all := w.newLanes()
	wg.Go(func() { w.newSky().run(chaos) })
	wg.Go(func() { w.createLate(chaos) })
	for _, l := range all {
		wg.Go(func() { l.run(ctx, chaos) })
	}
	reporting, stop := context.WithCancel(ctx)
	reporter.Go(func() { w.report(reporting, all) })
	wg.Wait()
	stop()
	reporter.Wait()
	// No host is left; what the emulator still works on is stored or not when
	// it is closed.
	w.close()
	if ctx.Err() != nil {
		return summary{}, ctx.Err() // interrupted: nothing to judge
	}
	s, causes := w.checker.conclude()
	w.tell(all, s, causes)
	return s, nil
}

func (w *world) newSky() *sky {
	return &sky{
		server: w.server, faults: w.faults, failures: w.failures, keys: w.keys, logstores: w.logstores, maxShards: 12,
		down: w.down, up: w.up, spells: outputSpells(), random: w.stream("sky"),
	}
}

// down takes the network away, see cutGrace. The order counts: no answer is lost
// without the cut being on record.
func (w *world) down() {
	w.faults.gate.Lock()
	defer w.faults.gate.Unlock()
	wait(context.Background(), cutGrace)
	w.ledger.down()
	w.server.SetDown(true)
}

func (w *world) up() {
	w.server.SetDown(false)
	w.ledger.up()
}

func newWorld(c config) (w *world, err error) {
	c.prepare()
	w = &world{
		config: c, logstores: []string{"app-0", "app-1", "late"},
		ledger: newLedger(), failures: &failures{out: c.out},
	}
	if w.so, err = c.plugin(c.so, "out_sls.so"); err != nil {
		return nil, err
	}
	w.server = slsfake.New(slsfake.Config{AccessKeyID: w.keys[0].id, AccessKeySecret: w.keys[0].secret})
	w.server.AddKey(w.keys[1].id, w.keys[1].secret, w.keys[1].token)
	if w.endpoint, err = w.server.Listen("127.0.0.1:0"); err != nil {
		return nil, err
	}
	w.server.CreateLogstore(project, "app-0", 2)
	w.server.CreateLogstore(project, "app-1", 4)
	for _, name := range append(existing[:2:2], notForYou) {
		w.server.CreateLogstore(project, name, 2)
	}
	w.faults = &faults{
		ledger: w.ledger, failures: w.failures, random: c.stream("faults"), counts: map[string]int{}, table: faultTable(),
		silent: map[string]bool{},
		relay:  newRelay(w.server, strings.TrimPrefix(w.endpoint, "http://")),
	}
	w.server.Hook(slsfake.OpPutLogs, w.faults.strike)
	w.server.Hook("", w.watch.call)
	return w, nil
}

func (w *world) close() {
	w.faults.relay.client.CloseIdleConnections()
	w.server.Close()
}

// createLate creates the logstores that do not exist at the start.
func (w *world) createLate(ctx context.Context) {
	wait(ctx, min(5*time.Second, w.time/4))
	w.server.CreateLogstore(project, "late", 1)
	wait(ctx, w.time/4)
	w.server.CreateLogstore(project, bornLate, 1)
}

// newLanes makes the lanes: the second section of each shares its logstore with
// one of another lane or starts without any.
func (w *world) newLanes() (all []*lane) {
	t := newTemplates(&w.config)
	stores := []string{"app-0", "app-1", "app-1", "late"}[:lanes*perLane]
	w.checker = newChecker(w.server, w.ledger, t, w.failures, stores)
	for n := range lanes {
		l := &lane{world: w, number: n, random: w.stream(fmt.Sprint("lane ", n)), key: w.keys[n%len(w.keys)]}
		l.ended, l.workers, l.answers = map[string]int{}, map[int]int{}, map[string]int{}
		for i := range perLane {
			number := n*perLane + i
			l.feeds = append(l.feeds, newFeed(&w.config, number, stores[number], w.checker))
		}
		all = append(all, l)
	}
	return all
}

// report prints how far the campaign is, once in a while.
func (w *world) report(ctx context.Context, all []*lane) {
	for {
		wait(ctx, 10*time.Second)
		if ctx.Err() != nil || w.quiet {
			return
		}
		sent, stored, duplicated := w.checker.progress()
		open := 0
		for _, l := range all {
			for _, f := range l.feeds {
				open += f.pending()
			}
		}
		w.failures.printf("%4.0fs: sent %d, stored %d, duplicated %d; chunks on their way %d; %s",
			w.ledger.now().Seconds(), sent, stored, duplicated, open, endings(all))
	}
}

// endings counts the ends of incarnations by kind.
func endings(all []*lane) string {
	total := map[string]int{}
	for _, l := range all {
		for how, n := range l.ends() {
			total[how] += n
		}
	}
	return list(total)
}

// list prints counts by name.
func list(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

// tell prints what happened, above the last line.
func (w *world) tell(all []*lane, s summary, causes map[string]int) {
	w.failures.printf("instances:  %s", endings(all))
	workers := map[string]int{}
	flushes := map[string]int{}
	for _, l := range all {
		for n, times := range l.workers {
			workers[fmt.Sprintf("%d:", n)] += times
		}
		for what, n := range l.answers {
			flushes[what] += n
		}
	}
	w.failures.printf("workers:    %s", list(workers))
	w.failures.printf("flushes:    %s", list(flushes))
	w.failures.printf("outages:    %s", tellExits(all))
	w.failures.printf("faults:     %s", list(w.faults.counts))
	put := w.server.Stats().Ops[slsfake.OpPutLogs]
	w.failures.printf("requests:   %d, accepted %d with %.0f MB, aborted %d", put.Requests, put.Groups, float64(put.RawIn)/1e6, put.Aborted)
	w.failures.printf("names:      records in the default logstore, by what they named: %s", tellStrays(w.checker.strays))
	w.failures.printf("ordered:    %d chunks checked", w.checker.order.checked)
	if s.duplicated > 0 {
		w.failures.printf("duplicates: %s", list(causes))
	}
	if s.failures > 0 {
		w.failures.printf("FAILURES:   %d", s.failures)
	}
}
