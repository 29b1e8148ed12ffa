package handover

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/metric"
)

// One report proves nothing, and neither does time that only our clock saw pass.
func TestDeliveryProof(t *testing.T) {
	type report struct {
		uptime, records int64
		chunks          int
	}
	for name, c := range map[string]struct {
		reports []report
		at      int // index of the report that proves it, -1 for none
	}{
		"the usual: chunks, then none": {
			[]report{{10, 5, 0}, {11, 5, 0}, {12, 5, 1}, {13, 5, 0}}, 3,
		},
		"none all the time: a count must have been made, and shown": {
			[]report{{10, 5, 0}, {11, 5, 0}, {16, 5, 0}, {17, 5, 0}, {18, 5, 0}, {19, 5, 0}}, 4,
		},
		"the same report again is no other": {
			[]report{{10, 5, 0}, {11, 5, 0}, {18, 5, 0}, {18, 5, 0}, {18, 5, 0}}, -1,
		},
		"a loop that was held up shows an old count at first": {
			[]report{{10, 5, 0}, {11, 5, 0}, {60, 5, 0}, {61, 5, 1}, {62, 5, 1}}, -1,
		},
		"still in the ring": {
			[]report{{10, 4, 0}, {11, 4, 1}, {12, 4, 0}}, -1,
		},
		"a processor dropped some: the loop has run": {
			[]report{{10, 4, 1}, {11, 4, 1}, {12, 4, 1}, {13, 4, 1}, {14, 4, 0}}, 4,
		},
		"two looks do not show that the ring has been emptied": {
			[]report{{10, 4, 0}, {11, 4, 0}, {12, 4, 1}, {13, 4, 0}}, -1,
		},
		"an engine that began anew is another one": {
			[]report{{10, 5, 0}, {11, 5, 1}, {2, 0, 0}, {3, 0, 0}, {4, 0, 0}}, -1,
		},
	} {
		s, at := deliveryProof{handedOver: 5}, -1
		for i, r := range c.reports {
			if s.take(Report{Uptime: r.uptime, Records: r.records, Chunks: r.chunks}) {
				at = i
				break
			}
		}
		require.Equal(t, c.at, at, name)
	}
}

// An engine without any chunk needs one report, which was made after what was handed over
// has left the ring.
func TestNoChunkAtAllIsProof(t *testing.T) {
	for name, c := range map[string]struct {
		reports []Report
		at      int
	}{
		"the next report":             {[]Report{{10, 5, 0, true}, {11, 5, 0, true}}, 1},
		"not the same again":          {[]Report{{10, 5, 0, true}, {10, 5, 0, true}}, -1},
		"still in the ring":           {[]Report{{10, 4, 0, true}, {11, 4, 0, true}, {12, 5, 0, true}}, 2},
		"processors dropped some":     {[]Report{{10, 0, 0, true}, {11, 0, 0, true}, {12, 0, 0, true}, {13, 0, 0, true}}, 3},
		"a loop that was held up":     {[]Report{{10, 5, 0, true}, {13, 5, 0, true}, {14, 5, 0, true}}, 2},
		"an emitter has one":          {[]Report{{10, 5, 0, false}, {11, 5, 0, false}, {12, 5, 0, true}}, 2},
		"another input has one":       {[]Report{{10, 5, 0, false}, {11, 5, 0, false}, {16, 5, 0, false}, {17, 5, 0, false}, {18, 5, 0, false}}, 4},
		"delivered, the count is old": {[]Report{{10, 5, 3, false}, {11, 5, 3, false}, {12, 5, 3, true}}, 2},
	} {
		s, at := deliveryProof{handedOver: 5}, -1
		for i, r := range c.reports {
			if s.take(r) {
				at = i
				break
			}
		}
		require.Equal(t, c.at, at, name)
	}
}

// slowOutput delivers what was handed over some seconds after it is first asked.
type slowOutput struct {
	began, asked time.Time
	takes        time.Duration
}

func (o *slowOutput) Report(context.Context) (Report, error) {
	now := time.Now()
	if o.asked.IsZero() {
		o.asked = now
	}
	r := Report{Uptime: int64(now.Sub(o.began).Seconds()), Records: 1 << 40, Chunks: 1}
	if now.Sub(o.asked) >= o.takes {
		r.Chunks, r.Empty = 0, true
		o.asked = time.Time{}
	}
	return r, nil
}

// Shards that end one after the other ask for barriers. Half of the time is for the others.
func TestBarriersThatAreAskedForLeaveHalfOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{Queues: NewQueues(1<<20, 0, true, NewBudget(1<<30, &buffer.Pool{}))}
		b.renew(time.Hour)
		q := b.open(0)
		barrier := NewBarrier(b.Queues, &slowOutput{began: time.Now(), takes: 4 * time.Second}, time.Minute, 0, metric.Histogram{}, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { barrier.Run(ctx) })
		open, barriers := 0, 0
		for i := range 1000 {
			b.add(t, q, "c", 0, i)
			if got, _ := b.take(t); len(got) > 0 {
				if open++; len(got) > 10 {
					barriers++
				}
			}
			barrier.Hasten()
			<-time.After(100 * time.Millisecond)
		}
		cancel()
		running.Wait()
		require.Greater(t, open, 450)
		require.Greater(t, barriers, 8)
	})
}
