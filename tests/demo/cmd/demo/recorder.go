package main

import (
	"context"
	"sync"
	"time"

	"fluent-bit-sls/tests/demo/report"
	"fluent-bit-sls/tests/slsfake"
)

// recorder keeps when what happened.
type recorder struct {
	began time.Time
	lines int           // of the file
	all   chan struct{} // closed when as many lines came back

	mu           sync.Mutex // guards what follows
	stored, back []report.Arrival
	nStored      int
	nBack        int
	last         time.Time // when the last line came back
	put          report.Call
	pull         report.Call // that brought logs
	idle         report.Call // pulls that brought none
}

func newRecorder(lines int) *recorder {
	r := &recorder{
		began: time.Now(), lines: lines, all: make(chan struct{}),
		put: report.Call{Name: "PutLogs"}, pull: report.Call{Name: "PullLogs with data"},
		idle: report.Call{Name: "PullLogs at the end"},
	}
	if lines == 0 {
		close(r.all)
	}
	return r
}

func (r *recorder) since() time.Duration { return time.Since(r.began) }

// request takes a request that is over.
func (r *recorder) request(d slsfake.Done) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var c *report.Call
	switch {
	case d.Op == slsfake.OpPutLogs:
		c = &r.put
		c.Wire += int64(d.WireIn)
	case d.Op == slsfake.OpPullLogs && d.Raw > 0:
		c = &r.pull
		c.Wire += int64(d.WireOut)
	case d.Op == slsfake.OpPullLogs:
		c = &r.idle
	default:
		return
	}
	c.Raw += int64(d.Raw)
	c.Took = append(c.Took, d.Took)
	if d.Status != 200 {
		c.Refused++
	}
	if d.Logs > 0 {
		r.nStored += d.Logs
		r.stored = append(r.stored, report.Arrival{At: d.Begin.Add(d.Took).Sub(r.began), Lines: d.Logs})
	}
}

// read takes the number of lines that came back together.
func (r *recorder) read(lines int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.nBack
	r.nBack += lines
	r.last = time.Now()
	r.back = append(r.back, report.Arrival{At: r.last.Sub(r.began), Lines: lines})
	if before < r.lines && r.nBack >= r.lines {
		close(r.all)
	}
}

// wait blocks until every line came back, or done says that no more will.
func (r *recorder) wait(ctx context.Context, sls *slsfake.Server, done func() bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- sls.Wait(ctx, done) }()
	select {
	case <-r.all:
		cancel()
		<-ended
		return nil
	case err := <-ended:
		return err
	}
}

// counts returns how many lines were stored and read back so far.
func (r *recorder) counts() (stored, back int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nStored, r.nBack
}

// lastRead is when the last line came back; now, if none did.
func (r *recorder) lastRead() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.IsZero() {
		return time.Now()
	}
	return r.last
}
