// Package e2e runs the built plugins as users run them: out_sls.so ships a file
// and in_sls.so reads a logstore, under flbhost and under a real Fluent Bit. Its
// tests and the demo share these hosts. It knows the plugins only as files.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Plugins are the paths of the built shared libraries.
type Plugins struct{ Out, In string }

// FindPlugins returns the plugins that `make build` leaves in dir.
func FindPlugins(dir string) (Plugins, error) {
	p := Plugins{Out: filepath.Join(dir, "out_sls.so"), In: filepath.Join(dir, "in_sls.so")}
	for _, so := range []string{p.Out, p.In} {
		if _, err := os.Stat(so); err != nil {
			return p, fmt.Errorf("find the plugins, `make build` makes them: %w", err)
		}
	}
	return p, nil
}

// Abs returns p with absolute paths: hosts run in folders of their own.
func (p Plugins) Abs() (Plugins, error) {
	out, err1 := filepath.Abs(p.Out)
	in, err2 := filepath.Abs(p.In)
	return Plugins{Out: out, In: in}, errors.Join(err1, err2)
}

// Event is one event that an input plugin handed over.
type Event struct {
	Time   time.Time
	Record map[string]any
	Raw    []byte // the event's msgpack; nil where the host shows only text
}

// Host runs plugins.
type Host interface {
	// Name is what reports call the host, as "fluent-bit 5.1.1".
	Name() string
	// Ship starts an [OUTPUT] section with props and feeds it the lines of
	// file, each as {"log": line}.
	Ship(ctx context.Context, file string, props map[string]string) (Running, error)
	// Consume starts an [INPUT] section with props. sink gets every event, one
	// call at a time.
	Consume(ctx context.Context, props map[string]string, sink func([]Event)) (Running, error)
}

// Running is a host process with one plugin at work.
type Running interface {
	// Stop shuts the host down in an orderly way and waits for its end.
	Stop(ctx context.Context) error
	// Kill ends it with SIGKILL.
	Kill() error
	// Log is everything it has logged so far.
	Log() string
}

// Hosts returns flbhost and, where FLUENT_BIT or the PATH names one, the real
// Fluent Bit. Files go to dir.
func Hosts(ctx context.Context, plugins Plugins, dir string) ([]Host, error) {
	test, err := newTestHost(ctx, plugins, dir)
	if err != nil {
		return nil, err
	}
	hosts := []Host{test}
	real, err := findFluentBit(ctx, plugins, dir)
	if errors.Is(err, errNoFluentBit) {
		return hosts, nil
	}
	return append(hosts, real), err
}
