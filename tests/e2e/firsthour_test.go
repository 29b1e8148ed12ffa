package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/flbhost"
	"fluent-bit-sls/tests/slsfake"
)

// The sections that a new user gets wrong, by what the log must say.
func (c *cloud) mistakes() map[string]map[string]string {
	return map[string]map[string]string{
		`startup_check: project "demo" has no logstore "ap"; check option logstore`:                 c.props("logstore", "ap"),
		`startup_check: there is no project "porj" at ` + c.endpoint + `; check option project`:     c.props("project", "porj"),
		`startup_check: SLS does not know the access key id, or no longer; check option`:            c.props("access_key_id", "other"),
		`startup_check: the signature does not match: the secret is not that of the access key id;`: c.props("access_key_secret", "mistyped"),
		`startup_check: nothing listens at http://127.0.0.1:1; check option endpoint`:               c.props("endpoint", "http://127.0.0.1:1"),
	}
}

// With startup_check warn a mistake is logged as its sentence soon after the start, which
// is neither delayed nor prevented; with fail it prevents it.
func TestMistakesAreTold(t *testing.T) {
	c := newCloud(t, 1)
	for says, props := range c.mistakes() {
		for _, so := range []string{raced.Out, raced.In} {
			props["startup_check"] = "warn"
			said := make(chan struct{})
			h, log := startHostLogging(t, func(line string) bool {
				return len(grep(line, "[ warn]", says)) > 0
			}, said)
			plugin, err := h.Load(so)
			require.NoError(t, err)
			_, err = h.Init(plugin, props)
			require.NoError(t, err, log)
			wait(t, said, log)
			stop(t, h.Exit)
			require.Len(t, grep(log.String(), "startup_check: "), 1, log)

			props["startup_check"] = "fail"
			h, log = startHost(t)
			plugin, err = h.Load(so)
			require.NoError(t, err)
			_, err = h.Init(plugin, props)
			require.Error(t, err, log)
			require.Len(t, grep(log.String(), "[error]", says), 1, log)
			require.Empty(t, grep(log.String(), "started, version"), log)
			require.NotContains(t, log.String(), "mistyped")
			stop(t, h.Exit)
		}
	}
	require.Zero(t, c.LogCount(project, logstore))
}

// wait fails the test, showing the log, when nothing closes done.
func wait(t *testing.T, done <-chan struct{}, log *logBuffer) {
	t.Helper()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		require.FailNow(t, "timed out", "%s", log)
	}
}

// A start with everything right says so, in both modes, and writes nothing.
func TestARightStartIsTold(t *testing.T) {
	c := newCloud(t, 1)
	for so, verb := range map[string]string{raced.Out: "written to", raced.In: "read"} {
		for _, mode := range []string{"warn", "fail"} {
			said := make(chan struct{})
			h, log := startHostLogging(t, func(line string) bool {
				return len(grep(line, "[ info]", "startup_check: demo/app can be "+verb)) > 0
			}, said)
			plugin, err := h.Load(so)
			require.NoError(t, err)
			_, err = h.Init(plugin, c.props("startup_check", mode))
			require.NoError(t, err, log)
			wait(t, said, log)
			stop(t, h.Exit)
			require.Empty(t, grep(log.String(), "[ warn]"), log)
		}
	}
	require.Zero(t, c.LogCount(project, logstore))
}

// An output sends nothing that nobody asked for. The outcome of its first records is logged
// once, in the same sentences.
func TestTheFirstAnswerIsTold(t *testing.T) {
	for _, tc := range []struct {
		logstore, level, says string
		result                flbhost.Result
	}{
		{"app", "[ info]", "demo/app has accepted its first records", flbhost.OK},
		{"ap", "[ warn]", `project "demo" has no logstore "ap"; check option logstore, or create the logstore`, flbhost.Retry},
	} {
		c := newCloud(t, 1)
		props := c.props("logstore", tc.logstore)
		delete(props, "startup_check")
		h, i, log := start(t, raced.Out, props)
		require.Zero(t, c.Stats().Total().Requests, "a request without a record")
		for range 2 {
			result, err := i.Flush(t.Context(), "t", lines(3))
			require.NoError(t, err)
			require.Equal(t, tc.result, result, log)
		}
		require.Equal(t, 2, c.Stats().Total().Requests)
		stop(t, h.Exit)
		require.Len(t, grep(log.String(), tc.level, tc.says), 1, log)
		require.Empty(t, grep(log.String(), "startup_check: "), log)
	}
}

// A section that ends while its check hangs does not wait for it.
func TestAStopEndsTheCheck(t *testing.T) {
	c := newCloud(t, 1)
	asked := make(chan struct{})
	c.Hook(slsfake.OpPutLogs, slsfake.First(1, func(call *slsfake.Call) {
		close(asked)
		call.Delay(time.Hour)
	}))
	h, _, log := start(t, raced.Out, c.props("startup_check", "warn"))
	wait(t, asked, log)
	began := time.Now()
	stop(t, h.Exit)
	require.Less(t, time.Since(began), 5*time.Second)
	require.Empty(t, grep(log.String(), "startup_check: "), log)
}

// Options that users of other plugins have typed are explained, also where a required
// option is missing because of them.
func TestNamesOfOtherPlugins(t *testing.T) {
	c := newCloud(t, 1)
	h, i, log := start(t, raced.Out, c.props("max_raw_bytes_per_batch", "16500", "Access-Key-Id", "x"))
	require.Len(t, grep(log.String(), "[ warn]", "`max_raw_bytes_per_batch` is not an option: did you mean `batch_bytes`?"), 1, log)
	require.Len(t, grep(log.String(), "[ warn]", "`access-key-id` is not an option: did you mean `access_key_id`?"), 1, log)
	result, err := i.Flush(t.Context(), "t", lines(10))
	require.NoError(t, err)
	require.Equal(t, flbhost.OK, result, log)
	stop(t, h.Exit)

	for so, more := range map[string][]string{raced.Out: nil, raced.In: {"position", "end"}} {
		h, log = startHost(t)
		plugin, err := h.Load(so)
		require.NoError(t, err)
		_, err = h.Init(plugin, c.props(append([]string{"logstore", "", "topics", "app"}, more...)...))
		require.Error(t, err)
		require.Len(t, grep(log.String(), "[ warn]", "`topics` is not an option: did you mean `logstore`?"), 1, log)
		require.Len(t, grep(log.String(), "[error]", "option logstore: not set"), 1, log)
		require.Len(t, grep(log.String(), "[ warn]", "`position` is not an option: did you mean `start_position`?"), len(more)/2, log)
		stop(t, h.Exit)
	}
}

// The same under the engine that users have: it lets unknown properties through.
func TestFirstHourUnderFluentBit(t *testing.T) {
	for _, host := range hosts[1:] {
		engine := host.(*fluentBit)
		c := newCloud(t, 1)
		dummy := section{"name": "dummy", "tag": "t"}
		out := func(more ...string) section {
			s := section(c.props(more...))
			s["name"], s["match"], s["workers"] = "sls", "*", "1"
			return s
		}
		e, err := engine.start(t.Context(), pipeline(plugins.Out, dummy,
			out("batch_size", "3", "endpiont", "x", "compression", "zstd")))
		require.NoError(t, err)
		c.awaitStored(t, 1)
		stop(t, e.Stop)
		for _, says := range []string{
			"`batch_size` is not an option: did you mean `batch_bytes`?",
			"`endpiont` is not an option: did you mean `endpoint`?",
			"`compression` is not an option: did you mean `compress`?",
			"demo/app has accepted its first records",
		} {
			require.Len(t, grep(e.Log(), "[output:sls:sls.0]", says), 1, e.Log())
		}
		require.Len(t, grep(e.Log(), "is not an option"), 3, "nothing of the engine's own is taken for one\n%s", e.Log())

		e, err = engine.start(t.Context(), pipeline(plugins.Out, dummy, out("startup_check", "fail", "logstore", "ap")))
		require.NoError(t, err)
		require.Error(t, <-e.exited, "fluent-bit must not run without its logstore")
		require.Len(t, grep(e.Log(), "[error]", `startup_check: project "demo" has no logstore "ap"`), 1, e.Log())

		in := section(c.props("startup_check", "fail", "project", "porj", "position", "end"))
		in["name"] = "sls"
		e, err = engine.start(t.Context(), pipeline(plugins.In, in, section{"name": "null", "match": "*"}))
		require.NoError(t, err)
		says := func() bool { return len(grep(e.Log(), "[error]", `startup_check: there is no project "porj"`)) == 1 }
		if engine.before(4) { // It goes on without an input that cannot start, as the README says.
			for end := time.Now().Add(time.Minute); !says(); <-time.After(50 * time.Millisecond) {
				require.True(t, time.Now().Before(end), e.Log())
			}
			require.NoError(t, e.Kill()) // It does not stop either.
		} else {
			require.Error(t, <-e.exited, "fluent-bit must not run without its project")
			require.True(t, says(), e.Log())
		}
		require.Len(t, grep(e.Log(), "[ warn]", "`position` is not an option: did you mean `start_position`?"), 1, e.Log())
		require.Len(t, grep(e.Log(), "is not an option"), 1, e.Log())
	}
}

// A plugin logs the version that it was built with, and SLS sees the same one.
func TestVersionIsLoggedAndSent(t *testing.T) {
	c := newCloud(t, 1)
	agents := make(chan string, 100)
	c.Hook("", func(call *slsfake.Call) {
		select {
		case agents <- call.Header.Get("User-Agent"):
		default:
		}
	})
	for so, product := range map[string]string{plugins.Out: "fluent-bit-sls-out/", plugins.In: "fluent-bit-sls-in/"} {
		h, _, log := start(t, so, c.props("startup_check", "fail"))
		found := regexp.MustCompile(`started, version (\S+): `).FindStringSubmatch(log.String())
		require.Len(t, found, 2, log)
		require.Equal(t, product+found[1], <-agents)
		if exec.CommandContext(t.Context(), "git", "describe", "--always").Run() == nil {
			require.NotEqual(t, "dev", found[1], "built within a repository: stamped with `git describe`")
			require.Regexp(t, `^\S*[0-9a-f]{7,}(-dirty)?$|^v?\d`, found[1])
		}
		stop(t, h.Exit)
		for len(agents) > 0 {
			require.True(t, strings.HasPrefix(<-agents, product))
		}
	}
}

// Plain http to another host is warned of, by both plugins; to this host it is not.
func TestPlainHTTPIsWarnedOf(t *testing.T) {
	c := newCloud(t, 1)
	for _, so := range []string{raced.Out, raced.In} {
		for endpoint, warnings := range map[string]int{"http://sls.test": 1, c.endpoint: 0} {
			h, _, log := start(t, so, c.props("endpoint", endpoint))
			stop(t, h.Exit)
			require.Len(t, grep(log.String(), "[ warn]", "plain http"), warnings, log)
		}
	}
}
