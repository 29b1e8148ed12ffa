// Command campaign tries to make the plugins lose or double records: the built
// .so files under flbhost, an emulator that fails in every way it can, hosts
// that are stopped, reloaded and killed with their chunk store kept. At the end
// every record must be stored, and every record stored twice must have a cause
// of its own on record: a request whose answer did not reach the client, or the
// end of the instance that wrote it while its chunk was not acknowledged.
//
// It owns the data, the faults, the engine's part (chunk store, retries,
// restarts) and the judgement. It knows the plugins only as files, and the
// checks share no code with them.
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
	"time"
)

// config is what a campaign is made of.
type config struct {
	seed  uint64
	time  time.Duration // how long faults rain; settling takes a few seconds more
	so    string        // out_sls.so
	dir   string        // for the plugin and the host program; whoever made it removes it
	out   io.Writer
	quiet bool // no progress lines

	// hostBin is a built flbhost; "" builds one.
	hostBin string
	// rig is for tests of the campaign itself: it may sabotage the emulator
	// behind the checker's back.
	rig func(*world)
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
	side := flag.String("side", "out", "what to attack: out")
	flag.DurationVar(&c.time, "time", 3*time.Minute, "how long faults rain")
	flag.Uint64Var(&c.seed, "seed", 0, "seed; 0 takes a random one")
	flag.StringVar(&c.so, "so", "build/out_sls.so", "the output plugin; may be one with the race detector")
	flag.Parse()
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

func run(ctx context.Context, c config, side string) (err error) {
	sides := map[string]func(context.Context, config) (summary, error){"out": attackOutput}
	attack, ok := sides[side]
	if !ok {
		return fmt.Errorf("side %q: only out can be attacked", side)
	}
	for c.seed == 0 {
		c.seed = rand.Uint64N(1 << 32)
	}
	if c.dir, err = os.MkdirTemp("", "sls-campaign-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.dir)) }()
	say(c.out, fmt.Sprintf("campaign: side %s, time %s, seed %d", side, c.time, c.seed))
	s, err := attack(ctx, c)
	if err != nil {
		return err
	}
	say(c.out, s.line(c.seed))
	if s.failures > 0 {
		return errFound
	}
	return nil
}
