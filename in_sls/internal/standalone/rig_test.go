package standalone

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/lease"
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

	handoffDelay = 2 * time.Second
)

// rig is a logstore of the emulator, and what makes leases of its shards.
type rig struct {
	*lease.Maker
	srv     *slsfake.Server
	log     *lines
	reading context.Context
	stop    context.CancelFunc
	ended   atomic.Bool // Run has returned
	got     string      // the logs handed over, in order: each is one letter
}

// lines is a log.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// count is how many lines contain a text.
func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text.Bytes(), []byte(text))
}

func newRig(t *testing.T, shards int) *rig {
	t.Helper()
	r := &rig{srv: slsfake.New(slsfake.Config{}), log: &lines{}}
	t.Cleanup(r.srv.Close)
	r.srv.CreateLogstore(project, logstore, shards)
	r.srv.AddKey("id", "secret", "")
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.test", Credentials: sdk.NewStaticCredentialsProvider("id", "secret", ""), Transport: r.srv.Transport(),
	})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	logs := client.Logstore(project, logstore)
	log := slog.New(slog.NewTextHandler(r.log, nil))
	guard := panics.New(log, nil)
	budget := handover.NewBudget(64<<20, &buffer.Pool{})
	queues := handover.NewQueues(1<<20, handoffDelay, false, budget)
	r.Maker = &lease.Maker{
		Config: lease.Config{CheckpointInterval: time.Second, HandoffDelay: handoffDelay},
		Queues: queues, Metrics: metrics.New(queues.Views), Panics: guard, Log: log,
		Source: &shard.Source{
			Logs: logs, Shards: shard.NewCached(logs.ListShards), Budget: budget, Slots: make(shard.Slots, 4), Panics: guard,
			Config: shard.Config{MaxGroups: 100, Interval: 200 * time.Millisecond, Codec: sls.LZ4},
		},
	}
	r.reading, r.stop = context.WithCancel(t.Context())
	return r
}

// source is what is tested.
type source interface {
	Run(hard, reading context.Context)
}

// run reads until the end of the test.
func (r *rig) run(t *testing.T, reads source) {
	t.Helper()
	var running sync.WaitGroup
	running.Go(func() {
		reads.Run(t.Context(), r.reading)
		r.ended.Store(true)
	})
	t.Cleanup(func() {
		r.stop()
		running.Wait()
		require.Empty(t, r.held())
		require.True(t, r.Source.Budget.Idle(), "the whole budget is free again")
	})
}

// put writes a log group for each letter, with one log, to a shard.
func (r *rig) put(t *testing.T, shard int, letters string) {
	t.Helper()
	for _, letter := range letters {
		data := "\x0a\x0a\x08\x01\x12\x06\x0a\x01k\x12\x01" + string(letter)
		_, _, err := r.srv.Append(project, logstore, r.srv.Shards(project, logstore)[shard].BeginKey, []byte(data))
		require.NoError(t, err)
	}
}

func (r *rig) split(t *testing.T, shard int) {
	t.Helper()
	require.NoError(t, r.srv.SplitShard(project, logstore, shard, ""))
}

// collect hands over what is queued, and returns it.
func (r *rig) collect() (letters string) {
	events := r.Queues.Collect(nil)
	r.Queues.Copied()
	for rest := events; ; {
		_, value, found := bytes.Cut(rest, []byte("\xa1k\xa1"))
		if !found {
			r.got += letters
			return letters
		}
		letters += string(value[:1])
		rest = value
	}
}

// held are the shards that are read now.
func (r *rig) held() (shards []string) {
	r.Metrics.Set.Each(func(f *metric.Family, s *metric.Sample) {
		if f.Name == "shards_held" && s.Value > 0 {
			shards = append(shards, s.Labels[1])
		}
	})
	slices.Sort(shards)
	return shards
}

// advance lets time pass, and everything happen that is due.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
