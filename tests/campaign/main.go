// Command campaign tries to make the plugins lose or duplicate records. The built .so files
// run under flbhost against an emulator that fails in every way it can. Their hosts are
// stopped, reloaded and killed.
//
// # Output
//
// The chunk store survives the hosts. One section of each has filesystem storage beside a
// second output that is down: its chunks are handed over in mappings of their files, and what
// was acknowledged comes again after each restart. At the end every record must be stored. Every record
// that is stored twice must have a cause of its own: a request whose answer did not reach the
// client, or the end of an instance while the chunk was not acknowledged. What else is held
// to, event by event:
//   - Sections with ordered on and a hash_key keep the order of each bucket.
//   - The records of one section name their logstores, of which some do not exist. Each record
//     is where it wants to go, or in the section's default.
//   - Some hosts end during an outage, with flushes queued on all workers. That takes no longer
//     than flush_timeout, the plugin's wait for what is in flight, and a margin.
//
// Two more sides attack an output that remembers what was delivered over its ends: it keeps
// its options, and all its chunks lie in files. With side state a duplicate must belong to a
// request whose answer did not reach the client; with side exactly_once there must be none.
// What else they do:
//   - Hosts are killed at a moment of a request: when it arrives, when it is stored, when its
//     answer is on the way, when the flush has its answer and the chunk is still there. Their
//     next hosts are so, too.
//   - A number that comes again stays without a clear answer in three of ten cases.
//   - A second output is down for the whole run, chunks are given up, and the clock that names
//     their files jumps.
//   - Two more hosts share one file of state_path. It is torn, cut, emptied and, with side state,
//     replaced by an older one. Their disk is full, their options change, their chunks have
//     twins. These may write twice, and lose nothing.
//
// Two sides show where exactly_once ends. With side splits SLS forgets numbers when a shard
// is split or merged: a duplicate must belong to a number without a clear answer, and be in
// another shard. With side overflow the file is too small, while a second output is down: a
// duplicate must have had newer entries than the file keeps.
//
// # Input
//
// The hosts are members of one consumer group. They come and go, pause and freeze, while
// shards split and merge. With checkpoint handoff a host keeps what it has had for
// handoff_delay; with checkpoint delivered it keeps what its output has delivered. At the end
// the hosts must have every record, those of each hash key in their order. What else is held
// to:
//   - Where the reading of a shard begins anew, it begins at the checkpoint. That bounds what
//     comes twice.
//   - No checkpoint is ahead of what the hosts keep, and only the holder of a shard writes it.
//   - The group comes late and slowly to a logstore that was split and written to before. With
//     start_position begin all of that is delivered, with end nothing of it, and in either case
//     all that is behind the first checkpoints.
//   - Some hosts pause every two seconds as long as they live. What they keep is committed in
//     time all the same.
//   - Most of the others hand over directly. Their appends fail, their rings stay full, some
//     for longer than a lease, and they hear of a pause late.
//
// On either side the calls of one agent's hosts panic now and then, whether or not what they
// asked for was carried out. No host may end of it.
//
// # Packages
//
// plan, report, secrets, process and faults serve both sides; output and input run
// one side each, and their judge packages say what was right. The campaign owns the data, the
// faults, the engine's part and the judgement. It knows the plugins as files only, and shares
// no code with them.
//
// The seed decides what is random: chunks, faults, options, lives of the hosts. It does not
// decide time. Which request meets which fault depends on the machine, so a seed does not
// repeat a run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/input"
	"fluent-bit-sls/tests/campaign/output"
	"fluent-bit-sls/tests/campaign/output/judge"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/flbhost"
	"fluent-bit-sls/tests/panicking"
)

func main() {
	p := plan.Plan{Out: os.Stdout}
	side := flag.String("side", "all", "what to attack: out, in or all, or out with state, exactly_once, splits or overflow")
	flag.DurationVar(&p.Time, "time", 3*time.Minute, "how long there are faults")
	flag.Uint64Var(&p.Seed, "seed", 0, "seed; 0 takes a random one")
	flag.StringVar(&p.OutSo, "so", "build/out_sls.so", "the output plugin; may be one with the race detector")
	flag.StringVar(&p.InSo, "in-so", "build/in_sls.so", "the input plugin; may be one with the race detector")
	source := flag.String("source", ".", "the tree to build plugins from that can be made to panic; empty: none panics")
	logFile := flag.String("log", "", "file for all that the hosts log")
	flag.Parse()
	if *logFile != "" {
		f, err := os.Create(*logFile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "campaign:", err)
			os.Exit(1)
		}
		p.Transcript = f // closed by the end of the process
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, p, *side, *source)
	if err == nil {
		return
	}
	if !errors.Is(err, errFound) { // else the last line stays the last
		fmt.Fprintln(os.Stderr, "campaign:", err)
	}
	stop()
	os.Exit(1)
}

// errFound ends a campaign that found something; what it is has been printed.
var errFound = errors.New("failed")

// verdict is what the attack on one side has come to.
type verdict struct {
	line     string // says it all
	failures int
}

// attack is one of the attacks of a campaign.
type attack func(context.Context, plan.Plan) (verdict, error)

// attackOutput attacks out_sls with that kind of memory.
func attackOutput(m judge.Memory) attack {
	return func(ctx context.Context, p plan.Plan) (verdict, error) {
		s, err := output.Attack(ctx, p, m, nil)
		return verdict{line: s.Line(p.Seed), failures: s.Failures}, err
	}
}

// attackInput attacks in_sls with that kind of checkpoint.
func attackInput(checkpoint string) attack {
	return func(ctx context.Context, p plan.Plan) (verdict, error) {
		s, err := input.Attack(ctx, p, checkpoint, nil)
		return verdict{line: s.Line(checkpoint, p.Seed), failures: s.Failures}, err
	}
}

// attacks lists those of a side, in the order of their last lines.
func attacks(side string) []attack {
	switch side {
	case "out":
		return []attack{attackOutput(judge.Forgets)}
	case "state":
		return []attack{attackOutput(judge.Remembers)}
	case "exactly_once":
		return []attack{attackOutput(judge.ExactlyOnce)}
	case "splits":
		return []attack{attackOutput(judge.UntilSplit)}
	case "overflow":
		return []attack{attackOutput(judge.UntilFull)}
	case "in":
		return []attack{attackInput(input.ByHandoff), attackInput(input.ByDelivery)}
	case "all":
		return []attack{attackInput(input.ByHandoff), attackInput(input.ByDelivery), attackOutput(judge.Forgets)}
	}
	return nil
}

// run attacks a side. source is the tree to build plugins from that can panic; "" = none does.
func run(ctx context.Context, p plan.Plan, side, source string) (err error) {
	all := attacks(side)
	if len(all) == 0 {
		return fmt.Errorf("side %q: only out, in, all, state, exactly_once, splits or overflow can be attacked", side)
	}
	for p.Seed == 0 {
		p.Seed = rand.Uint64N(1 << 32)
	}
	if p.Dir, err = os.MkdirTemp("", "sls-campaign-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.Dir)) }()
	if p.HostBin == "" {
		if p.HostBin, err = flbhost.Build(ctx, p.Dir); err != nil {
			return err
		}
	}
	if source != "" {
		p.PanicOutSo, err = panicking.Build(ctx, source, p.Dir, "out_sls")
		if err == nil {
			p.PanicInSo, err = panicking.Build(ctx, source, p.Dir, "in_sls")
		}
		if err != nil {
			return err
		}
	}
	p.Prepare()
	report.Say(p.Out, fmt.Sprintf("campaign: side %s, time %s, seed %d", side, p.Time, p.Seed))
	return attackAll(ctx, p, all)
}

// attackAll runs the attacks at the same time: what they wait for leaves the
// machine to the others.
func attackAll(ctx context.Context, p plan.Plan, all []attack) error {
	verdicts, errs := make([]verdict, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, a := range all {
		wg.Go(func() { verdicts[i], errs[i] = a(ctx, p) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	watched, found := p.Watch.Verdict()
	report.Say(p.Out, watched)
	for _, v := range verdicts {
		report.Say(p.Out, v.line)
		found += v.failures
	}
	if found > 0 {
		return errFound
	}
	return nil
}
