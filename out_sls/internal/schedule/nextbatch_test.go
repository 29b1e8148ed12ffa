package schedule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/sls"
)

func withBatches(c *Config) { c.Batches = true }

// Destinations of a logstore share a request for what is too little for one of its own. A
// destination that has enough goes alone, and so does another logstore's.
func TestSmallGroupsShareARequest(t *testing.T) {
	atDesk(t, withBatches, func(t *testing.T, d *desk) {
		d.add("a", "first", 10)
		require.Equal(t, []string{"a/first"}, d.begin())
		for _, topic := range []string{"x", "y", "x", "z"} {
			d.add("a", topic, 10)
		}
		d.add("a", "large", worthARequest)
		d.add("b", "other", 10)
		require.Equal(t, []string{"a/large", "b/other"}, d.begin())
		d.end() // the first
		require.Equal(t, []string{"a/x/y/z"}, d.begin())
		batch := d.running[len(d.running)-1]
		require.Len(t, batch.Groups[0].Segments, 2, "one group of all that waits for a destination")
		for len(d.running) > 0 {
			d.end()
		}
	})
}

// What waits together for a batch begins when it is worth a request, or after a second.
func TestBatchesGather(t *testing.T) {
	atDesk(t, withBatches, func(t *testing.T, d *desk) {
		for _, until := range []func(){
			func() { d.end() },
			func() { d.add("a", "c", worthARequest-20) },
			func() { d.pass(gatherFor) },
			func() { _ = d.Stop(); d.end() },
		} {
			d.add("a", "", 10)
			require.Len(t, d.begin(), 1)
			d.add("a", "a", 10)
			d.add("a", "b", 10)
			require.Empty(t, d.begin())
			until()
			require.Len(t, d.begin(), 1)
			for len(d.running) > 0 {
				d.end()
			}
		}
	})
}

// The flushes that a batch has set free share the next one. It begins when as many segments
// wait, when they are worth a request, or after returnFor.
func TestFlushesThatABatchHasSetFreeShareTheNext(t *testing.T) {
	for name, c := range map[string]struct {
		then   func(*desk)
		begins []string
	}{
		"all are back":     {then: func(d *desk) { d.add("a", "y", 10); d.add("a", "z", 10) }, begins: []string{"a/x/y/z"}},
		"twice the same":   {then: func(d *desk) { d.add("a", "x", 10); d.add("a", "x", 10) }, begins: []string{"a/x"}},
		"much":             {then: func(d *desk) { d.add("a", "y", worthARequest-10) }, begins: []string{"a/x/y"}},
		"some are late":    {then: func(d *desk) { d.add("a", "y", 10); d.pass(returnFor) }, begins: []string{"a/x/y"}},
		"the output stops": {then: func(d *desk) { _ = d.Stop() }, begins: []string{"a/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, withBatches, func(t *testing.T, d *desk) {
				d.batch(3)
				d.answer(nil)
				d.add("a", "x", 10)
				require.Empty(t, d.begin())
				c.then(d)
				require.Equal(t, c.begins, d.begin())
				d.end()
			})
		})
	}
}

// Nothing waits for flushes that come back from a batch of one, from one that has failed, or
// long after.
func TestNobodyComesBack(t *testing.T) {
	unavailable := &sls.Error{Status: 500, Code: "InternalServerError"}
	for name, before := range map[string]func(*desk){
		"alone":     func(d *desk) { d.batch(1); d.answer(nil) },
		"failed":    func(d *desk) { d.batch(3); d.answer(unavailable) },
		"long past": func(d *desk) { d.batch(3); d.answer(nil); d.pass(returnFor) },
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, withBatches, func(t *testing.T, d *desk) {
				before(d)
				d.add("a", "x", 10)
				require.Equal(t, []string{"a/x"}, d.begin())
				d.end()
			})
		})
	}
}

// What is small waits for the large request of its own destination that is in flight: it
// does not go out alone because no batch is.
func TestSmallSegmentsGatherBehindTheirLargeRequest(t *testing.T) {
	atDesk(t, withBatches, func(t *testing.T, d *desk) {
		d.add("a", "x", worthARequest)
		require.Equal(t, []string{"a/x"}, d.begin())
		d.add("a", "x", 10)
		require.Empty(t, d.begin())
		d.add("a", "y", 10)
		require.Equal(t, []string{"a/y"}, d.begin(), "another destination does not")
		d.end() // the large one
		require.Empty(t, d.begin(), "a batch is in flight")
		d.end()
		require.Equal(t, []string{"a/x"}, d.begin())
		d.end()
	})
}

// Linger holds what waits for a batch since the oldest of it came.
func TestLingerOfABatch(t *testing.T) {
	atDesk(t, func(c *Config) { c.Batches, c.Linger = true, 3*time.Second }, func(t *testing.T, d *desk) {
		d.add("a", "x", 10)
		d.pass(2 * time.Second)
		d.add("a", "y", 10)
		d.pass(time.Second - 1)
		require.Empty(t, d.begin())
		d.pass(1)
		require.Equal(t, []string{"a/x/y"}, d.begin())
		d.add("a", "z", 10)
		d.pass(3 * time.Second)
		require.Equal(t, []string{"a/z"}, d.begin())
		d.end()
		d.end()
	})
}

// A batch has no more than maxBatchGroups groups and maxBatchBytes bytes, whatever else
// waits, and less with a smaller batch_bytes.
func TestBatchesAreBounded(t *testing.T) {
	for _, c := range []struct {
		size, batchBytes, groups int
	}{
		{10, 2 << 20, maxBatchGroups},
		{200 << 10, 2 << 20, 25},
		{200 << 10, 512 << 10, 6},
		{200 << 10, 5 << 20, 25},
	} {
		set := func(cfg *Config) { cfg.Batches, cfg.Concurrency, cfg.BatchBytes = true, 1, c.batchBytes }
		atDesk(t, set, func(t *testing.T, d *desk) {
			d.add("a", "first", 10)
			require.Len(t, d.begin(), 1)
			for i := range 2 * maxBatchGroups {
				d.add("a", fmt.Sprint(i), c.size)
			}
			for len(d.running) > 0 {
				d.end()
				for _, r := range d.begin() {
					require.LessOrEqual(t, strings.Count(r, "/"), c.groups)
				}
				if len(d.waiting) > c.groups {
					require.Len(t, d.running[0].Groups, c.groups)
				}
			}
			require.Empty(t, d.waiting)
		})
	}
}

// Topics, sources and tags count: SLS counts them, too.
func TestBatchesCountWhatIsNoLog(t *testing.T) {
	atDesk(t, func(c *Config) { c.Batches, c.Concurrency = true, 1 }, func(t *testing.T, d *desk) {
		d.add("a", "", 10)
		for i := range 100 {
			d.add("a", fmt.Sprint(i)+strings.Repeat("x", 1<<20), 10)
		}
		require.Len(t, d.begin(), 1)
		for len(d.running) > 0 {
			d.end()
			d.begin()
			if len(d.running) > 0 {
				require.LessOrEqual(t, len(d.running[0].Groups), 4)
			}
		}
	})
}

// Nothing is shared that has a hash key, or with group_batch off, or of a destination that
// may have one request in flight and has it.
func TestWhatDoesNotShareARequest(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"off":      func(*Config) {},
		"hash key": withBatches,
		"ordered":  func(c *Config) { c.Batches, c.Ordered = true, true },
	} {
		t.Run(name, func(t *testing.T) {
			atDesk(t, set, func(t *testing.T, d *desk) {
				d.hashKey = strings.Repeat("0", 32)
				if name != "hash key" {
					d.hashKey = ""
				}
				d.add("a", "x", 10)
				if name == "ordered" {
					require.Len(t, d.begin(), 1)
					d.add("a", "x", 10)
					d.add("a", "y", 10)
					d.pass(2 * gatherFor)
					require.Equal(t, []string{"a/y"}, d.begin(), "x has one in flight")
					d.end()
					d.end()
					require.Equal(t, []string{"a/x"}, d.begin())
					d.end()
					return
				}
				d.add("a", "y", 10)
				require.Equal(t, []string{"a/x", "a/y"}, d.begin())
				d.end()
				d.end()
			})
		})
	}
}

// batch begins a batch of that many destinations, beside which nothing is in flight.
func (d *desk) batch(n int) *Request {
	d.pass(returnFor) // nobody comes back from the batch before
	d.add("a", "first", 10)
	for i := range n {
		d.add("a", fmt.Sprint(i), 10)
	}
	d.begin()
	d.end()
	d.begin()
	require.Len(d.t, d.running, 1)
	require.Len(d.t, d.running[0].Groups, n)
	return d.running[0]
}

var errSplit = &sls.Error{Status: 400, Code: "PostBodyInvalid", Class: sls.ClassSplit}

// answer answers what is in flight, in order, and ends it.
func (d *desk) answer(errs ...error) (news []News) {
	d.t.Helper()
	for _, err := range errs {
		r := d.running[0]
		require.NoError(d.t, r.Begin(func() bool { return false }))
		news = append(news, r.Answered(time.Now(), len(r.Groups) > 1, err))
		switch {
		case err == nil:
			d.end()
		case len(r.Groups) > 1 && Refused(err):
			d.refuse()
		default:
			d.running = d.running[1:]
			for _, s := range r.Segments() {
				s.Settle()
			}
			r.Done()
		}
		d.begin()
	}
	return news
}

// A refused batch is taken apart: each of its destinations has a request of its own, and
// what comes later is batched again.
func TestRefusedBatchIsTakenApart(t *testing.T) {
	atDesk(t, withBatches, func(t *testing.T, d *desk) {
		d.batch(3)
		require.Empty(t, d.answer(nil)[0]) // SLS knows batches
		d.batch(3)
		d.answer(errSplit)
		require.Len(t, d.running, 3)
		for i, r := range d.running {
			require.Len(t, r.Groups, 1)
			require.Equal(t, fmt.Sprint(i), r.Groups[0].To.Topic)
		}
		for _, news := range d.answer(nil, nil, nil) {
			require.Empty(t, news)
		}
		d.batch(3)
		d.answer(nil)
	})
}

// What SLS has refused in a batch stays before what has come for its destination since.
func TestWhatIsTakenApartKeepsItsPlace(t *testing.T) {
	atDesk(t, func(c *Config) { c.Batches, c.Ordered = true, true }, func(t *testing.T, d *desk) {
		first := d.batch(2).Groups[0].Segments[0]
		second := d.add("a", first.To.Topic, 10)
		d.answer(errSplit)
		require.Equal(t, []*segment.Segment{first, second}, d.running[0].Segments())
		d.answer(nil, nil)
	})
}

// A server that refuses the first batch and takes each of its groups is sent none any more.
// It does not know them. If it refuses a group, too, that may be why.
func TestServerThatDoesNotKnowBatches(t *testing.T) {
	unavailable := &sls.Error{Status: 500, Code: "InternalServerError"}
	throttled := &sls.Error{Status: 403, Code: "WriteQuotaExceed", Class: sls.ClassThrottle}
	for _, c := range []struct {
		name   string
		before error // of a batch before
		groups []error
		off    bool
	}{
		{"all taken", errSplit, []error{nil, nil, nil}, true},
		{"first refused", errSplit, []error{errSplit, nil, nil}, false},
		{"last refused", errSplit, []error{nil, nil, errSplit}, false},
		{"one fails", errSplit, []error{nil, unavailable, nil}, false},
		{"one throttled", errSplit, []error{nil, throttled, nil}, false},
		{"a batch was taken", nil, []error{nil, nil, nil}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			atDesk(t, withBatches, func(t *testing.T, d *desk) {
				if c.before == nil {
					d.batch(2)
					d.answer(nil)
				}
				d.batch(3)
				d.answer(errSplit)
				require.Len(t, d.running, 3)
				told := 0
				for _, news := range d.answer(c.groups...) {
					if news.NoBatches {
						told++
					}
				}
				require.Equal(t, c.off, told == 1)
				require.LessOrEqual(t, told, 1)
				d.add("a", "x", 10)
				d.add("a", "y", 10)
				d.begin()
				alone := len(d.running) == 2 // none waits for the other
				require.Equal(t, c.off, alone)
				for len(d.running) > 0 {
					d.end()
					d.begin()
				}
			})
		})
	}
}

// Several batches that SLS refuses at first are one piece of news.
func TestServerThatDoesNotKnowBatchesIsToldOnce(t *testing.T) {
	atDesk(t, withBatches, func(t *testing.T, d *desk) {
		for i := range 4 {
			d.add("a", fmt.Sprint("a", i), worthARequest/2)
		}
		for i := range 4 {
			d.add("a", fmt.Sprint("b", i), worthARequest/2)
		}
		d.begin()
		told := 0
		for range 100 {
			if len(d.running) == 0 {
				break
			}
			var err error
			if len(d.running[0].Groups) > 1 {
				err = errSplit
			}
			if d.answer(err)[0].NoBatches {
				told++
			}
		}
		require.Equal(t, 1, told)
		require.Empty(t, d.waiting)
	})
}

// A permanent refusal is one, too: it is not told what of the batch it is for.
func TestWhichAnswersRefuse(t *testing.T) {
	for class := sls.ClassRetry; class <= sls.ClassConflict; class++ {
		want := class == sls.ClassSplit || class == sls.ClassPermanent
		require.Equal(t, want, Refused(&sls.Error{Class: class}), class)
	}
	require.False(t, Refused(nil))
	require.False(t, Refused(errors.New("of a network")))
}

// What nobody waits for leaves a batch that waits, and a batch that is taken apart.
func TestAbandonedGroupsAreNotSent(t *testing.T) {
	atDesk(t, withBatches, func(t *testing.T, d *desk) {
		d.batch(2)
		d.add("a", "waits", 10)
		d.flush.Abandon(func(memory.Holder) bool { return true })
		require.Zero(t, d.logstore("a").batch.queues.Len())
		require.Zero(t, d.logstore("a").batch.bytes)
		r := d.running[0]
		r.TakeApart()
		r.Done()
		require.Empty(t, d.begin())
	})
}

// The numbers of a batch that waits are those of its queues, whatever happens.
func (d *desk) requireNextBatches(t *testing.T) {
	t.Helper()
	for _, l := range d.logstores {
		bytes, queues := 0, 0
		for _, q := range l.queues {
			if q.inBatch != nil {
				queues++
				bytes += q.bytes
				require.False(t, q.waiting[0].Queued.Before(l.batch.since))
				require.Nil(t, q.inReady)
			}
		}
		require.Equal(t, bytes, l.batch.bytes)
		require.Equal(t, queues, l.batch.queues.Len())
	}
}
