package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/tests/flbhost"
	"fluent-bit-sls/tests/slsfake"
)

// hostBin is a built flbhost, for every test.
var hostBin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sls-campaign-test-")
	if err == nil {
		hostBin, err = flbhost.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// small is a campaign of a moment, against a plugin that `make test` builds.
func small(t *testing.T, so string, rig func(*world)) (config, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	build := filepath.Join("..", "..", "build")
	return config{
		seed: 11, time: time.Second, so: filepath.Join(build, so), inSo: filepath.Join(build, "in_sls.so"),
		out: &out, hostBin: hostBin, rig: rig,
	}, &out
}

// A campaign against all sides finds nothing, ends with its line, and prints no
// secret, nor does any host.
func TestSmallCampaign(t *testing.T) {
	t.Parallel()
	c, out := small(t, "race/out_sls.so", nil)
	c.inSo = filepath.Join("..", "..", "build", "race", "in_sls.so")
	c.time = 3 * time.Second
	var transcript bytes.Buffer
	c.transcript = &transcript
	err := run(t.Context(), c, "all")
	require.NoError(t, err, out)
	t.Log(out)
	require.Contains(t, out.String(), "seed 11\n")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := regexp.MustCompile(`^campaign: sent (\d+), stored (\d+), lost 0, duplicated (\d+), ambiguous (\d+), seed 11$`)
	m := last.FindStringSubmatch(lines[len(lines)-1])
	require.NotNil(t, m, out)
	require.Greater(t, len(m[1]), 3, "at least a thousand records: %s", m[0])
	for i, checkpoint := range []string{byHandoff, byDelivery} {
		last := regexp.MustCompile(`^campaign input ` + checkpoint + `: written (\d+), handed over (\d+), lost 0, duplicated (\d+) ` +
			`\(at most (\d+) uncommitted\), order violations 0, double owners 0, seed 11$`)
		m := last.FindStringSubmatch(lines[len(lines)-3+i])
		require.NotNil(t, m, out)
		require.Greater(t, len(m[1]), 3, "at least a thousand records: %s", m[0])
	}
	require.Contains(t, transcript.String(), "access_key_secret=***")
	for _, k := range newKeys(c.stream("keys")) {
		for _, printed := range []string{out.String(), transcript.String()} {
			require.NotContains(t, printed, k.secret)
			require.True(t, k.token == "" || !strings.Contains(printed, k.token))
		}
	}
}

func TestUnknownSide(t *testing.T) {
	c, _ := small(t, "out_sls.so", nil)
	require.ErrorContains(t, run(t.Context(), c, "sideways"), "sideways")
}

// sabotage runs a small campaign that must fail, and returns what it reports.
func sabotage(t *testing.T, rig func(*world)) (failures string, s summary) {
	t.Helper()
	var w *world
	c, out := small(t, "out_sls.so", func(got *world) {
		w = got
		rig(got)
	})
	c.dir = t.TempDir()
	c.quiet = true
	s, err := attackOutput(t.Context(), c)
	require.NoError(t, err)
	require.Positive(t, s.failures, out)
	require.Contains(t, out.String(), "FAILURE: ")
	return strings.Join(w.failures.texts(), "\n"), s
}

// A service that says yes and forgets is what an output that acknowledges too
// early looks like.
func TestEarlyOKIsFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%10 == 3 {
				c.Answer(200, nil, nil)
			}
		})
	})
	require.Contains(t, found, "early OK: ")
	require.Contains(t, found, "lost: ")
	require.Positive(t, s.lost)
	require.Equal(t, s.sent-s.lost+s.duplicated, s.stored)
}

// A reset behind the ledger's back makes the plugin send again: duplicates that
// no recorded outcome explains.
func TestDuplicatesWithoutCauseAreFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%10 == 3 {
				c.CloseAfter()
			}
		})
	})
	require.Contains(t, found, "unexplained: ")
	require.NotContains(t, found, "lost: ")
	require.NotContains(t, found, "early OK: ")
	require.Positive(t, s.duplicated)
}

// Small requests are refused for good, so records that come alone are dropped:
// rightly so, but the campaign itself refuses none, and every loss must show.
func TestDroppedRecordsAreFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.server.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if size, _ := strconv.Atoi(c.Header.Get("X-Log-Bodyrawsize")); size < 3000 {
				c.Fail(400, "PostBodyInvalid", "no")
			}
		})
	})
	require.Contains(t, found, "FLB_ERROR")
	require.Contains(t, found, "never acknowledged")
	require.Positive(t, s.lost)
}

// A host that ends by itself is found, and what it had is delivered by the next.
func TestCrashIsFound(t *testing.T) {
	t.Parallel()
	found, s := sabotage(t, func(w *world) {
		w.started = func(h *host) {
			before := w.server.Stats().Total().Requests
			go func() {
				_ = w.server.Wait(t.Context(), func() bool { return w.server.Stats().Total().Requests > before || h.gone() })
				if w.failures.count() == 0 && !h.gone() { // the first one that has not been killed by then
					_ = syscall.Kill(h.Pid(), syscall.SIGSEGV)
				}
			}()
		}
	})
	// Whose handler gets it, the engine's or Go's, which signal ends the host then
	// (aborted, quit, segmentation fault), and whether the host was just being told to
	// end, is a matter of the moment.
	require.Regexp(t, `ended by itself|SIGSEGV|signal: |aborted`, found)
	require.Zero(t, s.lost, found)
}

func TestLogIsWatched(t *testing.T) {
	var out, transcript bytes.Buffer
	c := config{seed: 1, out: &out, transcript: &transcript}
	c.prepare()
	w := &world{config: c, failures: &failures{out: &out}}
	h := &host{lane: &lane{world: w}}
	h.log("started: access_key_secret=***")
	h.log("retry, error=timeout")
	require.Zero(t, w.failures.count())
	for n, line := range []string{
		"WARNING: DATA RACE", "panic in FLBPluginFlushCtx", "fatal error: concurrent map writes", "[engine] caught signal (SIGSEGV)",
	} {
		h.log(line)
		require.Equal(t, n+1, w.failures.count(), line)
	}
	require.Equal(t, 6, strings.Count(transcript.String(), "\n"))
	_, leaks := w.watch.verdict()
	require.Zero(t, leaks)
}

func TestFailuresAreBounded(t *testing.T) {
	var out bytes.Buffer
	f := failures{out: &out}
	for n := range 100 * maxPrinted {
		f.addf("number %d", n)
	}
	require.Equal(t, 100*maxPrinted, f.count())
	require.Len(t, f.texts(), maxPrinted)
	require.Equal(t, maxPrinted, strings.Count(out.String(), "FAILURE: "))
}

func TestMissingPluginIsNamed(t *testing.T) {
	c, _ := small(t, "nowhere.so", nil)
	err := run(t.Context(), c, "out")
	require.ErrorContains(t, err, "make build")
	require.False(t, errors.Is(err, errFound))
}

// texts are the failures that were printed.
func (f *failures) texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.all...)
}
