package flbhost

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// built makes the host and the test plugins, once, when a test asks for them:
// the processes of a fuzz run never do.
var built = sync.OnceValues(buildAll)

// builtDir is set by built, for the clean-up.
var builtDir string

// binDir is where they are.
func binDir(t *testing.T) string {
	t.Helper()
	dir, err := built()
	require.NoError(t, err)
	return dir
}

// driverEnv makes the test binary a driver that waits to be killed.
const driverEnv = "FLBHOST_TEST_DRIVER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(driverEnv); dir != "" {
		drive(dir)
		return
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(builtDir) // nothing when no test asked
		os.Exit(code)
	}))
}

func buildAll() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "flbhost")
	if err != nil {
		return "", err
	}
	builtDir = dir
	if _, err := Build(ctx, dir); err != nil {
		return "", err
	}
	for name, args := range map[string][]string{
		"out": {"out.c"}, "old_out": {"-DOLD", "out.c"},
		"in": {"in.c"}, "old_in": {"-DOLD", "in.c"},
	} {
		if err := buildPlugin(ctx, filepath.Join(dir, name+".so"), args...); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func buildPlugin(ctx context.Context, path string, args ...string) error {
	flags := []string{
		"-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
		"-shared", "-fPIC", "-pthread", "-o", path,
	}
	return compile(ctx, compiler(), "testdata", append(flags, args...))
}

// lines collects what a host logs.
type lines struct {
	mu   sync.Mutex
	all  []string
	wake chan struct{}
}

func newLines() *lines { return &lines{wake: make(chan struct{}, 1)} }

func (l *lines) add(line string) {
	l.mu.Lock()
	l.all = append(l.all, line)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

func (l *lines) count(part string) int { return strings.Count(l.text(), part) }

// waitFor waits for a line: what a plugin prints itself may come after the
// answer to the call that made it print.
func (l *lines) waitFor(t *testing.T, part string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !strings.Contains(l.text(), part) {
		select {
		case <-l.wake:
		case <-ctx.Done():
			require.Contains(t, l.text(), part)
		}
	}
}

func start(t *testing.T, opts Options) (*Host, *lines) {
	t.Helper()
	logs := newLines()
	opts.OnLog = logs.add
	h, err := Start(t.Context(), filepath.Join(binDir(t), "flbhost"), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Kill()) })
	return h, logs
}

func load(t *testing.T, h *Host, name string) Plugin {
	t.Helper()
	p, err := h.Load(filepath.Join(binDir(t), name+".so"))
	require.NoError(t, err)
	return p
}

func initialize(t *testing.T, h *Host, p Plugin, props map[string]string) *Instance {
	t.Helper()
	ins, err := h.Init(p, props)
	require.NoError(t, err)
	return ins
}

func flush(t *testing.T, ins *Instance, tag, chunk string) Result {
	t.Helper()
	result, err := ins.Flush(t.Context(), tag, []byte(chunk))
	require.NoError(t, err)
	return result
}

func exit(t *testing.T, h *Host) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, h.Exit(ctx))
}

// buffers collects what an input hands over.
type buffers chan string

func collectFrom(ins *Instance) buffers {
	b := make(buffers, 10000)
	ins.OnCollect(func(buf []byte) { b <- string(buf) })
	return b
}

func (b buffers) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-b:
		return s
	case <-time.After(10 * time.Second):
		require.FailNow(t, "no buffer")
		return ""
	}
}

func (b buffers) drain() {
	for len(b) > 0 {
		<-b
	}
}
