// Command dist makes the tarballs of a release, one per processor, and their
// checksums in build/dist. Before a plugin is packed it is checked (processor,
// shared libraries, glibc) and has shipped records to the emulator of SLS and
// read them back, under user-mode emulation where it was built for another
// processor than this machine's. The emulator alone, slsfake, is packed with them: it has
// no need of the system at all, and has shown its page.
//
//	dist --version VERSION -- FLAGS OF go build
//
// `make setup` installs a missing cross compiler or emulator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"time"

	"fluent-bit-sls/tests/e2e"
)

// dir, below the module's root, is where the tarballs go.
const dir = "build/dist"

func main() {
	version := flag.String("version", "", "version of the release, as the plugins tell it")
	lines := flag.Int("lines", 20_000, "lines that each pair of plugins ships and reads back")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *version, flag.Args(), *lines); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version string, buildFlags []string, lines int) error {
	if !regexp.MustCompile(`^\w[\w.+-]*$`).MatchString(version) {
		return fmt.Errorf("--version %q: must be letters, digits and . _ + -, as part of a file name", version)
	}
	stamp, err := commitTime(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	for _, t := range targets() {
		if err := t.checkTools(); err != nil {
			return err
		}
		begin := time.Now()
		plugins, err := t.build(ctx, buildFlags)
		if err != nil {
			return err
		}
		if err := t.prove(ctx, plugins, version, lines); err != nil {
			return fmt.Errorf("linux/%s: %w", t.arch, err)
		}
		emulator, err := t.buildEmulator(ctx)
		if err != nil {
			return err
		}
		if err := t.proveEmulator(ctx, emulator); err != nil {
			return fmt.Errorf("linux/%s: %w", t.arch, err)
		}
		built := map[string]string{"out_sls.so": plugins.Out, "in_sls.so": plugins.In, "slsfake": emulator}
		name, err := pack(ctx, ".", dir, t.arch, version, stamp, built)
		if err != nil {
			return err
		}
		fmt.Printf("%s in %.0fs\n", name, time.Since(begin).Seconds())
	}
	sums, err := writeSums(dir)
	fmt.Print(sums)
	return err
}

// prove checks the plugins as files and then at work.
func (t target) prove(ctx context.Context, plugins e2e.Plugins, version string, lines int) error {
	for _, so := range []string{plugins.Out, plugins.In} {
		report, err := check(so, t.machine)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", so, report)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	host, err := t.host(ctx, plugins)
	if err != nil {
		return err
	}
	how := "on this machine"
	if t.arch != runtime.GOARCH {
		how = "under " + t.emulator
	}
	if err := t.atWork(ctx, host, how, version, lines); err != nil {
		return err
	}
	if host, err = t.oldHost(ctx, plugins); err != nil {
		return err
	}
	if host == nil {
		fmt.Printf("linux/%s: not tried with glibc %s, which make setup could not bring\n", t.arch, oldGlibc)
		return nil
	}
	return t.atWork(ctx, host, how+" with glibc "+oldGlibc, version, lines)
}

func (t target) atWork(ctx context.Context, host e2e.Host, how, version string, lines int) error {
	begin := time.Now()
	if err := exercise(ctx, host, version, lines); err != nil {
		return fmt.Errorf("the plugins at work %s: %w", how, err)
	}
	fmt.Printf("linux/%s: shipped %d lines and read them back %s, none lost or doubled, version %s told, in %.1fs\n",
		t.arch, lines, how, version, time.Since(begin).Seconds())
	return nil
}
