// Command bench measures what there are bars for, and prints a table and one
// line per figure: "bench: NAME VALUE UNIT". It owns the order of the measurements
// and their arithmetic. What is measured are benchmarks beside the engines, which
// are internal packages, and their rivals in tests/bench/rivals; each runs in a
// process of its own, and the emulator in another.
//
// Every ratio is of two things measured in the same round, one right after the
// other, and the figure is the median over the rounds: the machine may do other
// things meanwhile. CPU time is getrusage's of the process that works. A bar that
// is missed is said so and is no failure; a measurement that fails is.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"fluent-bit-sls/tests/bench/rig"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each comparison is measured")
	only := flag.String("only", "", "measure only figures whose name begins with this: out, in, out_rss")
	build := flag.String("build", "build/bench", "folder for the built benchmarks")
	lab := flag.Bool("lab", false, "run the emulator and nothing else, until standard input ends")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *lab {
		err = serveLab(ctx)
	} else {
		err = bench(ctx, *build, *only, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serveLab is the emulator's process. It ends with the driver's.
func serveLab(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return rig.Serve(ctx, func(l rig.Lab) { _ = json.NewEncoder(os.Stdout).Encode(l) })
}

func bench(ctx context.Context, build, only string, rounds int) error {
	dir, err := filepath.Abs(build)
	if err != nil {
		return err
	}
	r := &runner{dir: dir, results: results{}}
	if err := r.build(ctx); err != nil {
		return err
	}
	stopLab, err := r.startLab(ctx)
	if err != nil {
		return err
	}
	defer stopLab()
	var wanted []measurement
	for _, m := range measurements() {
		if len(m.figuresOf(only)) > 0 {
			wanted = append(wanted, m)
		}
	}
	if err := r.measure(ctx, wanted, max(rounds, 1)); err != nil {
		return err
	}
	var figures []figure
	for _, m := range wanted {
		for _, f := range m.figuresOf(only) {
			if err := f.compute(r.results); err != nil {
				return err
			}
			figures = append(figures, f)
		}
	}
	return report(os.Stdout, figures, r.results, r.notes, max(rounds, 1))
}

// figuresOf returns the figures whose name begins with prefix.
func (m measurement) figuresOf(prefix string) []figure {
	var out []figure
	for _, f := range m.figures {
		if strings.HasPrefix(f.name, prefix) {
			out = append(out, f)
		}
	}
	return out
}
