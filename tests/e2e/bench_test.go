package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/bench/rig"
	"fluent-bit-sls/tests/flbhost"
)

// The part of `make bench` that needs the plugins in a process of their own. The
// benchmarks are meant for -benchtime 1x.

// engineHost is the real Fluent Bit, or flbhost where there is none. TestMain reports which.
func engineHost() Host { return hosts[len(hosts)-1] }

// What BenchmarkSteady ships, as an engine does that reads 10 MB a second: five full chunks
// at each tick of its flush timer.
const (
	steadyWorkers = 2
	steadyBurst   = 5
	steadyWarm    = 25 * time.Second // until the pools have let go of what the start took
	steadyFor     = 15 * time.Second
	steadyLook    = 50 * time.Millisecond
)

// BenchmarkSteady measures by how much a host that ships 10 MB a second to the emulator is
// larger than one beside it that gives the same chunks to an output which does nothing:
// idle-MB before the first chunk, grown-MB in the median of fifteen seconds, most-MB at the
// most. more-cpu-ms/s is the CPU time of the one beyond the other's.
func BenchmarkSteady(b *testing.B) {
	null, out := buildNull(b), installed(b, plugins.Out)
	lab := rig.Open(b)
	chunk := rig.MakeChunk(b, "access", rig.ChunkSize)
	for b.Loop() {
		before := lab.Counts()
		var sls, nothing steady
		var both sync.WaitGroup
		both.Go(func() { nothing.run(b, null, lab.Endpoint, chunk) })
		both.Go(func() { sls.run(b, out, lab.Endpoint, chunk) })
		both.Wait()
		lab.Delivered(before, sls.chunks*chunk.Records)
		var grown []float64
		for i := range sls.rss {
			grown = append(grown, float64(sls.rss[i]-nothing.rss[i])/1e3)
		}
		slices.Sort(grown)
		b.ReportMetric(float64(sls.idle-nothing.idle)/1e3, "idle-MB")
		b.ReportMetric(grown[len(grown)/2], "grown-MB")
		b.ReportMetric(grown[len(grown)-1], "most-MB")
		b.ReportMetric((sls.cpu-nothing.cpu).Seconds()*1e3/steadyFor.Seconds(), "more-cpu-ms/s")
	}
}

// steady is what a host did and took under BenchmarkSteady's load.
type steady struct {
	chunks int
	idle   int   // resident kB before the first chunk
	rss    []int // resident kB, one for each look
	cpu    time.Duration
}

func (s *steady) run(b *testing.B, so, endpoint string, chunk rig.Chunk) {
	h, err := flbhost.Start(b.Context(), hostBin, flbhost.Options{Workers: steadyWorkers})
	require.NoError(b, err)
	plugin, err := h.Load(so)
	require.NoError(b, err)
	out, err := h.Init(plugin, map[string]string{
		"endpoint": endpoint, "project": rig.Project, "logstore": rig.Written, "topic": "access",
		"access_key_id": rig.KeyID, "access_key_secret": rig.KeySecret,
	})
	require.NoError(b, err)
	jobs := make(chan []byte, steadyBurst)
	var flushers sync.WaitGroup
	for range steadyWorkers {
		flushers.Go(func() {
			for chunk := range jobs {
				r, err := out.Flush(b.Context(), "tag", chunk)
				require.NoError(b, err)
				require.Equal(b, flbhost.OK, r)
			}
		})
	}
	flush, look := time.NewTicker(time.Second), time.NewTicker(steadyLook)
	var begin time.Duration
	for start := time.Now(); len(s.rss) < int(steadyFor/steadyLook); {
		select {
		case <-flush.C:
			if s.idle == 0 {
				s.idle = status(b, h.Pid(), "VmRSS")
			}
			for range steadyBurst {
				jobs <- chunk.Bytes
				s.chunks++
			}
		case <-look.C:
			if time.Since(start) < steadyWarm {
				begin = cpuOf(b, h.Pid())
				continue
			}
			s.rss = append(s.rss, status(b, h.Pid(), "VmRSS"))
		}
	}
	s.cpu = cpuOf(b, h.Pid()) - begin
	close(jobs)
	flushers.Wait()
	require.NoError(b, h.Exit(b.Context()))
}

// cpuOf is what a process has used so far: utime and stime of /proc/PID/stat, in hundredths
// of a second.
func cpuOf(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(tb, err)
	fields := strings.Fields(string(stat[strings.LastIndex(string(stat), ") ")+2:])) // from the third on
	var user, system int
	_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
	require.NoError(tb, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// installed copies a plugin, as installing it does. More of a file that a linker has just
// written is resident: the kernel keeps it in larger pieces.
func installed(tb testing.TB, so string) string {
	tb.Helper()
	text, err := os.ReadFile(so)
	require.NoError(tb, err)
	name := filepath.Join(tb.TempDir(), filepath.Base(so))
	require.NoError(tb, os.WriteFile(name, text, 0o600))
	return name
}

// buildNull compiles the output that does nothing.
func buildNull(tb testing.TB) string {
	tb.Helper()
	so := filepath.Join(tb.TempDir(), "null.so")
	out, err := exec.CommandContext(tb.Context(), "cc", "-Wall", "-Werror", "-O1", "-shared", "-fPIC",
		"-I", "../flbhost/host", "testdata/null.c", "-o", so).CombinedOutput()
	require.NoError(tb, err, "%s", out)
	return so
}

// BenchmarkHandover is how fast a section hands over what a logstore holds, in MB of log
// groups, from its first event to its last. buffer_size bounds a second and is out of the way;
// all else is the default.
func BenchmarkHandover(b *testing.B) {
	lab := rig.Open(b)
	for _, set := range []string{"access", "kubernetes", "short"} {
		b.Run(set, func(b *testing.B) {
			for b.Loop() {
				fill := rig.Fill{Logstore: "handover-" + set, Set: set, Shards: rig.Shards, Copies: 16}
				filled := lab.Fill(fill)
				h := &testHost{plugins: plugins, bin: hostBin}
				p, reader, err := h.start(b.Context(), plugins.In, map[string]string{
					"endpoint": lab.Endpoint, "project": rig.Project, "logstore": fill.Logstore,
					"access_key_id": rig.KeyID, "access_key_secret": rig.KeySecret, "buffer_size": "1G",
				})
				require.NoError(b, err)
				var got int
				var first, last time.Time
				all := make(chan struct{})
				reader.OnCollectAt(func(buf []byte, at time.Time) {
					if got == 0 {
						first = at
					}
					before := got
					got += countEvents(buf)
					if before < int(filled.Records) && got >= int(filled.Records) {
						last = at
						close(all)
					}
				})
				<-all
				require.NoError(b, p.Stop(b.Context()))
				require.EqualValues(b, filled.Records, got)
				b.ReportMetric(float64(filled.RawBytes)/1e6/last.Sub(first).Seconds(), "MB/s")
			}
		})
	}
}

// BenchmarkLatency is TestFluentBitLatency's figure for direct hand-over.
func BenchmarkLatency(b *testing.B) {
	for b.Loop() {
		half, most := latency(b, engineHost(), "auto")
		b.ReportMetric(half.Seconds()*1e3, "p50-ms")
		b.ReportMetric(most.Seconds()*1e3, "p99-ms")
	}
}

// BenchmarkDrain is TestFluentBitDrains' figures for direct hand-over with a limit.
func BenchmarkDrain(b *testing.B) {
	for b.Loop() {
		took, resident := drain(b, engineHost(), "auto", "50M")
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(resident, "resident-MB")
	}
}
