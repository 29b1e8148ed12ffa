// Command demo shows the whole way on one machine: it starts the emulator, ships
// a file through out_sls.so, reads it back through in_sls.so in a consumer group,
// compares every line, and exits with 0 only if none was lost or doubled.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"fluent-bit-sls/tests/e2e"
	"fluent-bit-sls/tests/slsfake"
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
	if err := run(ctx, *build, *logFile, *lines); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, build, logFile string, lines int) error {
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
	if logFile == "" {
		logFile = filepath.Join(dir, "access.log")
		if err := generate(logFile, lines); err != nil {
			return err
		}
	}
	sent, err := count(logFile)
	if err != nil {
		return err
	}
	hosts, err := e2e.Hosts(ctx, plugins, dir)
	if err != nil {
		return err
	}
	host := hosts[len(hosts)-1] // the real one, if there is one
	fmt.Printf("file       %s: %d lines, %s\n", logFile, sent.lines, megabytes(sent.bytes))
	fmt.Printf("host       %s\n", host.Name())
	return roundTrip(ctx, host, logFile, sent)
}

// roundTrip ships the file, reads it back and compares.
func roundTrip(ctx context.Context, host e2e.Host, logFile string, sent *tally) error {
	sls := slsfake.New(slsfake.Config{AccessKeyID: keyID, AccessKeySecret: keySecret})
	defer sls.Close()
	endpoint, err := sls.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	sls.CreateLogstore(project, logstore, shards)
	fmt.Printf("emulator   %s, project %s, logstore %s, %d shards\n", endpoint, project, logstore, shards)
	props := func(more map[string]string) map[string]string {
		p := map[string]string{
			"endpoint": endpoint, "project": project, "logstore": logstore,
			"access_key_id": keyID, "access_key_secret": keySecret,
		}
		maps.Copy(p, more)
		return p
	}
	if err := ship(ctx, host, sls, logFile, sent, props(map[string]string{"topic": "access"})); err != nil {
		return err
	}
	got, err := consume(ctx, host, sls, sent, props(map[string]string{"consumer_group": group}))
	if err != nil {
		return err
	}
	lost, doubled := sent.compare(got)
	fmt.Printf("demo: shipped %d, read back %d, lost %d, duplicated %d (host: %s)\n",
		sent.lines, got.lines, lost, doubled, host.Name())
	if lost > 0 || doubled > 0 || got.lines != sent.lines {
		return errors.New("what came back is not what was shipped")
	}
	return nil
}
