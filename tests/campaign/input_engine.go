package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// engineSecond is how long a second of the simulated engine takes where it is in a
// hurry. All it counts by is its own clock, and so does what reads its reports; how
// often they are read does not hurry along, so some engines keep real time.
const engineSecond = 200 * time.Millisecond

// emitter is the input through which some of the records go a second time, as
// with a rewrite_tag filter.
const emitter = "emitter_for_rewrite_tag.0"

// engine plays Fluent Bit between its inputs and a slow output that keeps nothing
// on disk: a ring buffer that its main loop empties, chunks that it holds until
// the output has taken them, one count of them every 5 of its seconds, a report
// each second. The output holds the loop up now and then.
type engine struct {
	ledger *inputLedger
	random *rand.Rand
	begin  time.Time
	second time.Duration
	busy   time.Duration // longest time for a chunk, as a rule

	mu                        sync.Mutex // guards what follows
	paused                    bool
	stopped                   bool
	stuck                     time.Time // until then the loop is held up
	inputs                    []*engineInput
	chunks                    []engineChunk // oldest first: the order of an input's records is kept
	deliver                   time.Time     // when the oldest is delivered
	reportAt, countAt, pourAt time.Time
	counts                    map[string]int // chunks at the last count, by input
	page                      string         // the last report
}

type engineInput struct {
	name    string
	ring    []*handover
	records int // taken out of the ring so far
}

type engineChunk struct {
	input string // the one it is counted with
	parts []*handover
}

func newEngine(l *inputLedger, r *rand.Rand, second, busy time.Duration) *engine {
	now := time.Now()
	return &engine{
		ledger: l, random: r, begin: now, second: second, busy: busy,
		counts: map[string]int{}, reportAt: now.Add(2 * second),
	}
}

func (e *engine) add(name string) *engineInput {
	e.mu.Lock()
	defer e.mu.Unlock()
	in := &engineInput{name: name}
	e.inputs = append(e.inputs, in)
	return in
}

// take puts what was handed over into the ring buffer.
func (e *engine) take(in *engineInput, h *handover) {
	e.mu.Lock()
	defer e.mu.Unlock()
	in.ring = append(in.ring, h)
}

func (e *engine) pause(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = on
}

// stop ends all deliveries: what is not delivered is lost.
func (e *engine) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopped = true
}

// run is the engine's main loop.
func (e *engine) run(ctx context.Context) {
	tick := time.NewTicker(e.second / 8)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			e.step(now)
		}
	}
}

// step does what is due. After the loop was held up several things are, in the
// order in which its reports are least truthful: they come before the count, and
// the count before the ring.
func (e *engine) step(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped || now.Before(e.stuck) {
		return
	}
	if !now.Before(e.reportAt) {
		e.reportAt = now.Add(e.second)
		e.page = e.reportLocked(int(now.Sub(e.begin) / e.second))
	}
	if !now.Before(e.countAt) {
		e.countAt = now.Add(5 * e.second)
		e.counts = map[string]int{}
		for _, c := range e.chunks {
			e.counts[c.input]++
		}
	}
	if !now.Before(e.pourAt) {
		e.pourAt = now.Add(e.second / 4)
		e.pourLocked()
	}
	if len(e.chunks) > 0 {
		e.outputLocked(now)
	}
}

// pourLocked puts what lies in the ring buffers into chunks: into the newest of the
// same input unless the output may have it already.
func (e *engine) pourLocked() {
	if e.paused {
		return
	}
	for _, in := range e.inputs {
		if len(in.ring) == 0 {
			continue
		}
		for _, h := range in.ring {
			in.records += h.records
		}
		name := in.name
		if e.random.IntN(4) == 0 {
			name = emitter
		}
		if last := len(e.chunks) - 1; last > 0 && e.chunks[last].input == name {
			e.chunks[last].parts = append(e.chunks[last].parts, in.ring...)
		} else {
			e.chunks = append(e.chunks, engineChunk{input: name, parts: in.ring})
		}
		in.ring = nil
	}
}

// outputLocked lets the output work on the oldest chunk. It is busy for a while
// with each, and holds up the loop now and then.
func (e *engine) outputLocked(now time.Time) {
	switch {
	case e.deliver.IsZero():
		longest := e.busy
		if e.random.IntN(20) == 0 {
			longest = 4 * time.Second
		}
		e.deliver = now.Add(time.Duration(e.random.Float64() * float64(longest)))
	case !now.Before(e.deliver):
		e.ledger.takes(e.chunks[0].parts)
		e.chunks, e.deliver = e.chunks[1:], time.Time{}
		if e.random.IntN(20) == 0 {
			e.stuck = now.Add(time.Duration(e.random.IntN(2000)) * time.Millisecond)
		}
	}
}

func (e *engine) reportLocked(uptime int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# TYPE fluentbit_uptime counter\nfluentbit_uptime{hostname=\"campaign\"} %d\n", uptime)
	names := []string{emitter}
	for _, in := range e.inputs {
		fmt.Fprintf(&b, "fluentbit_input_records_total{name=%q} %d\n", in.name, in.records)
		names = append(names, in.name)
	}
	for _, name := range names {
		fmt.Fprintf(&b, "fluentbit_input_storage_chunks{name=%q} %d\n", name, e.counts[name])
	}
	return b.String()
}

func (e *engine) report() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.page
}

// monitorServer is the monitoring server of one host after the other.
type monitorServer struct {
	url    string
	http   *http.Server
	engine atomic.Pointer[engine]

	mu     sync.Mutex // guards what follows
	random *rand.Rand
	off    time.Time // until then it does not answer well
}

func newMonitorServer(ctx context.Context, r *rand.Rand) (*monitorServer, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &monitorServer{url: "http://" + l.Addr().String(), random: r}
	m.http = &http.Server{Handler: m, ReadHeaderTimeout: time.Minute}
	go func() { _ = m.http.Serve(l) }() // ends with close
	return m, nil
}

func (m *monitorServer) close() { _ = m.http.Close() }

// ServeHTTP answers as Fluent Bit's own server does, and now and then as it must
// not be believed.
func (m *monitorServer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	page := ""
	if e := m.engine.Load(); e != nil {
		page = e.report()
	}
	switch sick := m.sick(); {
	case page == "" || r.URL.Path != "/api/v2/metrics/prometheus":
		http.NotFound(rw, r)
	case sick == 1:
		http.Error(rw, "busy", http.StatusInternalServerError)
	case sick == 2: // breaks off
		rw.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = io.WriteString(rw, page[:len(page)/2])
	case sick == 3: // storage.metrics off
		lines := slices.DeleteFunc(strings.Split(page, "\n"), func(s string) bool { return strings.Contains(s, "_chunks") })
		_, _ = io.WriteString(rw, strings.Join(lines, "\n"))
	default:
		_, _ = io.WriteString(rw, page)
	}
}

// sick says in which way an answer is spoilt; 0 is well.
func (m *monitorServer) sick() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.random.IntN(100) == 0 {
		m.off = now.Add(time.Duration(m.random.IntN(3000)) * time.Millisecond)
	}
	if now.Before(m.off) {
		return 1 + m.random.IntN(3)
	}
	return 0
}
