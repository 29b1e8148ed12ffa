package schedule

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/panics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a scheduler in virtual time. It takes the requests that begin, and nothing is
// sent of them.
type desk struct {
	*Scheduler
	t       *testing.T
	flush   *memory.Flush // waits for all segments
	made    int
	hashKey string // of the segments to come
	waiting map[*segment.Segment]bool
	begun   []*Request // since the last call of begin
	running []*Request
}

// defaults are the options' defaults.
func defaults() Config {
	return Config{BatchBytes: 2 << 20, BatchCount: 4096, Concurrency: 16, Patience: 9 * time.Second}
}

// atDesk calls fn with a scheduler of the default configuration changed by set.
func atDesk(t *testing.T, set func(*Config), fn func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := defaults()
		if set != nil {
			set(&cfg)
		}
		d := &desk{t: t, flush: memory.New(nil).Begin("", nil), waiting: map[*segment.Segment]bool{}}
		home := func(d route.Destination) (route.Destination, bool) { return d, false }
		guard := panics.New(slog.New(slog.DiscardHandler), nil)
		d.Scheduler = New(cfg, home, report.NewMetrics(), guard, func(r *Request) { d.begun = append(d.begun, r) })
		fn(t, d)
		d.requireEmpty()
	})
}

// requireEmpty asserts that nothing waits, is ready or in flight.
func (d *desk) requireEmpty() {
	d.t.Helper()
	left := d.Snapshot()
	require.Zero(d.t, left.InFlight)
	require.Zero(d.t, left.Ready)
	require.Zero(d.t, left.Queues)
}

// logs are what segments consist of, which nobody reads.
var logs = make([]byte, 3<<20)

// add enqueues a segment of that many bytes.
func (d *desk) add(logstore, topic string, size int) *segment.Segment {
	d.made++
	s := &segment.Segment{
		To:    segment.Address{Destination: route.Destination{Project: "pro", Logstore: logstore, Topic: topic, HashKey: d.hashKey}},
		Logs:  logs[:size],
		Count: 1, Outcome: d.flush.Add(1),
	}
	d.waiting[s] = true
	d.Enqueue(s, &Admission{})
	return s
}

// begin returns where the requests go that have begun since the last call. They begin by
// themselves, but for what a test has changed inside.
func (d *desk) begin() (to []string) {
	d.mu.Lock()
	d.beginLocked()
	begun := d.begun
	d.begun = nil
	d.mu.Unlock()
	for _, r := range begun {
		d.running = append(d.running, r)
		for _, s := range r.Segments() {
			require.True(d.t, d.waiting[s], "each segment once")
			delete(d.waiting, s)
		}
		name := []string{r.Logstore}
		for _, g := range r.Groups {
			name = append(name, g.To.Topic)
		}
		to = append(to, strings.Join(name, "/"))
	}
	return to
}

// pass lets time go by.
func (d *desk) pass(by time.Duration) {
	timer := time.NewTimer(by)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-d.t.Context().Done():
	}
	synctest.Wait()
}

// end ends the request that began first.
func (d *desk) end() {
	r := d.running[0]
	d.running = d.running[1:]
	for _, s := range r.Segments() {
		_ = memory.Accept([]memory.Accepted{{Outcome: s.Outcome, Range: memory.Range{Count: 1}, Last: true}})
		s.Settle()
	}
	r.Done()
}

// refuse ends the request that began first, which SLS has refused as a batch.
func (d *desk) refuse() {
	r := d.running[0]
	d.running = d.running[1:]
	for _, s := range r.Segments() {
		d.waiting[s] = true
	}
	r.TakeApart()
	r.Done()
}

func (d *desk) logstore(name string) *logstore { return d.logstores[LogstoreID{"pro", name}] }

// Logstores take turns, and the destinations of each: one of which much waits does not
// hold up the others.
func TestScheduleTakesTurns(t *testing.T) {
	atDesk(t, func(c *Config) { c.Concurrency, c.BatchCount = 1, 1 }, func(t *testing.T, d *desk) {
		for range 3 {
			d.add("a", "busy", worthARequest)
		}
		d.add("a", "quiet", 10)
		d.add("b", "only", worthARequest)
		d.add("b", "only", worthARequest)
		require.Equal(t, []string{"a/busy", "b/only"}, d.begin())
		var order []string
		for len(d.running) > 0 {
			d.end()
			order = append(order, d.begin()...)
		}
		require.Equal(t, []string{"a/busy", "b/only", "a/quiet", "a/busy"}, order)
	})
}

// The instance has no more than maxRequests in flight, whichever logstores they are for,
// and those that wait for that get in as they came.
func TestScheduleBoundsTheInstance(t *testing.T) {
	atDesk(t, nil, func(t *testing.T, d *desk) {
		for i := range 2 * maxRequests {
			d.add(fmt.Sprint(i), "", 10)
		}
		require.Len(t, d.begin(), maxRequests)
		for i := range maxRequests {
			d.end()
			require.Equal(t, []string{fmt.Sprint(maxRequests+i, "/")}, d.begin())
		}
		for len(d.running) > 0 {
			d.end()
		}
	})
}

// A request in flight makes small segments wait for more: until it ends, until enough has
// come, or for a second.
func TestScheduleGathers(t *testing.T) {
	atDesk(t, nil, func(t *testing.T, d *desk) {
		for _, until := range []func(){
			func() { d.end() },
			func() { d.add("a", "", worthARequest) },
			func() { d.pass(gatherFor) },
			func() { _ = d.Stop(); d.end() },
		} {
			d.add("a", "", 10)
			require.Len(t, d.begin(), 1)
			d.add("a", "", 10)
			require.Empty(t, d.begin())
			until()
			require.Len(t, d.begin(), 1)
			for len(d.running) > 0 {
				d.end()
			}
		}
	})
}

// Segments that are abandoned leave nothing behind: neither their place in line nor the
// queue that only they were in.
func TestScheduleForgetsWhatIsAbandoned(t *testing.T) {
	atDesk(t, func(c *Config) { c.Concurrency = 1 }, func(t *testing.T, d *desk) {
		d.add("a", "first", 10)
		require.Len(t, d.begin(), 1)
		for i := range 100 {
			d.add("a", fmt.Sprint(i), 10)
		}
		d.flush.Abandon(func(memory.Holder) bool { return true })
		require.Len(t, d.logstore("a").queues, 1)
		d.end()
		require.Empty(t, d.begin())
	})
}

// A logstore that has been idle does not count as one that works, until it is used again.
func TestScheduleKnowsWhichOthersWork(t *testing.T) {
	atDesk(t, nil, func(t *testing.T, d *desk) {
		use := func(name string) *logstore {
			return d.logstoreLocked(segment.Address{Destination: route.Destination{Project: "pro", Logstore: name}})
		}
		a, b := use("a"), use("b")
		require.True(t, d.othersWork(a))
		b.failures = 1
		d.placeLogstore(b)
		require.False(t, d.othersWork(a))
		require.True(t, d.othersWork(b))
		d.recovered()
		require.True(t, d.othersWork(a))
		d.pass(idleFor)
		require.False(t, d.othersWork(a))
		require.False(t, d.othersWork(a))
		use("b")
		require.True(t, d.othersWork(a))
		require.False(t, d.othersWork(b))
	})
}

func TestIdleLogstoresAreForgotten(t *testing.T) {
	atDesk(t, nil, func(t *testing.T, d *desk) {
		for i := range maxIdle {
			id := LogstoreID{"pro", fmt.Sprint(i)}
			d.logstores[id] = &logstore{id: id, used: time.Now()}
		}
		d.pass(2 * idleFor)
		d.add("logs", "", 1)
		require.Len(t, d.logstores, 1)
		require.Len(t, d.begin(), 1)
		d.end()
	})
}

// A timer of linger does not outlive what it was for: it would keep the scheduler.
func TestNoTimerOfLingerIsLeftBehind(t *testing.T) {
	atDesk(t, func(c *Config) { c.Linger = time.Minute }, func(t *testing.T, d *desk) {
		d.add("logs", "", 10)
		require.Empty(t, d.begin())
		var timer *time.Timer
		for _, q := range d.logstore("logs").queues {
			timer = q.alarm.timer
		}
		require.NotNil(t, timer)
		require.Nil(t, d.Stop(), "there is no outage")
		require.Len(t, d.begin(), 1)
		require.False(t, timer.Stop(), "it has been stopped")
		d.end()
	})
}

// Whatever happens in whatever order: when nothing more may begin, there is a reason for
// everything that waits.
func TestScheduleLeavesNothingBehind(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"concurrency":        func(c *Config) { c.Concurrency = 2 },
		"linger":             func(c *Config) { c.Concurrency, c.Linger = 3, 2*time.Second },
		"ordered":            func(c *Config) { c.Ordered = true },
		"ordered and linger": func(c *Config) { c.BatchCount, c.Linger, c.Ordered = 1, 100*time.Millisecond, true },
		"batches":            func(c *Config) { c.Concurrency, c.Batches = 2, true },
		"batches, all":       func(c *Config) { c.Concurrency, c.Batches, c.Linger, c.Ordered = 3, true, 2*time.Second, true },
	} {
		for range 5 {
			seed := rand.Uint64()
			t.Run(fmt.Sprint(name, " ", seed), func(t *testing.T) {
				atDesk(t, set, func(t *testing.T, d *desk) { shuffle(t, d, rand.New(rand.NewPCG(seed, 0))) })
			})
		}
	}
}

func shuffle(t *testing.T, d *desk, random *rand.Rand) {
	t.Helper()
	size := []int{10, 1000, worthARequest, 3 << 20}
	for range 400 {
		switch random.IntN(9) {
		case 0, 1, 2:
			d.add(fmt.Sprint(random.IntN(3)), fmt.Sprint(random.IntN(3)), size[random.IntN(len(size))])
		case 3, 4:
			if len(d.running) > 0 {
				i := random.IntN(len(d.running))
				d.running[0], d.running[i] = d.running[i], d.running[0]
				d.end()
			}
		case 5:
			for s := range d.waiting { // any one's queue
				d.abandonSome(s.Outcome.Holder(), random)
				break
			}
		case 6:
			d.mu.Lock()
			for _, l := range d.logstores {
				l.allowed = float64(1 + random.IntN(d.cfg.Concurrency))
				d.placeLogstore(l)
			}
			d.mu.Unlock()
		case 7:
			if len(d.running) > 0 {
				d.refuse()
			}
		case 8:
			d.pass(time.Duration(random.IntN(500)) * time.Millisecond)
		}
		d.begin()
		d.requireReasons(t)
	}
	for len(d.running) > 0 || len(d.waiting) > 0 {
		if d.begin(); len(d.running) > 0 {
			d.end()
		} else {
			d.pass(100 * time.Millisecond)
		}
	}
}

// abandonSome makes the flush leave some of what waits in a queue.
func (d *desk) abandonSome(in memory.Holder, random *rand.Rand) {
	d.flush.Abandon(func(h memory.Holder) bool { return h == in && random.IntN(2) == 0 })
	for s := range d.waiting {
		if s.Settled() {
			delete(d.waiting, s)
		}
	}
}

func (d *desk) requireReasons(t *testing.T) {
	t.Helper()
	d.mu.Lock() // timers run
	defer d.mu.Unlock()
	for s := range d.waiting {
		q, ok := s.Outcome.Holder().(*queue)
		require.True(t, ok)
		delay := d.delay(q)
		if q.inBatch != nil {
			delay = d.nextBatchDelay(&q.logstore.batch)
		}
		require.True(t, q.logstore.inFlight >= int(q.logstore.allowed) || delay > 0 || d.cfg.Ordered && q.inFlight > 0,
			"%s waits for nothing", q.to.Logstore)
		require.True(t, !d.cfg.Ordered || q.inFlight <= 1)
	}
	d.requireNextBatches(t)
}
