package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"

	"fluent-bit-sls/tests/bench/rig"
)

// runner runs probes and keeps what they measure.
type runner struct {
	dir string
	env []string // of the probes

	mu      sync.Mutex // guards the rest
	results results
	notes   []string // what probes report beside their figures
}

// build compiles the benchmarks.
func (r *runner) build(ctx context.Context) error {
	if err := os.MkdirAll(r.dir, 0o750); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		say("build %s", packages[name])
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-o", r.binary(name), packages[name])
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w", packages[name], err)
		}
	}
	return nil
}

func (r *runner) binary(name string) string { return filepath.Join(r.dir, name+".test") }

// startLab starts the emulator in a process of its own.
func (r *runner) startLab(ctx context.Context) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "--lab")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	stop = func() {
		_ = in.Close() // what ends it
		_ = cmd.Wait() // how it ends changes no result
	}
	var lab rig.Lab
	if err := json.NewDecoder(out).Decode(&lab); err != nil {
		stop()
		return nil, fmt.Errorf("start the emulator: %w", err)
	}
	entry, err := lab.Env()
	if err != nil {
		stop()
		return nil, err
	}
	r.env = append(os.Environ(), entry)
	return stop, nil
}

// measure runs the measurements in rounds: each thing once, then all again.
func (r *runner) measure(ctx context.Context, all []measurement, rounds int) error {
	for round := range rounds {
		say("round %d of %d", round+1, rounds)
		for _, m := range all {
			if m.aside || m.once && round > 0 {
				continue
			}
			for _, p := range m.probes {
				if err := r.run(ctx, p); err != nil {
					return err
				}
			}
		}
	}
	var wg sync.WaitGroup
	var failed []error
	var mu sync.Mutex // guards failed
	for _, m := range all {
		for _, p := range m.probes {
			if !m.aside {
				continue
			}
			wg.Go(func() {
				if err := r.run(ctx, p); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, err)
				}
			})
		}
	}
	wg.Wait()
	return errors.Join(failed...)
}

// run runs a probe and adds what it measures to the results.
func (r *runner) run(ctx context.Context, p probe) error {
	say("  %s %s", p.binary, p.bench)
	args := []string{"-test.run", "^$", "-test.bench", p.bench, "-test.benchtime", p.times}
	if p.procs != "" {
		args = append(args, "-test.cpu", p.procs)
	}
	cmd := exec.CommandContext(ctx, r.binary(p.binary), args...)
	cmd.Env, cmd.Dir = r.env, packages[p.binary] // where go test runs it
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", p.binary, p.bench, err, out.Bytes())
	}
	samples, err := parse(out.String())
	if err != nil {
		return fmt.Errorf("%s %s: %w", p.binary, p.bench, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, notes(out.String())...)
	for _, s := range samples {
		key := p.binary + "/" + s.name + " " + s.unit
		r.results[key] = append(r.results[key], s.value)
	}
	return nil
}

// say tells what goes on, where it does not get into the results.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
