// Command demo shows the whole way on one machine: it starts the emulator, ships
// a file through out_sls.so, reads it back through in_sls.so in a consumer group,
// compares every line, and exits with 0 only if none was lost or doubled. It
// shows how far it is, and leaves a page with all figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"fluent-bit-sls/tests/demo/report"
	"fluent-bit-sls/tests/e2e"
)

const (
	project, logstore, shards = "demo", "app", 4
	keyID, keySecret          = "demo-key", "demo-secret"
	group                     = "demo"
)

func main() {
	logFile := flag.String("log", "", "file to ship; a generated access log when empty")
	lines := flag.Int("lines", 100_000, "lines of the generated access log")
	build := flag.String("build", "build", "folder with the built plugins; the demo's files go to demo/ in it")
	timeout := flag.Duration("timeout", 5*time.Minute, "give up after this time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	show := newProgress(os.Stdout, isTerminal(os.Stdout))
	err := run(ctx, show, *build, *logFile, *lines)
	show.stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run is the demo from the built plugins to the last line.
func run(ctx context.Context, show *progress, build, logFile string, lines int) error {
	plugins, err := e2e.FindPlugins(build)
	if err != nil {
		return err
	}
	if plugins, err = plugins.Abs(); err != nil {
		return err
	}
	dir, err := filepath.Abs(filepath.Join(build, "demo"))
	if err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o750)); err != nil {
		return err
	}
	show.phase("prepare", func() string { return "the data" })
	what := "lines of " + logFile
	if logFile == "" {
		logFile, what = filepath.Join(dir, "access.log"), "lines of a generated access log"
		if err := generate(logFile, lines); err != nil {
			return err
		}
	}
	sent, err := count(logFile)
	if err != nil {
		return err
	}
	if sent.lines == 0 {
		return fmt.Errorf("%s: no line to ship", logFile)
	}
	show.phase("prepare", func() string { return "the test host to be compiled" })
	hosts, err := e2e.Hosts(ctx, plugins, dir)
	if err != nil {
		return err
	}
	host := hosts[len(hosts)-1] // the real one, if there is one
	show.print("file       %s: %d lines, %s", logFile, sent.lines, report.Size(sent.bytes))
	show.print("host       %s", host.Name())
	trip, err := newTrip(host, show, logFile, sent)
	if err != nil {
		return err
	}
	trip.what = fmt.Sprintf("%s %s, %s", report.Count(sent.lines), what, report.Size(sent.bytes))
	runErr := trip.run(ctx)
	return finish(show, trip.result(runErr), filepath.Join(build, "demo", "report.html"), runErr)
}

// finish writes the page, ends with the one line, and tells whether all is well.
func finish(show *progress, r *report.Run, page string, runErr error) error {
	if err := write(page, r); err != nil {
		return errors.Join(runErr, err)
	}
	show.print("report     %s", page)
	show.print("%s", r.Line())
	if runErr == nil && !r.OK() {
		for _, c := range r.Checks {
			if c.Outcome != report.OutcomePassed {
				runErr = errors.Join(runErr, fmt.Errorf("%s: %s", c.Name, c.Found))
			}
		}
		return fmt.Errorf("what came back is not what was shipped: %w", runErr)
	}
	return runErr
}

func write(name string, r *report.Run) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(report.Write(f, r), f.Close())
}
