package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/flbhost"
	"fluent-bit-sls/tests/slsfake"
)

// What every test works with; TestMain sets it.
var (
	plugins Plugins // as users get them
	raced   Plugins // with the race detector, where it can be loaded; one to a process
	hosts   []Host
	hostBin string // of flbhost
)

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sls-e2e-")
	if err == nil {
		defer os.RemoveAll(dir)
		plugins, err = FindPlugins(filepath.Join("..", "..", "build"))
	}
	if err == nil {
		plugins, err = plugins.Abs()
	}
	if err == nil {
		hosts, err = Hosts(context.Background(), plugins, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	test := hosts[0].(*testHost)
	hostBin, raced = test.bin, plugins
	names := []string{"flbhost (plugins without the race detector)"}
	if canRace(dir) {
		raced, _ = FindPlugins(filepath.Join(dir, "race"))
		names[0] = "flbhost (plugins with the race detector)"
	}
	test.plugins = raced
	code := m.Run()
	for _, h := range hosts[1:] {
		names = append(names, h.Name())
	}
	used := strings.Join(names, ", ")
	if len(hosts) == 1 {
		used += " (no fluent-bit on the PATH or in FLUENT_BIT)"
	}
	fmt.Println("report: e2e hosts used:", used)
	return code
}

// canRace copies the plugins built with the race detector to dir/race and tells
// whether they can be loaded here.
func canRace(dir string) bool {
	from := filepath.Join(filepath.Dir(plugins.Out), "race")
	if _, err := FindPlugins(from); err != nil {
		return false
	}
	to := filepath.Join(dir, "race")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return false
	}
	h, err := flbhost.Start(context.Background(), hostBin, flbhost.Options{})
	if err != nil {
		return false
	}
	_, err = h.Load(filepath.Join(to, "out_sls.so"))
	return err == nil && h.Exit(context.Background()) == nil
}

// timeout bounds one scenario on a busy machine of two cores.
const timeout = time.Minute

// cloud is an emulator on a loopback port.
type cloud struct {
	*slsfake.Server
	endpoint string
}

const (
	project, logstore = "demo", "app"
	keyID, keySecret  = "e2e-key", "e2e-secret"
)

func newCloud(t testing.TB, shards int) *cloud {
	s := slsfake.New(slsfake.Config{AccessKeyID: keyID, AccessKeySecret: keySecret})
	t.Cleanup(s.Close)
	endpoint, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	s.CreateLogstore(project, logstore, shards)
	return &cloud{Server: s, endpoint: endpoint}
}

// props are the properties of a section, with more as "name", "value" pairs.
func (c *cloud) props(more ...string) map[string]string {
	p := map[string]string{
		"endpoint": c.endpoint, "project": project, "logstore": logstore,
		"access_key_id": keyID, "access_key_secret": keySecret,
		"startup_check": "off", // firsthour_test.go has it; elsewhere calls are counted
	}
	for i := 0; i+1 < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return p
}

// awaitStored waits until n logs are stored.
func (c *cloud) awaitStored(t *testing.T, n int) {
	t.Helper()
	c.await(t, func() bool { return c.LogCount(project, logstore) >= n })
}

// await waits until cond, which looks at the emulator, holds.
func (c *cloud) await(t testing.TB, cond func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	require.NoError(t, c.Wait(ctx, cond))
}

// caughtUp tells whether the group's checkpoints stand at the end of every shard.
func (c *cloud) caughtUp(group string) bool {
	checkpoints := c.Checkpoints(project, logstore, group)
	for _, s := range c.Shards(project, logstore) {
		if checkpoints[s.ID].Number != s.End {
			return false
		}
	}
	return true
}

// counter waits for a number of things.
type counter struct {
	mu   sync.Mutex // guards n
	n    int
	want int
	done chan struct{}
}

func newCounter(want int) *counter { return &counter{want: want, done: make(chan struct{})} }

func (c *counter) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.n
	c.n += n
	if before < c.want && c.n >= c.want {
		close(c.done)
	}
}

// wait fails the test, showing what logs say, when the things do not come.
func (c *counter) wait(t *testing.T, logs ...fmt.Stringer) {
	t.Helper()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
		c.mu.Lock()
		defer c.mu.Unlock()
		require.FailNow(t, "timed out", "%d of %d\n%s", c.n, c.want, logs)
	}
}

// sink gathers the events of an input.
type sink struct {
	*counter
	mu     sync.Mutex // guards events
	events []Event
}

func newSink(want int) *sink { return &sink{counter: newCounter(want)} }

func (s *sink) take(events []Event) {
	s.mu.Lock()
	s.events = append(s.events, events...)
	s.mu.Unlock()
	s.add(len(events))
}

// all is what has come so far.
func (s *sink) all() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// start starts flbhost with one instance of so.
func start(t *testing.T, so string, props map[string]string) (*flbhost.Host, *flbhost.Instance, *logBuffer) {
	t.Helper()
	h, log := startHost(t)
	plugin, err := h.Load(so)
	require.NoError(t, err)
	i, err := h.Init(plugin, props)
	require.NoError(t, err, log)
	return h, i, log
}

func startHost(t *testing.T) (*flbhost.Host, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	h, err := flbhost.Start(t.Context(), hostBin, flbhost.Options{
		Workers: workers, HotReload: true, OnLog: log.line,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Kill() })
	return h, log
}

// stop ends a host as the engine would, which must take less than the time a
// Kubernetes node grants a pod.
func stop(t testing.TB, end func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
	defer cancel()
	require.NoError(t, end(ctx))
}

// grep returns the lines of log that contain every one of words.
func grep(log string, words ...string) []string {
	var found []string
next:
	for line := range strings.Lines(log) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		found = append(found, strings.TrimSuffix(line, "\n"))
	}
	return found
}
