package producer_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/producer"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/bench/rig"
)

// The engine's half of `make bench`, which runs these in turn with their rivals in
// tests/bench/rivals. Everything goes through Flush, with default options: what
// an engine thread would wait for is in the figures.

// newProducer makes a producer in front of endpoint, or of transport if that is
// not nil. The function ends it.
func newProducer(tb testing.TB, endpoint string, transport http.RoundTripper) (p *producer.Producer, stop func()) {
	tb.Helper()
	return newProducerWith(tb, endpoint, transport, option.Map{})
}

// newProducerWith does the same with those options.
func newProducerWith(tb testing.TB, endpoint string, transport http.RoundTripper, set option.Map) (p *producer.Producer, stop func()) {
	tb.Helper()
	cfg := producer.Config{Instance: "sls.0"}
	var to route.Config
	given := option.Map{"project": rig.Project, "logstore": rig.Written, "topic": "access", "source": "10.0.0.1"}
	maps.Copy(given, set)
	require.NoError(tb, option.Parse(given, append(cfg.Options(), to.Options()...)))
	client, err := sls.New(sls.Config{
		Endpoint: endpoint, MaxConns: cfg.Concurrency, Transport: transport,
		Credentials: sdk.NewStaticCredentialsProvider(rig.KeyID, rig.KeySecret, ""),
	})
	require.NoError(tb, err)
	router, err := route.New(to)
	require.NoError(tb, err)
	p, err = producer.New(cfg, router, client, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(tb, err)
	return p, func() {
		ctx, cancel := context.WithTimeout(tb.Context(), time.Second)
		defer cancel()
		p.Stop(ctx) // cuts off what a dead endpoint holds
		client.Close()
	}
}

// instant accepts every request without a network.
type instant struct {
	mu     sync.Mutex // guards bodies
	keep   bool
	bodies [][]byte // uncompressed, if they are kept
}

func (t *instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.keep {
		packed, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		var size int
		if _, err := fmt.Sscan(r.Header.Get("X-Log-Bodyrawsize"), &size); err != nil {
			return nil, err
		}
		raw, err := sls.Decompress(sls.LZ4, nil, packed, size)
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.bodies = append(t.bodies, raw)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// chunksPerRound is a quarter of a second or so of encoding.
const chunksPerRound = 60

// BenchmarkState compares the way of a chunk with state_path with that without. Each
// chunk is another one, by its tag, and lies in a file as the engine's do.
func BenchmarkState(b *testing.B) {
	for _, set := range rig.Sets(b, rig.ChunkSize) {
		b.Run(set.Name, func(b *testing.B) {
			chunk, flushes := mapped(b, set.Bytes), 0
			flush := func(p *producer.Producer) {
				flushes++
				require.Equal(b, producer.OK, p.Flush(b.Context(), strconv.Itoa(flushes), chunk))
			}
			for b.Loop() {
				without, stop := newProducer(b, rig.Endpoint, &instant{})
				with, stopWith := newProducerWith(b, rig.Endpoint, &instant{}, option.Map{"state_path": b.TempDir()})
				once, stopOnce := newProducerWith(b, rig.Endpoint, &instant{}, option.Map{"state_path": b.TempDir(), "exactly_once": "on"})
				rig.CPUEach(b, chunksPerRound,
					rig.Work{Name: "without", Do: func() { flush(without) }},
					rig.Work{Name: "with", Do: func() { flush(with) }},
					rig.Work{Name: "once", Do: func() { flush(once) }},
				)
				stop()
				stopWith()
				stopOnce()
			}
		})
	}
}

// mapped is a chunk within the mapping of its file.
func mapped(b *testing.B, chunk []byte) []byte {
	name := filepath.Join(b.TempDir(), "1-1700000000.   7.flb")
	require.NoError(b, os.WriteFile(name, chunk, 0o600))
	f, err := os.Open(name)
	require.NoError(b, err)
	defer f.Close()
	bytes, err := syscall.Mmap(int(f.Fd()), 0, len(chunk), syscall.PROT_READ, syscall.MAP_SHARED)
	require.NoError(b, err)
	b.Cleanup(func() { _ = syscall.Munmap(bytes) })
	return bytes
}

// BenchmarkEncode compares a chunk's whole way to a signed request with lz4 alone on
// the bytes of the same requests: what the engine itself compresses with. lz4-v4,
// the library's later and slower release, is beside it, and so is the engine with
// signatures V1. It is meant for -benchtime 1x and -cpu 1: lz4 alone has one
// processor, and on several the engine's requests are compressed side by side, where
// the same work takes more CPU time.
func BenchmarkEncode(b *testing.B) {
	for _, set := range rig.Sets(b, rig.ChunkSize) {
		b.Run(set.Name, func(b *testing.B) {
			seen := &instant{keep: true}
			p, stop := newProducer(b, rig.Endpoint, seen)
			require.Equal(b, producer.OK, p.Flush(b.Context(), "tag", set.Bytes))
			stop()
			for b.Loop() {
				v4, stopV4 := newProducer(b, rig.Endpoint, &instant{})
				v1, stopV1 := newProducer(b, "http://sls.bench", &instant{})
				dst := make([]byte, sls.CompressBound(5<<20))
				rig.CPUEach(b, chunksPerRound,
					rig.Work{Name: "engine", Do: func() { v4.Flush(b.Context(), "tag", set.Bytes) }},
					rig.Work{Name: "lz4", Do: func() {
						for _, raw := range seen.bodies {
							sls.Compress(sls.LZ4, dst[:0], raw)
						}
					}},
				)
				rig.CPUEach(b, chunksPerRound,
					rig.Work{Name: "engine-v1", Do: func() { v1.Flush(b.Context(), "tag", set.Bytes) }},
					rig.Work{Name: "lz4-v4", Do: func() {
						for _, raw := range seen.bodies {
							_, _ = lz4.CompressBlock(raw, dst, nil)
						}
					}},
				)
				require.Equal(b, v1.Stats().Records, v4.Stats().Records)
				require.GreaterOrEqual(b, v4.Stats().Records, uint64(chunksPerRound*set.Records))
				stopV4()
				stopV1()
			}
		})
	}
}

// BenchmarkAllocs counts the allocations of a Flush, the goroutine of the request
// and the request itself included. Those per record are the difference between
// two chunks that both make one request: what a record more costs.
func BenchmarkAllocs(b *testing.B) {
	for _, name := range []string{"access", "kubernetes", "short"} {
		b.Run(name, func(b *testing.B) {
			small, large := rig.MakeChunk(b, name, 90_000), rig.MakeChunk(b, name, 150_000)
			p, stop := newProducer(b, rig.Endpoint, &instant{})
			defer stop()
			for b.Loop() {
				few, many := steadyAllocs(b, p, small), steadyAllocs(b, p, large)
				b.ReportMetric((many-few)/float64(large.Records-small.Records), "allocs/record")
				b.ReportMetric(many, "allocs/request")
			}
		})
	}
}

// steadyAllocs is the least of several averages: a collection in between empties
// the pools, and filling them again is not what a record costs.
func steadyAllocs(b *testing.B, p *producer.Producer, c rig.Chunk) float64 {
	b.Helper()
	least := math.Inf(1)
	for range 20 {
		before := p.Stats().Requests
		least = min(least, testing.AllocsPerRun(20, func() { p.Flush(b.Context(), "tag", c.Bytes) }))
		require.EqualValues(b, 21, p.Stats().Requests-before, "one request for a chunk of %d bytes", len(c.Bytes))
	}
	return least
}

// flushers hands out chunks to a number of workers, as the engine does. The
// function waits until all of them have been delivered.
func flushers(b *testing.B, p *producer.Producer, workers int) (jobs chan<- []byte, wait func()) {
	b.Helper()
	queue := make(chan []byte)
	var wg sync.WaitGroup
	var failed atomic.Int64
	for range workers {
		wg.Go(func() {
			for chunk := range queue {
				if p.Flush(b.Context(), "tag", chunk) != producer.OK {
					failed.Add(1)
				}
			}
		})
	}
	return queue, func() {
		close(queue)
		wg.Wait()
		require.Zero(b, failed.Load(), "flushes that were not OK")
	}
}

// BenchmarkSend is CPU time from chunks to the emulator's answers; the emulator's
// own is not in it, where it is another process.
func BenchmarkSend(b *testing.B) {
	lab := rig.Open(b)
	lab.Delay(0)
	for _, set := range rig.Sets(b, rig.ChunkSize) {
		b.Run(set.Name, func(b *testing.B) {
			p, stop := newProducer(b, lab.Endpoint, nil)
			defer stop()
			warm, wait := flushers(b, p, 4)
			for range 8 {
				warm <- set.Bytes
			}
			wait()
			before, chunks := lab.Counts(), 0
			jobs, wait := flushers(b, p, 4)
			begin := rig.CPU()
			for b.Loop() {
				jobs <- set.Bytes
				chunks++
			}
			wait()
			cpu := rig.CPU() - begin
			lab.Delivered(before, chunks*set.Records)
			b.ReportMetric(cpu.Seconds()*1e9/float64(chunks*len(set.Bytes)), "cpu-s/GB")
		})
	}
}

// BenchmarkScale is throughput against a service that takes 20 ms for an answer.
func BenchmarkScale(b *testing.B) {
	lab := rig.Open(b)
	lab.Delay(20 * time.Millisecond)
	defer lab.Delay(0)
	chunk := rig.MakeChunk(b, "access", 64<<10)
	for _, workers := range []int{1, 8} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			p, stop := newProducer(b, lab.Endpoint, nil)
			defer stop()
			warm, wait := flushers(b, p, workers)
			for range 4 * workers {
				warm <- chunk.Bytes
			}
			wait()
			before, chunks := lab.Counts(), 0
			jobs, wait := flushers(b, p, workers)
			begin := time.Now()
			for b.Loop() {
				jobs <- chunk.Bytes
				chunks++
			}
			wait()
			took := time.Since(begin)
			lab.Delivered(before, chunks*chunk.Records)
			b.ReportMetric(float64(chunks*len(chunk.Bytes))/1e6/took.Seconds(), "MB/s")
			b.ReportMetric(float64(lab.Counts().Requests-before.Requests)/float64(chunks), "requests/chunk")
		})
	}
}

// BenchmarkSmallChunks counts the requests for the chunks of a node with many
// quiet tags: 100 tags of 10 KB a second for 10 s, 16 workers, answers after 20 ms.
// engine: Fluent Bit flushes all tags at each tick of its flush timer, once a
// second. even: the same chunks at even distances, as no engine would hand them
// out; there is less to gather.
func BenchmarkSmallChunks(b *testing.B) {
	const tags, seconds, workers = 100, 10, 16
	lab := rig.Open(b)
	lab.Delay(20 * time.Millisecond)
	defer lab.Delay(0)
	chunk := rig.MakeChunk(b, "access", 10_000)
	for _, c := range []struct {
		name  string
		every time.Duration
		burst int
	}{{"engine", time.Second, tags}, {"even", time.Second / tags, 1}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				p, stop := newProducer(b, lab.Endpoint, nil)
				before := lab.Counts()
				jobs, wait := flushers(b, p, workers)
				tick := time.NewTicker(c.every)
				for range seconds * tags / c.burst {
					<-tick.C
					for range c.burst {
						jobs <- chunk.Bytes
					}
				}
				tick.Stop()
				wait()
				lab.Delivered(before, seconds*tags*chunk.Records)
				b.ReportMetric(float64(lab.Counts().Requests-before.Requests)/(seconds*tags), "requests/chunk")
				stop()
			}
		})
	}
}

// BenchmarkSmallGroups is BenchmarkSmallChunks with a topic for each tag, as a node has
// with a topic for each pod: requests, and the CPU time of a chunk, with group batches and
// without. The two take turns of a second, and the first of each is not counted: what a
// process pays once, for memory, code and connections, is no chunk's.
func BenchmarkSmallGroups(b *testing.B) {
	const tags, seconds, workers = 100, 10, 16
	lab := rig.Open(b)
	lab.Delay(20 * time.Millisecond)
	defer lab.Delay(0)
	chunk := rig.MakeChunk(b, "access", 10_000)
	for b.Loop() {
		tick := time.NewTicker(time.Second)
		works := []*smallGroups{{batches: "auto"}, {batches: "off"}}
		for _, w := range works {
			p, stop := newProducerWith(b, lab.Endpoint, nil, option.Map{"topic": "$TAG", "group_batch": w.batches})
			defer stop()
			w.producer = p
		}
		for second := -1; second < seconds; second++ {
			for _, w := range works {
				<-tick.C
				before, begin := lab.Counts(), rig.CPU()
				w.burst(b, tags, workers, chunk.Bytes)
				cpu := rig.CPU() - begin
				lab.Delivered(before, tags*chunk.Records)
				if second >= 0 {
					w.cpu += cpu
					w.requests += lab.Counts().Requests - before.Requests
				}
			}
		}
		tick.Stop()
		for _, w := range works {
			b.ReportMetric(float64(w.requests)/(seconds*tags), w.batches+"-requests/chunk")
			b.ReportMetric(w.cpu.Seconds()*1e6/(seconds*tags), w.batches+"-cpu-us/chunk")
		}
	}
}

// smallGroups is one side of BenchmarkSmallGroups.
type smallGroups struct {
	batches  string // group_batch
	producer *producer.Producer
	cpu      time.Duration
	requests int
}

// burst flushes a chunk of each tag, as the engine does once a second.
func (w *smallGroups) burst(b *testing.B, tags, workers int, chunk []byte) {
	jobs := make(chan string)
	var flushers sync.WaitGroup
	for range workers {
		flushers.Go(func() {
			for tag := range jobs {
				assert.Equal(b, producer.OK, w.producer.Flush(b.Context(), tag, chunk))
			}
		})
	}
	for n := range tags {
		jobs <- "kube.pod-" + strconv.Itoa(n)
	}
	close(jobs)
	flushers.Wait()
}

// deadFor is how long BenchmarkDeadEndpoint lasts.
const deadFor = time.Minute

// handBackEvery paces a worker whose chunks come back at once. 1,600 chunks a second
// over all workers is more than an engine schedules; without a pause the loop's own
// garbage is what is measured.
const handBackEvery = 10 * time.Millisecond

// BenchmarkDeadEndpoint measures by how much the process grows while an endpoint
// takes requests and answers nothing, and 16 workers bring ever new chunks. The
// chunk itself is the engine's and not counted. It needs a process of its own,
// and -benchtime 1x.
func BenchmarkDeadEndpoint(b *testing.B) {
	for _, set := range rig.Sets(b, rig.ChunkSize) {
		b.Run(set.Name, func(b *testing.B) {
			lab := rig.Open(b)
			for b.Loop() {
				p, stop := newProducer(b, lab.Dead, nil)
				debug.FreeOSMemory() // what making the chunk left behind would hide some growth
				before, err := rig.RSS()
				require.NoError(b, err)
				peak := rig.WatchRSS()
				end := time.Now().Add(deadFor)
				var wg sync.WaitGroup
				var tags, retried atomic.Int64
				for range 16 {
					wg.Go(func() {
						for time.Now().Before(end) {
							tag := "t" + strconv.FormatInt(tags.Add(1), 10)
							if p.Flush(b.Context(), tag, set.Bytes) == producer.Retry {
								retried.Add(1)
							}
							<-time.After(handBackEvery)
						}
					})
				}
				wg.Wait()
				most, err := peak()
				require.NoError(b, err)
				require.Equal(b, tags.Load(), retried.Load(), "nothing can have been delivered")
				b.ReportMetric(float64(most-before)/1e6, "grown-MB")
				b.ReportMetric(float64(before)/1e6, "before-MB")
				stop()
			}
		})
	}
}
