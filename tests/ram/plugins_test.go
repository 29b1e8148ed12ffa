package ram

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/e2e"
	"fluent-bit-sls/tests/slsfake"
)

const (
	project, logstore, target, group = "my-project", "app-web", "copy", "readers"
	keyID, keySecret                 = "ram-key", "ram-secret"
	lines                            = 10
	timeout                          = time.Minute
)

// permission is what SLS asks RAM for before it carries an operation out.
type permission struct {
	action string
	on     string // what follows project/P/ in the resource, with names in capitals
}

// permissions is from the pages of the API reference, "Authentication resources"
// of each operation.
var permissions = map[slsfake.Op]permission{
	slsfake.OpPutLogs:             {"log:PostLogStoreLogs", "logstore/LOGSTORE"},
	slsfake.OpListShards:          {"log:ListShards", "logstore/LOGSTORE"},
	slsfake.OpGetCursor:           {"log:GetCursorOrData", "logstore/LOGSTORE"},
	slsfake.OpGetCursorTime:       {"log:GetCursorOrData", "logstore/LOGSTORE"},
	slsfake.OpPullLogs:            {"log:GetCursorOrData", "logstore/LOGSTORE"},
	slsfake.OpListLogstores:       {"log:ListLogStores", "logstore/*"},
	slsfake.OpGetLogstore:         {"log:GetLogStore", "logstore/LOGSTORE"},
	slsfake.OpListConsumerGroups:  {"log:ListConsumerGroup", "logstore/LOGSTORE/consumergroup/*"},
	slsfake.OpCreateConsumerGroup: {"log:CreateConsumerGroup", "logstore/LOGSTORE/consumergroup/GROUP"},
	slsfake.OpUpdateConsumerGroup: {"log:UpdateConsumerGroup", "logstore/LOGSTORE/consumergroup/GROUP"},
	slsfake.OpHeartbeat:           {"log:ConsumerGroupHeartBeat", "logstore/LOGSTORE/consumergroup/GROUP"},
	slsfake.OpListCheckpoints:     {"log:GetConsumerGroupCheckPoint", "logstore/LOGSTORE/consumergroup/GROUP"},
	slsfake.OpUpdateCheckpoint:    {"log:ConsumerGroupUpdateCheckPoint", "logstore/LOGSTORE/consumergroup/GROUP"},
}

// guard is an emulator that asks a policy before each operation.
type guard struct {
	*slsfake.Server
	endpoint string

	mu     sync.Mutex // guards what follows
	policy policy
	used   map[string]bool // actions
	denied []string
}

func newGuard(t *testing.T, p policy) *guard {
	t.Helper()
	g := &guard{
		Server: slsfake.New(slsfake.Config{AccessKeyID: keyID, AccessKeySecret: keySecret}),
	}
	g.obey(p)
	t.Cleanup(g.Close)
	g.CreateLogstore(project, logstore, 1)
	g.CreateLogstore(project, target, 1)
	g.Hook("", g.ask)
	var err error
	g.endpoint, err = g.Listen("127.0.0.1:0")
	require.NoError(t, err)
	return g
}

// obey asks p from now on.
func (g *guard) obey(p policy) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used = map[string]bool{}
	g.policy = p.with("TARGET_PROJECT", project, "TARGET_LOGSTORE", target,
		"PROJECT", project, "LOGSTORE", logstore, "PREFIX", "app-", "GROUP", group)
}

// ask refuses the call in SLS's words if the policy does not allow it.
func (g *guard) ask(c *slsfake.Call) {
	need := permissions[c.Op]
	group := c.Group
	if c.Op == slsfake.OpCreateConsumerGroup { // the path names none
		var made struct{ ConsumerGroup string }
		_ = json.Unmarshal(c.Body, &made) // of a body that is none the operation complains
		group = made.ConsumerGroup
	}
	on := strings.NewReplacer("LOGSTORE", c.Logstore, "GROUP", group).Replace(need.on)
	resource := "acs:log:cn-hangzhou:123456789012:project/" + c.Project + "/" + on
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used[need.action] = true
	if need.action == "" || !g.policy.allows(need.action, resource) {
		if text := fmt.Sprintf("%s: %s on %s", c.Op, need.action, resource); !slices.Contains(g.denied, text) {
			g.denied = append(g.denied, text)
		}
		c.Fail(http.StatusUnauthorized, "Unauthorized",
			fmt.Sprintf("denied by sts or ram, action: %s, resource: %s", need.action, resource))
	}
}

// verdict fails the test if anything was refused, or allowed and never needed.
func (g *guard) verdict(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	require.Empty(t, g.denied, "the policy lacks an action that the plugin needs")
	require.Equal(t, g.policy.actions(), slices.Sorted(maps.Keys(g.used)), "the policy has an action that the plugin does not need")
}

func (g *guard) props(more map[string]string) map[string]string {
	p := map[string]string{
		"endpoint": g.endpoint, "project": project, "logstore": logstore,
		"access_key_id": keyID, "access_key_secret": keySecret,
	}
	maps.Copy(p, more)
	return p
}

// wait waits until done, which is asked again after each request.
func (g *guard) wait(t *testing.T, log func() string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := g.Wait(ctx, done); err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		require.FailNow(t, "timed out", "denied %v\n%s", g.denied, log())
	}
}

// host is flbhost with the built plugins.
func host(t *testing.T) e2e.Host {
	t.Helper()
	plugins, err := e2e.FindPlugins(filepath.Join("..", "..", "build"))
	require.NoError(t, err)
	plugins, err = plugins.Abs()
	require.NoError(t, err)
	hosts, err := e2e.Hosts(t.Context(), plugins, t.TempDir())
	require.NoError(t, err)
	return hosts[0]
}

// ship writes lines to a logstore through the output.
func (g *guard) ship(t *testing.T, h e2e.Host, to string) {
	t.Helper()
	var text strings.Builder
	for i := range lines {
		text.WriteString(strconv.Itoa(i) + "\n")
	}
	file := filepath.Join(t.TempDir(), "lines")
	require.NoError(t, os.WriteFile(file, []byte(text.String()), 0o600))
	out, err := h.Ship(t.Context(), file, g.props(map[string]string{"logstore": to}))
	require.NoError(t, err)
	g.wait(t, out.Log, func() bool { return g.LogCount(project, to) == lines })
	require.NoError(t, out.Stop(t.Context()))
}

func TestOutputNeedsNoMore(t *testing.T) {
	g := newGuard(t, read(t, "output"))
	g.ship(t, host(t), logstore)
	g.verdict(t)
}

func TestInputNeedsNoMore(t *testing.T) {
	h := host(t)
	fast := map[string]string{"handoff_delay": "1200ms", "checkpoint_interval": "100ms", "consumer_group": group}
	for name, props := range map[string]map[string]string{
		"input":               {},
		"input-pattern":       {"logstore": "", "logstore_pattern": "app-.*"},
		"input-without-group": {"consumer_group": "none", "start_position": "1h"},
		"both":                {"stop_position": "end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuard(t, read(t, "output"))
			g.ship(t, h, logstore)
			g.obey(read(t, name))

			all := g.props(fast)
			maps.Copy(all, props)
			maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
			g.consume(t, h, all)
			if name == "both" {
				g.ship(t, h, target)
			}
			g.verdict(t)
		})
	}
}

// consume reads the lines back, up to the last checkpoint if there is a group.
func (g *guard) consume(t *testing.T, h e2e.Host, props map[string]string) {
	t.Helper()
	got := make(chan int, 1000)
	in, err := h.Consume(t.Context(), props, func(events []e2e.Event) { got <- len(events) })
	require.NoError(t, err)
	limit := time.After(timeout)
	for n := 0; n < lines; {
		select {
		case more := <-got:
			n += more
		case <-limit:
			require.FailNow(t, "timed out", "%d of %d lines\n%s", n, lines, in.Log())
		}
	}
	if props["consumer_group"] != "none" {
		end := g.Shards(project, logstore)[0].End
		g.wait(t, in.Log, func() bool { return g.Checkpoints(project, logstore, group)[0].Number == end })
	}
	require.NoError(t, in.Stop(t.Context()))
}
