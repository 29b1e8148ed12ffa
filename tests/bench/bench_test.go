package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseReadsWhatGoTestPrints(t *testing.T) {
	got, err := parse("goos: linux\ncpu: AMD EPYC\n" +
		"BenchmarkEncode/access/lz4-16  \t 1\t 249734171 ns/op\t 3732033 cpu-ns/chunk\t 0.5 ratio\n" +
		"BenchmarkScale/workers=8 \t 45\t 22 ns/op\t 1.5e+01 MB/s\nPASS\n")
	require.NoError(t, err)
	require.Equal(t, []sample{
		{"Encode/access/lz4", "cpu-ns/chunk", 3732033},
		{"Encode/access/lz4", "ratio", 0.5},
		{"Scale/workers=8", "MB/s", 15},
	}, got)
	require.Equal(t, []string{"e2e hosts used: flbhost"}, notes("goos: linux\nreport: e2e hosts used: flbhost\nPASS\n"))
	_, err = parse("PASS\n")
	require.ErrorIs(t, err, errNoSample)
	_, err = parse("BenchmarkX 1 wrong ns/op\n")
	require.Error(t, err)
}

func TestRatioIsTakenWithinARoundAndThenTheMedian(t *testing.T) {
	r := results{"a/access u": {10, 40, 18}, "b/access u": {5, 10, 6}}
	f := figure{over: "a/access u", under: "b/access u"}
	require.NoError(t, f.compute(r))
	require.Equal(t, spread{median: 3, least: 2, most: 4}, f.values[""])
	require.InDelta(t, 3, f.value(), 1e-9)
	require.Equal(t, 2.5, spreadOf([]float64{4, 1, 2, 3}).median)

	for _, bad := range []figure{{over: "c u"}, {over: "a/access u", under: "c u"}, {over: "a/SET u"}} {
		require.Error(t, bad.compute(r), "%v", bad)
	}
	_, err := results{"a": {1}, "b": {0}}.ratio("a", "b")
	require.Error(t, err)
}

func TestBarIsForTheFirstDataSetUnlessForAll(t *testing.T) {
	r := results{"x/access u": {0}, "x/kubernetes u": {0}, "x/short u": {0.5}}
	f := figure{over: "x/SET u", bar: bar{atMost, 0}}
	require.NoError(t, f.compute(r))
	require.True(t, f.bar.met(f.value()))
	f.worst = true
	require.False(t, f.bar.met(f.value()))
	require.False(t, bar{atLeast, 8}.met(7.9))
	require.True(t, bar{atLeast, 8}.met(8))
}

func TestReportPrintsTableAndLines(t *testing.T) {
	r := results{
		"p/E/access ns": {2, 1}, "p/E/kubernetes ns": {1, 1}, "p/E/short ns": {1, 1},
		"q/E/access ns": {20, 12}, "q/E/kubernetes ns": {5, 5}, "q/E/short ns": {7, 7},
	}
	f := figure{name: "out_x", unit: "times", bar: bar{atLeast, 12}, over: "q/E/SET ns", under: "p/E/SET ns"}
	require.NoError(t, f.compute(r))
	var out strings.Builder
	require.NoError(t, report(&out, []figure{f}, r, []string{"hosts used: b", "hosts used: b"}, 2))
	require.Regexp(t, `(?m)^out_x +times +>= 12 +NO +11 \(10\.\.12\) +5 +7$`, out.String())
	require.Equal(t, 1, strings.Count(out.String(), "hosts used: b"))
	require.Regexp(t, `(?m)^q/E/access +ns +16 \(12\.\.20\)`, out.String())
	require.True(t, strings.HasSuffix(out.String(), "\nbench: out_x 11 times\n"))
}

func TestNumbersSayWhatIsThere(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.7049: "0.705", 6.471: "6.47", 121.3: "121", 5561975: "5561975", 0.0001: "0", -0.0001: "0",
		12.04: "12", 160: "160",
	} {
		require.Equal(t, want, number(v))
	}
}

// Every figure of the plan is made of what its own probes measure.
func TestPlanNamesItsProbes(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range measurements() {
		require.NotEmpty(t, m.probes)
		for _, f := range m.figures {
			require.False(t, seen[f.name], f.name)
			seen[f.name] = true
			for _, key := range []string{f.over, f.under} {
				binary, rest, _ := strings.Cut(key, "/")
				bench := rest[:max(strings.IndexAny(rest, "/ "), 0)]
				require.True(t, key == "" || m.runs(binary, bench), "%s: nothing runs %s", f.name, key)
			}
		}
		for _, p := range m.probes {
			require.Contains(t, packages, p.binary)
		}
	}
	require.Len(t, seen, 22)
}

func (m measurement) runs(binary, bench string) bool {
	for _, p := range m.probes {
		if p.binary == binary && strings.HasPrefix(p.bench, "^Benchmark"+bench+"$") {
			return true
		}
	}
	return false
}
