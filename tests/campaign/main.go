// Command campaign tries to make the plugins lose or double records: the built
// .so files under flbhost, an emulator that fails in every way it can, hosts
// that are stopped, reloaded and killed.
//
// The output's hosts keep their chunk store. At the end every record must be
// stored, and every record stored twice must have a cause of its own on record: a
// request whose answer did not reach the client, or the end of the instance that
// wrote it while its chunk was not acknowledged. Sections with ordered on and a
// hash_key must have kept the order of each bucket. The records of one section name
// their logstores, of which some do not exist: each must be where it wants to go, or in
// the section's default. Some hosts end while SLS takes their calls and answers none, with
// flushes queued on all workers: that may take flush_timeout, the plugin's wait for what is
// in flight and a margin, whatever is queued.
//
// The input's hosts are members of one consumer group that come and go, pause and
// freeze, while shards split and merge; once with checkpoint handoff, where a host
// keeps what it has had for handoff_delay, once with checkpoint delivered, where it
// keeps what its output has delivered. At the end some host must have every record,
// those of each hash key in their order. Where the reading of a shard begins anew it
// must begin at the checkpoint, which bounds what comes twice; no checkpoint may be
// ahead of what the hosts keep, nor be written by who does not hold the shard. The group
// comes late and slowly to a logstore that was split and written to before: with
// start_position begin all of that must be delivered, with end nothing of it, and all
// behind the first checkpoints. Some hosts pause every two seconds as long as they live:
// what they keep must be committed in time all the same.
//
// On either side the calls of one lane's hosts panic now and then, with what was asked for
// carried out or not: no host may end of it, and all else holds for them, too.
//
// It owns the data, the faults, the engine's part (chunk store, retries, restarts,
// the reports of the monitoring) and the judgement. It knows the plugins only as
// files, and the checks share no code with them. All that hosts and campaign print
// is searched for the secrets of the keys.
//
// The seed drives what is random: chunks, faults, options, lives of the hosts.
// It does not drive time: which request meets which fault depends on the
// machine, so a seed repeats a kind of weather and not a run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"time"

	"fluent-bit-sls/tests/flbhost"
)

// config is what a campaign is made of.
type config struct {
	seed uint64
	time time.Duration // how long faults rain; settling takes a few seconds more
	so   string        // out_sls.so
	inSo string        // in_sls.so
	// source is the tree to build plugins from that can panic; "" = none do.
	source             string
	panicSo, panicInSo string // these plugins
	dir                string // for the plugins and the host program; whoever made it removes it
	out                io.Writer
	quiet              bool // no progress lines
	keys               []key
	watch              *watch

	// hostBin is a built flbhost; "" builds one.
	hostBin string
	// transcript gets every line that hosts log or print; nil = nobody.
	transcript io.Writer
	// rig and rigInput are for tests of the campaign itself: they may sabotage
	// the emulator behind the checker's back.
	rig      func(*world)
	rigInput func(*inputWorld)
}

// prepare draws the keys and begins to watch for them, unless that is done.
func (c *config) prepare() {
	if c.watch == nil {
		c.keys = newKeys(c.stream("keys"))
		c.watch = newWatch(c.out, c.transcript, c.keys)
		c.out = c.watch
	}
}

// stream is a source of random numbers of its own for each name, so that what
// one actor draws does not change what another gets.
func (c *config) stream(name string) *rand.Rand {
	h := c.seed
	for _, b := range []byte(name) {
		h = mix(h ^ uint64(b))
	}
	return rand.New(rand.NewPCG(c.seed, h))
}

// mix is the finaliser of splitmix64: a cheap hash of one word.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func main() {
	c := config{out: os.Stdout}
	side := flag.String("side", "all", "what to attack: out, in or all")
	flag.DurationVar(&c.time, "time", 3*time.Minute, "how long faults rain")
	flag.Uint64Var(&c.seed, "seed", 0, "seed; 0 takes a random one")
	flag.StringVar(&c.so, "so", "build/out_sls.so", "the output plugin; may be one with the race detector")
	flag.StringVar(&c.inSo, "in-so", "build/in_sls.so", "the input plugin; may be one with the race detector")
	flag.StringVar(&c.source, "source", ".", "the tree to build plugins from that can be made to panic; empty: none panics")
	logFile := flag.String("log", "", "file for all that the hosts log")
	flag.Parse()
	if *logFile != "" {
		f, err := os.Create(*logFile)
		if err != nil {
			fmt.Fprintln(os.Stderr, "campaign:", err)
			os.Exit(1)
		}
		c.transcript = f // closed by the end of the process
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, c, *side)
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
type attack func(context.Context, config) (verdict, error)

// attacks lists those of a side, in the order of their last lines.
func attacks(side string) []attack {
	output := func(ctx context.Context, c config) (verdict, error) {
		s, err := attackOutput(ctx, c)
		return verdict{line: s.line(c.seed), failures: s.failures}, err
	}
	input := func(checkpoint string) attack {
		return func(ctx context.Context, c config) (verdict, error) {
			s, err := attackInput(ctx, c, checkpoint)
			return verdict{line: s.line(checkpoint, c.seed), failures: s.failures}, err
		}
	}
	switch side {
	case "out":
		return []attack{output}
	case "in":
		return []attack{input(byHandoff), input(byDelivery)}
	case "all":
		return []attack{input(byHandoff), input(byDelivery), output}
	}
	return nil
}

func run(ctx context.Context, c config, side string) (err error) {
	all := attacks(side)
	if len(all) == 0 {
		return fmt.Errorf("side %q: only out, in or all can be attacked", side)
	}
	for c.seed == 0 {
		c.seed = rand.Uint64N(1 << 32)
	}
	if c.dir, err = os.MkdirTemp("", "sls-campaign-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	if c.hostBin == "" {
		if c.hostBin, err = flbhost.Build(ctx, c.dir); err != nil {
			return err
		}
	}
	if err = c.buildPanicking(ctx); err != nil {
		return err
	}
	c.prepare()
	say(c.out, fmt.Sprintf("campaign: side %s, time %s, seed %d", side, c.time, c.seed))
	return c.attackAll(ctx, all)
}

// attackAll runs the attacks at the same time: what they wait for leaves the
// machine to the others.
func (c *config) attackAll(ctx context.Context, all []attack) error {
	verdicts, errs := make([]verdict, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, a := range all {
		wg.Go(func() { verdicts[i], errs[i] = a(ctx, *c) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	watched, found := c.watch.verdict()
	say(c.out, watched)
	for _, v := range verdicts {
		say(c.out, v.line)
		found += v.failures
	}
	if found > 0 {
		return errFound
	}
	return nil
}
