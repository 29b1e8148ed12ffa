package flbhost

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReload(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Workers: 1, HotReload: true, CollectInterval: fast})
	out, in := load(t, h, "out"), load(t, h, "in")
	old := initialize(t, h, out, map[string]string{"id": "old"})
	oldIn := initialize(t, h, in, map[string]string{"id": "oldin"})
	require.Equal(t, OK, flush(t, old, "echo", "x"))
	require.NoError(t, h.Reload(t.Context()))
	logs.waitFor(t, "ctest: unregister")
	require.Contains(t, logs.text(), "out: prerun hot=1")

	// The library stays loaded: its globals are what they were.
	text := logs.text()
	order := []string{"out: register hot=1 generation=1", "out: preexit reload=1", "out old: exit", "ctest: unregister"}
	for i := range order[1:] {
		require.Contains(t, text, order[i])
		require.Less(t, strings.Index(text, order[i]), strings.Index(text, order[i+1]), "%q before %q", order[i], order[i+1])
	}
	_, err := old.Flush(t.Context(), "echo", nil)
	require.ErrorContains(t, err, "the instance is gone")
	require.ErrorContains(t, oldIn.Pause(), "the instance is gone")

	fresh := initialize(t, h, out, map[string]string{"id": "new"})
	require.Equal(t, "ctest.0", fresh.Name)
	require.Equal(t, OK, flush(t, fresh, "echo", "x"))
	collectFrom(initialize(t, h, in, map[string]string{"id": "newin"})).next(t)
	require.NoError(t, h.Reload(t.Context()))
	exit(t, h)
	require.Equal(t, 1, logs.count("in newin: exit"))
	require.Equal(t, 3, logs.count("ctest: unregister"))

	h, _ = start(t, Options{})
	require.ErrorContains(t, h.Reload(t.Context()), "hot reloading is not enabled")
	exit(t, h)
}

// A reload puts the engine's signal handler back over the plugin's own: what a
// language runtime caught before ends the process now.
func TestReloadTakesSignalHandlers(t *testing.T) {
	t.Parallel()
	for _, reload := range []bool{false, true} {
		h, _ := start(t, Options{HotReload: true})
		p := load(t, h, "out")
		ins := initialize(t, h, p, nil)
		require.Equal(t, OK, flush(t, ins, "handle SIGSEGV", ""))
		want := "exit status 42"
		if reload {
			require.NoError(t, h.Reload(t.Context()))
			ins = initialize(t, h, p, nil)
			want = "[engine] caught signal (SIGSEGV)"
		}
		_, err := ins.Flush(t.Context(), "crash", nil)
		require.ErrorContains(t, err, want)
	}
}

func TestKillDuringFlush(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Workers: 2})
	ins := initialize(t, h, load(t, h, "out"), nil)
	done := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := ins.Flush(t.Context(), "hang", make([]byte, 1<<20))
			done <- err
		}()
	}
	logs.waitFor(t, "hanging\nhanging")
	require.NoError(t, h.Kill())
	for range 2 {
		var ended *ExitError
		require.ErrorAs(t, <-done, &ended)
		require.ErrorContains(t, ended, "signal: killed")
	}
	<-h.Exited()
	_, err := h.Init(ins.Plugin, nil)
	require.ErrorContains(t, err, "signal: killed")
	require.NoError(t, h.Kill(), "once more")
	require.Error(t, h.Exit(t.Context()))
}

// Every call that waits learns how the process ended and what it said last.
func TestCrash(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Workers: 2})
	ins := initialize(t, h, load(t, h, "out"), nil)
	waiting := make(chan error, 1)
	go func() {
		_, err := ins.Flush(t.Context(), "hang", nil)
		waiting <- err
	}()
	logs.waitFor(t, "hanging")
	_, err := ins.Flush(t.Context(), "crash", nil)
	for _, err := range []error{err, <-waiting, h.Exit(t.Context())} {
		require.ErrorContains(t, err, "signal: aborted")
		require.ErrorContains(t, err, "about to crash")
		require.ErrorContains(t, err, "[engine] caught signal (SIGSEGV)")
	}
	require.Contains(t, h.Stderr(), "about to crash")
}

func TestExitTwice(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	ins := initialize(t, h, load(t, h, "out"), nil)
	exit(t, h)
	exit(t, h)
	_, err := ins.Flush(t.Context(), "echo", nil)
	require.ErrorIs(t, err, errEnded)
}

func TestRacesAreReported(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	ins := initialize(t, h, load(t, h, "out"), nil)
	require.Equal(t, OK, flush(t, ins, "print:"+raceBanner, ""))
	require.ErrorContains(t, h.Exit(t.Context()), "1 data races in the plugins")
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), filepath.Join(t.TempDir(), "absent"), Options{})
	require.ErrorContains(t, err, "start flbhost")
	_, err = Start(t.Context(), "/bin/false", Options{})
	require.ErrorContains(t, err, "exit status 1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Start(ctx, "/bin/cat", Options{})
	require.Error(t, err)
}

// drive is what the test binary does as a driver: it starts a host that hangs
// in a flush, prints the host's process id and waits to be killed.
func drive(dir string) {
	hanging := make(chan struct{}, 1)
	h, err := Start(context.Background(), filepath.Join(dir, "flbhost"), Options{
		Workers: 1,
		OnLog: func(line string) {
			if line == "hanging" {
				hanging <- struct{}{}
			}
		},
	})
	if err != nil {
		panic(err)
	}
	p, err := h.Load(filepath.Join(dir, "out.so"))
	if err != nil {
		panic(err)
	}
	ins, err := h.Init(p, nil)
	if err != nil {
		panic(err)
	}
	go func() { _, _ = ins.Flush(context.Background(), "hang", nil) }()
	<-hanging
	fmt.Println(h.Pid())
	select {}
}

func TestHostEndsWithItsDriver(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	driver := exec.CommandContext(t.Context(), self)
	driver.Env = append(os.Environ(), driverEnv+"="+binDir(t))
	out, err := driver.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, driver.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	status := filepath.Join("/proc", strings.TrimSpace(line), "status")
	require.FileExists(t, status)
	require.NoError(t, driver.Process.Kill())
	require.Error(t, driver.Wait())
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); running(status); <-tick.C {
		require.True(t, time.Now().Before(deadline), "the host lives on")
	}
}

// running tells whether the process is there and no zombie: an orphan is
// reaped by whoever is its parent now, if anybody.
func running(status string) bool {
	b, err := os.ReadFile(status)
	return !errors.Is(err, fs.ErrNotExist) && err == nil && !strings.Contains(string(b), "State:\tZ")
}

// The host's own memory use, checked by the compiler's sanitizers.
func TestSanitizers(t *testing.T) {
	t.Parallel()
	bin, err := build(t.Context(), compiler(), t.TempDir(), "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
	require.NoError(t, err)
	logs := newLines()
	h, err := Start(t.Context(), bin, Options{
		Workers: 2, HotReload: true, CollectInterval: fast, OnLog: logs.add, StackSize: 256 << 10,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Kill()) })
	for round := range 2 {
		out, in := Plugin{id: 0}, Plugin{id: 1}
		if round == 0 {
			out, in = load(t, h, "out"), load(t, h, "in")
		}
		ins := initialize(t, h, out, map[string]string{"id": "a", "show": "id,none", "alias": "x"})
		buf := collectFrom(initialize(t, h, in, map[string]string{"id": "b"}))
		for range 100 {
			require.Equal(t, OK, flush(t, ins, "echo", "chunk"))
		}
		require.Equal(t, map[Result]int{OK: 2}, together(t, ins, 2, "barrier:2"))
		buf.next(t)
		_, err = h.Init(in, map[string]string{"refuse": "x"})
		require.Error(t, err)
		require.NoError(t, h.Reload(t.Context()))
	}
	exit(t, h)
	require.NotContains(t, logs.text(), "Sanitizer")
}
