package producer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/option"
)

// desk is a schedule in virtual time: what it lets begin, nothing is sent of.
type desk struct {
	schedule
	t       *testing.T
	made    int
	waiting map[*segment]bool
	running []*request
	rung    chan *queue // whose timers have run
}

// atDesk calls fn with a schedule of the default configuration changed by set.
func atDesk(t *testing.T, set option.Map, fn func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var cfg Config
		require.NoError(t, option.Parse(set, cfg.Options()))
		d := &desk{t: t, waiting: map[*segment]bool{}, rung: make(chan *queue, 1000)}
		d.schedule = newSchedule(&cfg, func(route.Destination) bool { return false }, func(wait time.Duration, q *queue) *time.Timer {
			return time.AfterFunc(wait, func() { d.rung <- q })
		})
		fn(t, d)
		require.Zero(t, d.inFlight)
		require.Zero(t, d.line.Len(), "nothing is in line")
		for _, l := range d.lanes {
			require.Empty(t, l.queues)
			require.Zero(t, l.line.Len())
		}
	})
}

// add enqueues a segment of that many bytes.
func (d *desk) add(logstore, topic string, size int) *segment {
	d.made++
	s := &segment{dest: address{route.Destination{Project: "pro", Logstore: logstore, Topic: topic}, ""}, buf: make([]byte, size), logs: 1}
	s.outcome = &outcome{waiters: []*flight{{}}}
	d.enqueue(s)
	d.waiting[s] = true
	return s
}

// begin takes all requests that may begin, and tells where they go.
func (d *desk) begin() (to []string) {
	for r := d.next(); r != nil; r = d.next() {
		d.running = append(d.running, r)
		for _, s := range r.segments {
			require.True(d.t, d.waiting[s], "each segment once")
			delete(d.waiting, s)
		}
		to = append(to, r.queue.dest.Logstore+"/"+r.queue.dest.Topic)
	}
	return to
}

// pass lets time go by.
func (d *desk) pass(by time.Duration) {
	wait(d.t, by)
	synctest.Wait()
	for len(d.rung) > 0 {
		d.release(<-d.rung)
	}
}

// end ends the request that began first.
func (d *desk) end() {
	r := d.running[0]
	d.running = d.running[1:]
	d.done(r)
}

// Logstores take turns, and the destinations of each: one of which much waits does not
// hold up the others.
func TestScheduleTakesTurns(t *testing.T) {
	atDesk(t, option.Map{"concurrency": "1", "batch_count": "1"}, func(t *testing.T, d *desk) {
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
		require.Equal(t, []string{"a/quiet", "b/only", "a/busy", "a/busy"}, order)
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
			func() { d.stop(); d.end() },
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
	atDesk(t, option.Map{"concurrency": "1"}, func(t *testing.T, d *desk) {
		d.add("a", "first", 10)
		require.Len(t, d.begin(), 1)
		var left []*segment
		for i := range 100 {
			left = append(left, d.add("a", fmt.Sprint(i), 10))
		}
		for _, s := range left {
			require.Equal(t, []*segment{s}, d.abandon(s.outcome.queue, everything))
		}
		require.Len(t, d.lanes[laneID{"pro", "a"}].queues, 1)
		d.end()
		require.Empty(t, d.begin())
	})
}

// A logstore that has been idle does not count as one that works, until it is used again.
func TestScheduleKnowsWhichOthersWork(t *testing.T) {
	atDesk(t, nil, func(t *testing.T, d *desk) {
		dest := func(name string) address { return address{route.Destination{Project: "pro", Logstore: name}, ""} }
		a, b := d.lane(dest("a")), d.lane(dest("b"))
		require.True(t, d.othersWork(a))
		b.failures = 1
		d.placeLane(b)
		require.False(t, d.othersWork(a))
		require.True(t, d.othersWork(b))
		d.recovered()
		require.True(t, d.othersWork(a))
		d.pass(laneIdle)
		require.False(t, d.othersWork(a))
		require.False(t, d.othersWork(a))
		d.lane(dest("b"))
		require.True(t, d.othersWork(a))
		require.False(t, d.othersWork(b))
	})
}

// Whatever happens in whatever order: when nothing more may begin, there is a reason for
// everything that waits.
func TestScheduleLeavesNothingBehind(t *testing.T) {
	for _, set := range []option.Map{
		{"concurrency": "2"}, {"concurrency": "3", "linger": "2s"}, {"ordered": "on"}, {"batch_count": "1", "linger": "100ms", "ordered": "on"},
	} {
		for range 5 {
			seed := rand.Uint64()
			t.Run(fmt.Sprint(set, seed), func(t *testing.T) {
				atDesk(t, set, func(t *testing.T, d *desk) { shuffle(t, d, rand.New(rand.NewPCG(seed, 0))) })
			})
		}
	}
}

func shuffle(t *testing.T, d *desk, random *rand.Rand) {
	t.Helper()
	size := []int{10, 1000, worthARequest, 3 << 20}
	for range 400 {
		switch random.IntN(8) {
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
				for _, s := range d.abandon(s.outcome.queue, func(*segment) bool { return random.IntN(2) == 0 }) {
					delete(d.waiting, s)
				}
				break
			}
		case 6:
			for _, l := range d.lanes {
				l.allowed = float64(1 + random.IntN(d.cfg.Concurrency))
				d.placeLane(l)
			}
		case 7:
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

func (d *desk) requireReasons(t *testing.T) {
	t.Helper()
	for s := range d.waiting {
		q := s.outcome.queue
		require.True(t, q.lane.inFlight >= int(q.lane.allowed) || d.held(q) > 0 || d.cfg.Ordered && q.inFlight > 0,
			"%s waits for nothing", q.dest.Logstore)
		require.True(t, !d.cfg.Ordered || q.inFlight <= 1)
	}
}
