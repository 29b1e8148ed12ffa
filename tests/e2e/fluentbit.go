package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errNoFluentBit says that neither FLUENT_BIT nor the PATH names one.
var errNoFluentBit = errors.New("no fluent-bit found")

// fluentBit is a real Fluent Bit.
type fluentBit struct {
	plugins      Plugins
	bin, version string
	dir          string
}

func findFluentBit(ctx context.Context, plugins Plugins, dir string) (*fluentBit, error) {
	bin := os.Getenv("FLUENT_BIT")
	if bin == "" {
		var err error
		if bin, err = exec.LookPath("fluent-bit"); err != nil {
			return nil, errNoFluentBit
		}
	}
	out, err := exec.CommandContext(ctx, bin, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("run %s --version: %w", bin, err)
	}
	version := regexp.MustCompile(`\d+\.\d+\.\d+\S*`).FindString(string(out))
	return &fluentBit{plugins: plugins, bin: bin, version: version, dir: dir}, nil
}

// Name implements Host.
func (f *fluentBit) Name() string { return "fluent-bit " + f.version }

// before tells whether the engine is older than a major version.
func (f *fluentBit) before(major int) bool {
	n, err := strconv.Atoi(f.version[:strings.IndexByte(f.version, '.')])
	return err == nil && n < major
}

// section is one item of a pipeline's inputs or outputs.
type section map[string]string

// pipeline is a YAML configuration with one input and one output.
func pipeline(so string, input, output section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "plugins:\n  - %s\nservice:\n  flush: 0.5\n  grace: 10\n  log_level: info\n", so)
	// The stack of a flush before v5.1: no Go code may run on it.
	b.WriteString("  coro_stack_size: 24576\npipeline:\n")
	for i, s := range []section{input, output} {
		fmt.Fprintf(&b, "  %s:\n", []string{"inputs", "outputs"}[i])
		lead := "    - "
		for _, key := range slices.Sorted(maps.Keys(s)) {
			fmt.Fprintf(&b, "%s%s: %s\n", lead, key, strconv.Quote(s[key]))
			lead = "      "
		}
	}
	return b.String()
}

// engine is a running fluent-bit.
type engine struct {
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan error
	follow func(context.Context) error // waits for the rest of the output file
}

// start runs a configuration in YAML.
func (f *fluentBit) start(ctx context.Context, conf string) (*engine, error) {
	return f.run(ctx, "fluent-bit.yaml", conf)
}

// run runs a configuration under a name that says what it is written in, with further
// arguments.
func (f *fluentBit) run(ctx context.Context, name, conf string, args ...string) (*engine, error) {
	dir, err := os.MkdirTemp(f.dir, "fluent-bit-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	e := &engine{log: &logBuffer{}, exited: make(chan error, 1)}
	e.cmd = exec.CommandContext(context.WithoutCancel(ctx), f.bin, append([]string{"-c", file}, args...)...)
	e.cmd.Dir, e.cmd.Stdout, e.cmd.Stderr = dir, e.log, e.log
	// It must not outlive whoever started it.
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { e.exited <- e.cmd.Wait() }()
	return e, nil
}

// Log implements Running.
func (e *engine) Log() string { return e.log.String() }

// Stop implements Running.
func (e *engine) Stop(ctx context.Context) error {
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-e.exited:
		e.exited <- err
		if err != nil {
			return fmt.Errorf("fluent-bit: %w, log:\n%s", err, e.Log())
		}
	case <-ctx.Done():
		return errors.Join(ctx.Err(), e.Kill())
	}
	if e.follow != nil {
		return e.follow(ctx)
	}
	return nil
}

// Kill implements Running.
func (e *engine) Kill() error {
	_ = e.cmd.Process.Kill() // an error says that it has ended
	err := <-e.exited
	e.exited <- err
	return nil
}

// Ship implements Host.
func (f *fluentBit) Ship(ctx context.Context, file string, props map[string]string) (Running, error) {
	in := section{
		"name": "tail", "tag": "demo", "path": file, "read_from_head": "on", "buffer_max_size": "2M",
		"buffer_chunk_size": "1M", "skip_empty_lines": "off", "refresh_interval": "1",
	}
	out := section{"name": "sls", "match": "*", "workers": strconv.Itoa(workers), "retry_limit": "no_limits"}
	maps.Copy(out, props)
	return f.start(ctx, pipeline(f.plugins.Out, in, out))
}

// Consume implements Host.
func (f *fluentBit) Consume(ctx context.Context, props map[string]string, sink func([]Event)) (Running, error) {
	in := section{"name": "sls", "tag": "demo"}
	maps.Copy(in, props)
	dir, err := os.MkdirTemp(f.dir, "out-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "events")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return nil, err
	}
	e, err := f.start(ctx, pipeline(f.plugins.In, in, section{"name": "file", "match": "*", "path": dir, "file": "events"}))
	if err != nil {
		return nil, err
	}
	stopped, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- follow(ctx, file, stopped, sink) }()
	e.follow = func(context.Context) error {
		close(stopped)
		return <-done
	}
	return e, nil
}

// follow gives sink the events of a growing file of out_file until stopped is
// closed and the file is read to its end. A file tells nobody that it grew.
func follow(ctx context.Context, name string, stopped <-chan struct{}, sink func([]Event)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	r := bufio.NewReaderSize(f, 1<<20)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var partial string
	for last := false; ; {
		events, err := readEvents(r, &partial)
		if len(events) > 0 {
			sink(events)
		}
		if err != nil || last {
			return err
		}
		select {
		case <-tick.C:
		case <-stopped:
			last = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// readEvents reads the whole lines there are; partial keeps a line whose end is
// still to come.
func readEvents(r *bufio.Reader, partial *string) ([]Event, error) {
	var events []Event
	for {
		line, err := r.ReadString('\n')
		*partial += line
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		e, err := parseFileLine(*partial)
		if err != nil {
			return events, err
		}
		events = append(events, e)
		*partial = ""
	}
}

// parseFileLine reads a line of out_file's default format:
// tag: [seconds.nanoseconds, {json}].
func parseFileLine(line string) (Event, error) {
	_, body, ok := strings.Cut(line, ": [")
	stamp, record, ok2 := strings.Cut(body, ", ")
	record, ok3 := strings.CutSuffix(strings.TrimSpace(record), "]")
	if !ok || !ok2 || !ok3 {
		return Event{}, fmt.Errorf("not a line of the file output: %.200q", line)
	}
	secs, nanos, _ := strings.Cut(stamp, ".")
	sec, err1 := strconv.ParseInt(secs, 10, 64)
	nsec, err2 := strconv.ParseInt(nanos, 10, 64)
	e := Event{Time: time.Unix(sec, nsec)}
	if err := errors.Join(err1, err2, json.Unmarshal([]byte(record), &e.Record)); err != nil {
		return e, fmt.Errorf("line of the file output %.200q: %w", line, err)
	}
	return e, nil
}
