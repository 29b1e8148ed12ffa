//go:build !race

// These tests measure, and run with make bench: with the race detector they take minutes.

package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/consumer"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// Large groups in virtual time, over the emulator's network in memory. What these tests
// log is in docs/tuning.md.

const (
	scaleProject  = "scale"
	scaleLogstore = "app"
)

// crowd is a consumer group.
type crowd struct {
	t       *testing.T
	srv     *slsfake.Server
	members []member
}

// member is a consumer with its way to the server.
type member struct {
	*consumer.Consumer
	line *line
}

// line is a network that may be cut.
type line struct {
	http.RoundTripper
	cut atomic.Bool
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.cut.Load() {
		return nil, errors.New("the line is cut")
	}
	return l.RoundTripper.RoundTrip(r)
}

func newCrowd(t *testing.T, shards int) *crowd {
	t.Helper()
	c := &crowd{t: t, srv: slsfake.New(slsfake.Config{})}
	t.Cleanup(c.srv.Close)
	c.srv.CreateLogstore(scaleProject, scaleLogstore, shards)
	c.srv.AddKey("key", "secret", "")
	return c
}

// join starts n members more, with the default options, spread over a heartbeat's time as
// the pods of a rollout are.
func (c *crowd) join(n int) {
	c.t.Helper()
	for range n {
		name := fmt.Sprintf("member-%03d", len(c.members))
		var cfg consumer.Config
		require.NoError(c.t, option.Parse(option.Map{
			"project": scaleProject, "logstore": scaleLogstore, "consumer": name,
		}, cfg.Options()))
		l := &line{RoundTripper: c.srv.Transport()}
		client, err := sls.New(sls.Config{
			Endpoint: "http://sls.test", Transport: l,
			Credentials: sdk.NewStaticCredentialsProvider("key", "secret", ""),
		})
		require.NoError(c.t, err)
		c.t.Cleanup(client.Close)
		m, err := consumer.New(cfg, client, slog.New(slog.NewTextHandler(io.Discard, nil)))
		require.NoError(c.t, err)
		m.Start()
		c.members = append(c.members, member{m, l})
		c.pass(20 * time.Second / time.Duration(n))
	}
}

// kill ends the first n members without a word of theirs.
func (c *crowd) kill(n int) {
	c.t.Helper()
	dead := c.members[:n]
	c.members = c.members[n:]
	for _, m := range dead {
		m.line.cut.Store(true)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, m := range dead {
		_ = m.Stop(ctx) // cut off: that it may have ended does not matter
	}
}

// stop ends all members.
func (c *crowd) stop() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, m := range c.members {
		require.NoError(c.t, m.Stop(ctx))
	}
}

func (c *crowd) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// until lets time pass until done, and returns how long that took.
func (c *crowd) until(what string, done func() bool) time.Duration {
	c.t.Helper()
	begin := time.Now()
	for !done() {
		require.Less(c.t, time.Since(begin), 10*time.Minute, what)
		c.pass(time.Second)
	}
	return time.Since(begin)
}

// balanced reports whether each of the members reads its even part.
func (c *crowd) balanced() bool {
	shards := len(c.srv.Shards(scaleProject, scaleLogstore))
	least, most := int64(shards/len(c.members)), int64((shards+len(c.members)-1)/len(c.members))
	for _, m := range c.members {
		if held := m.Stats().ShardsHeld; held < least || held > most {
			return false
		}
	}
	return true
}

// read is how many shards the members read.
func (c *crowd) read() (shards int) {
	for _, m := range c.members {
		shards += int(m.Stats().ShardsHeld)
	}
	return shards
}

// requests counts what the server has answered since the call, by second and member.
func (c *crowd) requests(over time.Duration) (all, pulls float64) {
	before := c.srv.Stats().Ops
	c.pass(over)
	for op, now := range c.srv.Stats().Ops {
		n := float64(now.Requests - before[op].Requests)
		all += n
		if op == slsfake.OpPullLogs {
			pulls = n
		}
	}
	per := over.Seconds() * float64(len(c.members))
	return all / per, pulls / per
}

// 64 members and 256 shards: 32 members more join and are given their shards, half of all
// die and the others read what they read, within a few heartbeats.
func TestScaleOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 256)
		c.join(64)
		t.Logf("64 members, 256 shards: balanced %v after the last has joined", c.until("64 members", c.balanced))
		all, pulls := c.requests(20 * time.Second)
		t.Logf("a member of 4 shards sends %.2f requests a second while idle, %.2f of them pulls", all, pulls)
		require.InDelta(t, 8, pulls, 2)

		joined := time.Now()
		c.join(32)
		c.until("32 more", c.balanced)
		took := time.Since(joined)
		t.Logf("32 members more: balanced %v after the first of them joined, within 20s", took)
		require.LessOrEqual(t, took, 100*time.Second)

		died := time.Now()
		c.kill(48)
		c.until("all shards are read", func() bool { return c.read() == 256 })
		took = time.Since(died)
		t.Logf("48 of 96 die: all shards are read again %v later, of which heartbeat_timeout is 60s", took)
		require.LessOrEqual(t, took, 110*time.Second)
		c.until("48 members", c.balanced)
		c.stop()
	})
}

// One member that reads 500 shards on which nothing happens.
func TestScaleOfAMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		c := newCrowd(t, 500)
		goroutines, before := runtime.NumGoroutine(), heap()
		c.join(1)
		c.until("500 shards", c.balanced)
		all, pulls := c.requests(20 * time.Second)
		synctest.Wait()
		t.Logf("500 shards: %d goroutines, %.1f MB of heap (with the emulator's), %.0f requests a second, %.0f of them pulls",
			runtime.NumGoroutine()-goroutines, float64(heap()-before)/1e6, all, pulls)
		require.InDelta(t, 1000, pulls, 200, "two a second and shard")
		c.stop()
	})
}
