// Command slsfake runs the SLS emulator alone on a loopback address:
//
//	go run ./tests/slsfake/cmd/slsfake --listen 127.0.0.1:8089 --project demo --logstore app --shards 2
//
// It prints the endpoint, the keys to use and the address of its page, serves until
// SIGINT or SIGTERM and prints the totals. It keeps everything in memory, and with
// --data in a folder, too.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"fluent-bit-sls/tests/slsfake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "slsfake:", err)
		os.Exit(1)
	}
}

// settings is the command line.
type settings struct {
	listen    string
	project   string
	logstores names
	indexed   names
	shards    int
	quota     onOff
	stats     time.Duration
	data      string
	config    slsfake.Config
}

func parse(args []string, out io.Writer) (settings, error) {
	var set settings
	fs := flag.NewFlagSet("slsfake", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&set.listen, "listen", "127.0.0.1:8089", "loopback address to listen on; port 0 picks one")
	fs.StringVar(&set.project, "project", "demo", "project to create")
	fs.Var(&set.logstores, "logstore", "logstore to create; repeat it or separate by commas (default app)")
	fs.Var(&set.indexed, "index", "logstore of those to give a full-text index, without which it cannot be queried; as --logstore")
	fs.IntVar(&set.shards, "shards", 2, "shards of each logstore")
	fs.StringVar(&set.config.AccessKeyID, "access-key-id", "testkey", "access key to accept")
	fs.StringVar(&set.config.AccessKeySecret, "access-key-secret", "testsecret", "its secret")
	fs.StringVar(&set.config.Region, "region", "", "region V4 signatures must name (default any)")
	fs.Var(&set.quota, "quota", "on: production's limits per shard (write 5 MB/s and 500/s, read 10 MB/s and 100/s)")
	fs.BoolVar(&set.config.CheckLogTime, "check-log-time", false, "refuse logs older than 7 days or 15 minutes ahead")
	fs.DurationVar(&set.stats, "stats", 0, "print a line of totals this often (default never)")
	fs.StringVar(&set.data, "data", "", "folder to keep logs, groups and checkpoints in over a restart (default memory only)")
	if err := fs.Parse(args); err != nil {
		return set, err
	}
	if fs.NArg() > 0 {
		return set, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if set.shards < 1 || set.shards > 256 {
		return set, fmt.Errorf("--shards %d is not within 1..256", set.shards)
	}
	if len(set.logstores) == 0 {
		set.logstores = names{"app"}
	}
	if set.quota {
		set.config.Quota = slsfake.ProductionQuota()
	}
	return set, nil
}

// banner names what a client needs.
const banner = `endpoint           %s (Host: %s.%s)
project            %s
logstore           %s (%d shards each)
access_key_id      %s
access_key_secret  %s
page               %s/_slsfake/
`

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	set, err := parse(args, out)
	if err != nil {
		return err
	}
	s := slsfake.New(set.config)
	defer s.Close()
	found, err := openData(s, set.data)
	if err != nil {
		return err
	}
	for _, name := range set.logstores {
		if !slices.Contains(s.Logstores(set.project), name) { // of the run before
			s.CreateLogstore(set.project, name, set.shards)
		}
	}
	for _, name := range set.indexed {
		if err := s.CreateIndex(set.project, name); err != nil {
			return fmt.Errorf("--index: %w", err)
		}
	}
	url, err := s.Listen(set.listen)
	if err != nil {
		return err
	}
	host := strings.TrimPrefix(url, "http://")
	if _, err := fmt.Fprintf(out, banner, url, set.project, host, set.project,
		strings.Join(set.logstores, ", "), set.shards, set.config.AccessKeyID, set.config.AccessKeySecret, url); err != nil {
		return err
	}
	if _, err := io.WriteString(out, found); err != nil {
		return err
	}
	if err := serve(ctx, s, set, out); err != nil {
		return err
	}
	s.Close()
	return errors.Join(s.DataErr(), printTotals(out, s, set))
}

// openData says what the folder has and what is missing of it.
func openData(s *slsfake.Server, dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	found, err := s.OpenData(dir)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("data               %s: %d logstores, %d logs\n", dir, found.Logstores, found.Logs)
	if found.Torn > 0 {
		text += fmt.Sprintf("                   the last %d bytes were not written to their end and are left out\n", found.Torn)
	}
	return text, nil
}

// serve waits for the end of ctx, printing lines on the way.
func serve(ctx context.Context, s *slsfake.Server, set settings, out io.Writer) error {
	var tick <-chan time.Time
	if set.stats > 0 {
		t := time.NewTicker(set.stats)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			st := s.Stats()
			all := st.Total()
			if _, err := fmt.Fprintf(out, "%s  requests %d  logs in %d  raw in %d  raw out %d  connections %d\n",
				time.Now().Format(time.TimeOnly), all.Requests, all.Logs, all.RawIn, all.RawOut, st.OpenConnections,
			); err != nil {
				return err
			}
		}
	}
}

// names is a flag that may be repeated and may hold a comma list.
type names []string

func (n *names) String() string { return strings.Join(*n, ",") }

func (n *names) Set(v string) error {
	for name := range strings.SplitSeq(v, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			return errors.New("empty name")
		}
		*n = append(*n, name)
	}
	return nil
}

// onOff is a flag with a value, unlike the standard boolean one.
type onOff bool

func (o *onOff) String() string {
	if *o {
		return "on"
	}
	return "off"
}

func (o *onOff) Set(v string) error {
	if v != "on" && v != "off" {
		return errors.New("must be on or off")
	}
	*o = v == "on"
	return nil
}
