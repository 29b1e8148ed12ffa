package process

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/campaign/secrets"
)

// A line that no host may print is a failure, unless the host was made to print it.
func TestLogIsWatched(t *testing.T) {
	var out, transcript bytes.Buffer
	l := &Log{
		Who: "a host", Watch: secrets.NewWatch(&out, &transcript, secrets.NewKeys(rand.New(rand.NewPCG(1, 2)))), Failures: &report.Failures{Out: &out},
	}
	l.Line("started: access_key_secret=***")
	l.Line("retry, error=timeout")
	require.Zero(t, l.Failures.Count())
	for n, line := range []string{
		"WARNING: DATA RACE", "panic in FLBPluginFlushCtx", "fatal error: concurrent map writes", "[engine] caught signal (SIGSEGV)",
	} {
		l.Line(line)
		require.Equal(t, n+1, l.Failures.Count(), line)
	}
	require.Equal(t, 6, strings.Count(transcript.String(), "\n"))
	_, leaks := l.Watch.Verdict()
	require.Zero(t, leaks)
	require.Contains(t, l.LastLines(), "retry, error=timeout\nWARNING: DATA RACE\n")
	l.Expected = func(line string) bool { return line == "panic, as was asked for" }
	l.Line("panic, as was asked for")
	require.Equal(t, 4, l.Failures.Count())
}
