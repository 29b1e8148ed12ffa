package handover

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/metric"
)

// engine is Fluent Bit as an input sees it: it calls once a second, its ring buffer holds
// what was appended until it empties it every quarter of a second, and it pauses the input
// when what it took from the ring comes to its limit. What it says the input hears when its
// thread is back, or earlier by News.
type engine struct {
	t      *testing.T
	queues *Queues
	tells  bool // News is known
	failed func() int

	mu       sync.Mutex // guards what follows
	ring     []appended
	taken    []appended // into chunks
	fail     int        // appends that fail from now on
	takes    time.Duration
	paused   bool
	messages []func()
	limit    int // bytes in chunks that pause the input; 0: none
	chunks   int
}

type appended struct {
	tag    string
	events []byte
	at     time.Time
}

var errFull = errors.New("full")

func (e *engine) Append(tag string, events []byte) error {
	advance(e.takes)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail > 0 {
		e.fail--
		return errFull
	}
	e.ring = append(e.ring, appended{tag, slices.Clone(events), time.Now()})
	return nil
}

func (e *engine) News() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tells && len(e.messages) > 0
}

// pause is the main loop's: the input hears of it later.
func (e *engine) pause() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pauseLocked()
}

func (e *engine) pauseLocked() {
	e.paused = true
	e.messages = append(e.messages, e.queues.Pause)
}

func (e *engine) resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.paused = false
	e.messages = append(e.messages, e.queues.Resume)
}

// empty is one look of the main loop at the ring.
func (e *engine) empty() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.ring) > 0 && !e.paused {
		p := e.ring[0]
		e.ring = e.ring[1:]
		e.taken = append(e.taken, p)
		if e.chunks += len(p.events); e.limit > 0 && e.chunks >= e.limit {
			e.pauseLocked()
		}
	}
}

// loop empties the ring until done is closed, as the main loop does.
func (e *engine) loop(done <-chan struct{}) {
	for {
		select {
		case <-time.After(emptyEvery):
			e.empty()
		case <-done:
			return
		}
	}
}

// listen is the input's thread in the engine's loop.
func (e *engine) listen() {
	e.mu.Lock()
	messages := e.messages
	e.messages = nil
	e.mu.Unlock()
	for _, m := range messages {
		m()
	}
}

// call is the engine's call of a second, and what is left of the second.
func (e *engine) call() {
	begun := time.Now()
	e.queues.HandOver(e)
	e.listen()
	if left := time.Second - time.Since(begun); left > 0 {
		advance(left)
	}
	e.listen()
}

func newEngine(t *testing.T, limit int) (*engine, *bench) {
	t.Helper()
	b := newBench(limit)
	set := metric.NewSet()
	b.Direct(set.Counter("failed", "").With())
	failed := func() (n int) {
		set.Each(func(_ *metric.Family, s *metric.Sample) { n = int(s.Value) })
		return n
	}
	return &engine{t: t, queues: b.Queues, tells: true, failed: failed}, b
}

// delivers makes room for what pauses the input, and resumes it.
func (e *engine) delivers() {
	e.mu.Lock()
	e.chunks /= 4
	paused := e.paused
	e.mu.Unlock()
	if paused {
		e.resume()
	}
}

func (e *engine) got() (all []int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range slices.Concat(e.taken, e.ring) {
		all = append(all, ids(e.t, p.events)...)
	}
	return all
}

// What is queued goes at once, in pieces; what comes while the input waits goes when it
// comes.
func TestDirectHandsOverAsDataComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 64<<20)
		q := b.open(0)
		b.add(t, q, "c1", 400<<10, 1, 2, 3, 4, 5)
		begun := time.Now()
		go func() {
			<-time.After(333 * time.Millisecond)
			b.add(t, q, "c2", 0, 6)
		}()
		b.HandOver(e)
		require.Equal(t, stay, time.Since(begun))
		require.Equal(t, []int{1, 2, 3, 4, 5, 6}, e.got())
		require.Len(t, e.ring, 4)
		for _, p := range e.ring[:3] {
			require.LessOrEqual(t, len(p.events), pieceSize)
			require.Equal(t, begun, p.at)
		}
		require.Equal(t, 333*time.Millisecond, e.ring[3].at.Sub(begun))
		require.True(t, b.budget.Idle())
		require.Equal(t, int64(6), b.recordsHandedOver())
	})
}

// A quarter of buffer_size goes in each quarter of a second, so a second brings no more
// than buffer_size.
func TestDirectBoundsAQuarter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 4000)
		q := b.open(0)
		for i := range 100 {
			b.add(t, q, "c", 100, i)
		}
		begun := time.Now()
		b.HandOver(e)
		sums := map[time.Duration]int{}
		for _, p := range e.ring {
			sums[p.at.Sub(begun)] += len(p.events)
		}
		require.Len(t, sums, 4)
		for quarter := range 4 {
			require.InDelta(t, 1000, sums[time.Duration(quarter)*(emptyEvery+sliceTime)], 110)
		}
	})
}

// A piece that the engine does not take is kept, counted, and appended first at the next
// call: nothing is lost, the order stays, and it is not safe before it was taken.
func TestFailedAppendIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 64<<20)
		q := b.open(0)
		b.add(t, q, "c1", 0, 1)
		e.fail, e.takes = 3, 300*time.Millisecond
		for range 3 {
			begun := time.Now()
			b.HandOver(e)
			require.Equal(t, e.takes, time.Since(begun), "it returns at once")
			b.add(t, q, "c2", 0, 2)
			_, quiet := b.quietSince()
			require.False(t, quiet)
			advance(time.Second - e.takes)
		}
		require.Empty(t, e.got())
		require.Equal(t, 3, e.failed())
		require.Equal(t, 1, len(b.piece.events)/len(testEvent(t, 1, 0)))
		begun := time.Now()
		b.HandOver(e)
		require.Equal(t, []int{1, 2, 2, 2}, e.got())
		taken := e.ring[0].at
		require.Equal(t, e.takes, taken.Sub(begun))
		for cursor, _ := q.Safe(); cursor == "start"; cursor, _ = q.Safe() {
			require.Less(t, time.Since(taken), 5*time.Second)
			e.call()
		}
		require.GreaterOrEqual(t, time.Since(taken), 2*time.Second)
		require.Less(t, time.Since(taken), 4*time.Second)
	})
}

// A piece that was not taken went out at the next call whatever had become of the leases: a
// second later, or when a full ring was emptied, when another member read the shard already.
// What is of a lease that has ended is cut out. While one has run out and may go on, the piece waits.
func TestFailedAppendOutlivedItsLease(t *testing.T) {
	for name, ends := range map[string]struct {
		ended []int
		got   []int
	}{
		"none":  {nil, []int{1, 2, 3, 4, 5, 6}},
		"first": {[]int{0}, []int{3, 4, 5, 6}},
		"last":  {[]int{2}, []int{1, 2, 3, 4}},
		"all":   {[]int{0, 1, 2}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, b := newEngine(t, 64<<20)
				var queues []*Queue
				for shard := range 3 {
					q := b.open(shard)
					b.add(t, q, "c", 0, 2*shard+1, 2*shard+2)
					queues = append(queues, q)
				}
				b.turn = 2 // the next call begins with the first
				e.fail = 1
				b.HandOver(e)
				require.Equal(t, int64(6), b.recordsHandedOver())
				b.renew(0)
				e.call()
				require.Empty(t, e.got(), "the leases may go on")
				b.renew(time.Minute)
				for _, shard := range ends.ended {
					queues[shard].Close()
				}
				e.call()
				require.Equal(t, ends.got, e.got())
				require.Equal(t, int64(len(ends.got)), b.recordsHandedOver())
				_, running := b.quietSince()
				require.True(t, running)
				b.add(t, b.open(3), "c", 0, 7)
				e.call()
				require.Equal(t, append(ends.got, 7), e.got())
			})
		})
	}
}

// News ends the stay before anything more is appended. Without news known, a pause is heard
// of when the thread is back.
func TestNewsEndsTheStay(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprint(known), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, b := newEngine(t, 64<<20)
				e.tells = known
				q := b.open(0)
				go func() {
					<-time.After(100 * time.Millisecond)
					e.pause()
					b.add(t, q, "c1", 0, 1)
				}()
				begun := time.Now()
				b.HandOver(e)
				if known {
					require.Equal(t, 100*time.Millisecond, time.Since(begun))
					require.Empty(t, e.got())
				} else {
					require.Equal(t, stay, time.Since(begun))
					require.Equal(t, []int{1}, e.got())
				}
				e.listen()
				begun = time.Now()
				b.HandOver(e)
				require.Zero(t, time.Since(begun), "paused")
			})
		})
	}
}

// A stay ends with the input, and hands over nothing during a barrier.
func TestStayEndsWithTheInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 64<<20)
		q := b.open(0)
		b.suspend()
		b.add(t, q, "c1", 0, 1)
		go func() {
			<-time.After(200 * time.Millisecond)
			b.proceed(false)
			<-time.After(200 * time.Millisecond)
			b.Close()
		}()
		begun := time.Now()
		b.HandOver(e)
		require.Equal(t, 400*time.Millisecond, time.Since(begun))
		require.Len(t, e.ring, 1)
		require.Equal(t, 200*time.Millisecond, e.ring[0].at.Sub(begun))
	})
}

// After a resume the ring is emptied first.
func TestNothingIsAppendedRightAfterAResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, b := newEngine(t, 64<<20)
		q := b.open(0)
		b.add(t, q, "c1", 0, 1)
		b.Pause()
		b.Resume()
		for range 2 {
			b.HandOver(e)
			require.Empty(t, e.ring)
			advance(afterResume / 2)
		}
		b.HandOver(e)
		require.Len(t, e.ring, 1)
	})
}

// The least handoff_delay covers a stay and an emptying: what was appended since the engine
// paused is not safe before the engine has emptied its ring.
func TestLeastDirectDelay(t *testing.T) {
	require.Equal(t, 950*time.Millisecond+250*time.Millisecond, LeastDirectDelay)
	synctest.Test(t, func(t *testing.T) {
		b := &bench{Queues: NewQueues(64<<20, LeastDirectDelay, false, NewBudget(1<<30, &buffer.Pool{}))}
		b.renew(time.Hour)
		b.Direct(metric.NewSet().Counter("failed", "").With())
		e := &engine{t: t, queues: b.Queues}
		q := b.open(0)
		e.call()
		e.pause() // right before a call: the news waits for the end of the stay
		b.add(t, q, "c1", 0, 1)
		begun := time.Now()
		b.HandOver(e)
		require.Equal(t, []int{1}, e.got())
		advance(time.Millisecond)
		cursor, _ := q.Safe()
		require.Equal(t, "start", cursor)
		e.listen()
		require.Equal(t, stay+time.Millisecond, time.Since(begun))
		advance(time.Hour)
		cursor, _ = q.Safe()
		require.Equal(t, "start", cursor)
	})
}

// The engine's mem_buf_limit is overrun by a quarter of buffer_size and a piece at most, also
// when data comes so that much is appended at the end of one quarter and the beginning of
// the next, and the engine empties its ring before and behind that.
func TestLimitIsOverrunByAQuarter(t *testing.T) {
	const quarter, size = 10 << 20, 500 << 10
	most := 0
	for comes := 200 * time.Millisecond; comes < 300*time.Millisecond; comes += 10 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			e, b := newEngine(t, 4*quarter)
			e.limit = 1
			q := b.open(0)
			go func() {
				<-time.After(comes)
				for range 60 {
					b.add(t, q, "c", size, 1)
				}
			}()
			go func() {
				<-time.After(comes - time.Millisecond)
				e.empty()
				<-time.After(emptyEvery)
				e.empty()
			}()
			for range 3 {
				e.call()
			}
			e.mu.Lock()
			defer e.mu.Unlock()
			require.True(t, e.paused)
			got := e.chunks
			for _, p := range e.ring {
				got += len(p.events)
			}
			most = max(most, got-e.limit)
		})
	}
	require.LessOrEqual(t, most, quarter+pieceSize)
	require.Greater(t, most, quarter/2, "the test comes near the bound")
}

// Whatever an engine does with pauses, limits, slow and failing appends, late news or none:
// what is safe has left the ring, all events arrive, and their order is kept.
func TestNothingIsSafeInTheRing(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			e, b := newEngine(t, 1<<20)
			e.tells = seed%2 == 0
			e.limit = []int{0, 200 << 10, 50 << 10}[seed%3]
			done := make(chan struct{})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				e.loop(done)
			}()
			go func() { // outputs that deliver now and then
				r := rand.New(rand.NewPCG(seed, 1))
				for {
					select {
					case <-time.After(time.Duration(r.IntN(3000)) * time.Millisecond):
						e.delivers()
					case <-done:
						return
					}
				}
			}()
			q := b.open(0)
			id := 0
			for range 60 {
				for range r.IntN(5) {
					id++
					b.add(t, q, fmt.Sprint(id), 10+r.IntN(30<<10), id)
				}
				e.mu.Lock()
				if r.IntN(8) == 0 {
					e.fail = r.IntN(3)
				}
				e.takes = time.Duration(r.IntN(30)) * time.Millisecond
				e.mu.Unlock()
				e.call()
				cursor, _ := q.Safe()
				var safe int
				_, _ = fmt.Sscan(cursor, &safe)
				e.mu.Lock()
				ring := slices.Clone(e.ring)
				e.mu.Unlock()
				for _, p := range ring {
					for _, waits := range ids(t, p.events) {
						require.Greater(t, waits, safe, "seed %d: in the ring, and safe", seed)
					}
				}
			}
			e.mu.Lock()
			e.fail, e.limit, e.takes, e.chunks = 0, 0, 0, 0
			e.mu.Unlock()
			e.delivers()
			for range 10 {
				e.call()
			}
			want := make([]int, 0, id)
			for i := range id {
				want = append(want, i+1)
			}
			require.Equal(t, want, e.got(), "seed %d", seed)
			cursor, complete := q.Safe()
			require.Equal(t, fmt.Sprint(id), cursor, "seed %d", seed)
			require.True(t, complete)
			close(done)
			<-ended
			synctest.Wait()
		})
	}
}
