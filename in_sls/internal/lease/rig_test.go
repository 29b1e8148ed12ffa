package lease

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/metrics"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/panics"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

const (
	project, logstore = "demo", "app"

	handoffDelay       = 2 * time.Second
	checkpointInterval = 5 * time.Second
)

// oneLog is a LogGroup of one log with one content.
const oneLog = "\x0a\x0a\x08\x01\x12\x06\x0a\x01k\x12\x01v"

// rig has a lease of shard 0, and a fake of everything that a lease is given.
type rig struct {
	*Maker
	srv    *slsfake.Server
	clock  Clock
	stored *fakeCheckpoints
	owner  *fakeOwner

	readOnly    bool // the lease begins with a read-only shard
	reading     context.Context
	stopReading context.CancelFunc
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{srv: slsfake.New(slsfake.Config{}), stored: &fakeCheckpoints{}, owner: &fakeOwner{}}
	t.Cleanup(r.srv.Close)
	r.srv.CreateLogstore(project, logstore, 1)
	r.srv.AddKey("id", "secret", "")
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.test", Credentials: sdk.NewStaticCredentialsProvider("id", "secret", ""), Transport: r.srv.Transport(),
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	logs := client.Logstore(project, logstore)
	log := slog.New(slog.DiscardHandler)
	guard := panics.New(log, nil)
	budget := handover.NewBudget(64<<20, &buffer.Pool{})
	queues := handover.NewQueues(1<<20, handoffDelay, false, budget)
	r.Maker = &Maker{
		Config: Config{CheckpointInterval: checkpointInterval, HandoffDelay: handoffDelay},
		Queues: queues, Metrics: metrics.New(queues.Views), Panics: guard, Log: log,
		Source: &shard.Source{
			Logs: logs, Shards: shard.NewCached(logs.ListShards), Budget: budget, Slots: make(shard.Slots, 4), Panics: guard,
			Config: shard.Config{MaxGroups: 100, Interval: 200 * time.Millisecond, Codec: sls.LZ4},
		},
	}
	r.clock.Renew(time.Now(), 24*time.Hour)
	r.reading, r.stopReading = context.WithCancel(t.Context())
	t.Cleanup(r.stopReading)
	return r
}

// begin runs a new lease from the beginning of the shard until the end of the test.
func (r *rig) begin(t *testing.T) *Lease {
	t.Helper()
	return r.beginAt(t, shard.StartAt{Logs: r.Source.Logs, Position: shard.Begin(), ReadOnly: r.readOnly})
}

func (r *rig) beginAt(t *testing.T, start shard.Start) *Lease {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := r.New(Grant{Clock: &r.clock, Start: start, Checkpoints: r.stored, Owner: r.owner, Cancel: cancel})
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx, r.reading) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		require.True(t, r.Source.Budget.Idle(), "the whole budget is free again")
	})
	return l
}

// beginWith is begin with log groups in the shard, which are handed over in the first second.
func (r *rig) beginWith(t *testing.T, groups int) *Lease {
	t.Helper()
	r.put(t, groups)
	l := r.begin(t)
	advance(time.Second)
	require.Equal(t, groups, r.collect())
	return l
}

// put writes log groups of one log each.
func (r *rig) put(t *testing.T, groups int) {
	t.Helper()
	for range groups {
		_, _, err := r.srv.Append(project, logstore, "", []byte(oneLog))
		require.NoError(t, err)
	}
}

// cursor is the cursor behind the first groups of the shard.
func (r *rig) cursor(groups int) string {
	return slsfake.EncodeCursor(r.srv.Shards(project, logstore)[0].Begin + int64(groups))
}

// collect hands over what is queued, and returns how many logs that were.
func (r *rig) collect() int {
	events := r.Queues.Collect(nil)
	r.Queues.Copied()
	return bytes.Count(events, []byte("\xa1k\xa1v"))
}

// fakeCheckpoints keeps what a lease stores. off and foreign are set before the lease begins.
type fakeCheckpoints struct {
	off     bool // checkpoint off: only an end is stored
	foreign int  // checkpoints of others that each look finds

	mu        sync.Mutex // guards the fields below
	err       error      // of a write
	hangs     bool       // a write lasts as long as its context
	lookHangs bool       // a look does
	opened    []string
	tried     []time.Time
	written   []string
	looks     int
}

func (c *fakeCheckpoints) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

func (c *fakeCheckpoints) Opened(cursor string) {
	c.set(func() { c.opened = append(c.opened, cursor) })
}

func (c *fakeCheckpoints) Has(cursor string, end bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.written)
	return n > 0 && c.written[n-1] == cursor || c.off && !end
}

func (c *fakeCheckpoints) Write(ctx context.Context, cursor string) error {
	var hangs bool
	c.set(func() { hangs, c.tried = c.hangs, append(c.tried, time.Now()) })
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.written = append(c.written, cursor)
	}
	return c.err
}

func (c *fakeCheckpoints) Watch(ctx context.Context) int {
	var hangs bool
	c.set(func() { hangs, c.looks = c.lookHangs, c.looks+1 })
	if hangs {
		<-ctx.Done()
	}
	return c.foreign
}

// has returns the cursors written and how many writes there were.
func (c *fakeCheckpoints) has() (written []string, tries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written, len(c.tried)
}

// fakeOwner takes note of what a lease reports.
type fakeOwner struct {
	over bool // Complete ends the lease

	mu       sync.Mutex // guards the fields below
	complete int
	ends     []Outcome
	endedAt  time.Time
}

func (o *fakeOwner) Complete(*Lease) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.complete++
	return o.over
}

func (o *fakeOwner) Ended(_ *Lease, how Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ends, o.endedAt = append(o.ends, how), time.Now()
}

// completed is how often the shard was said to be complete.
func (o *fakeOwner) completed() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.complete
}

// requireEnd asserts that the lease has ended once, in that way, and so long after a time.
func (r *rig) requireEnd(t *testing.T, how Outcome, since time.Time, after time.Duration) {
	t.Helper()
	r.owner.mu.Lock()
	defer r.owner.mu.Unlock()
	require.Equal(t, []Outcome{how}, r.owner.ends)
	require.InDelta(t, after.Seconds(), r.owner.endedAt.Sub(since).Seconds(), 0.3)
}

func (r *rig) requireHeld(t *testing.T) {
	t.Helper()
	r.owner.mu.Lock()
	defer r.owner.mu.Unlock()
	require.Empty(t, r.owner.ends, "the lease goes on")
}

func (r *rig) requireWritten(t *testing.T, cursors ...string) {
	t.Helper()
	written, _ := r.stored.has()
	require.Equal(t, cursors, written)
}

// advance lets time pass, and everything happen that is due.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// inBubble runs a test in virtual time with a new rig.
func inBubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		test(t, newRig(t))
	})
}

// count is the value of a metric of the shard.
func (r *rig) count(name string) (value float64) {
	r.Metrics.Set.Each(func(f *metric.Family, s *metric.Sample) {
		if f.Name == name {
			value += s.Value
		}
	})
	return value
}
