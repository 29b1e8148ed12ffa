package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fluent-bit-sls/tests/flbhost"
)

// How incarnations end.
const (
	endKill   = "kill"
	endExit   = "exit"
	endReload = "reload"
	endCrash  = "crash" // by itself: a failure
)

// host is one process of a lane.
type host struct {
	*lane
	*flbhost.Host
	workers int
	so      string
	plugin  flbhost.Plugin
	ending  atomic.Bool  // a flush without an answer is what was to be expected
	outage  bool         // this life ends while SLS does not answer
	flushes atomic.Int32 // without an answer yet

	mu   sync.Mutex // guards tail
	tail []string   // of the log
}

// log looks at each line that a host logs or prints.
func (h *host) log(line string) {
	h.mu.Lock()
	h.tail = append(h.tail[max(0, len(h.tail)-20):], line)
	h.mu.Unlock()
	who := fmt.Sprintf("output lane %d", h.number)
	h.watch.host(who, line)
	if h.so != h.panicSo || !h.faults.expected(line) {
		alarm(h.failures, who, line)
	}
}

// alarm reports a line that no host may print.
func alarm(f *failures, who, line string) {
	for _, words := range []string{"DATA RACE", "panic", "fatal error", "caught signal"} {
		if strings.Contains(line, words) {
			f.addf("%s logs: %s", who, line)
		}
	}
}

func (h *host) lastLines() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.tail, "\n")
}

// incarnate is the life of one set of instances, one for each feed: from their
// init until the host is killed, shut down or reloaded. It returns which.
func (h *host) incarnate(ctx, limit context.Context) (how string, err error) {
	number := h.ledger.born(h.number)
	h.outage = !h.drain && h.random.IntN(6) == 0
	instances := make([]*flbhost.Instance, len(h.feeds))
	for i, f := range h.feeds {
		props := h.props(f, number)
		if props["ordered"] == "on" && props["hash_key"] != "" && !f.named { // of one logstore
			h.checker.promises(number, f.number)
		}
		if instances[i], err = h.Init(h.plugin, props); err != nil {
			return "", fmt.Errorf("%w, log:\n%s", err, h.lastLines())
		}
	}
	h.ending.Store(false)
	stop, idle := make(chan struct{}), make(chan struct{})
	var flushers sync.WaitGroup
	for i, f := range h.feeds {
		for range h.flushers() {
			flushers.Go(func() { h.flush(ctx, f, instances[i], stop) })
		}
	}
	go func() {
		flushers.Wait()
		close(idle)
	}()
	how = h.await(limit, idle)
	h.ending.Store(true)
	h.ledger.dies(number, how)
	if how == endKill {
		_ = h.Kill()
	}
	close(stop)
	begin, queued := time.Now(), int(h.flushes.Load())
	err = h.end(ctx, how)
	if h.outage {
		h.endedSilently(how, time.Since(begin), queued)
	}
	<-idle
	h.ledger.dead(number)
	h.lane.mu.Lock()
	defer h.lane.mu.Unlock()
	h.ended[how]++
	return how, err
}

// await waits for the end of an incarnation, and says how it is to be.
func (h *host) await(limit context.Context, idle <-chan struct{}) string {
	var over <-chan time.Time
	how := endExit
	if !h.drain {
		timer := time.NewTimer(time.Duration((0.2 + 1.8*h.random.Float64()) * float64(min(3*time.Second, h.time/5))))
		defer timer.Stop()
		over = timer.C
		how = []string{endKill, endKill, endKill, endExit, endReload, endReload}[h.random.IntN(6)]
	}
	if h.outage {
		how = []string{endExit, endReload}[h.random.IntN(2)]
	}
	select {
	case <-over:
	case <-limit.Done():
	case <-idle:
		if !h.drain { // nobody flushes any more: the host is gone, or does not answer
			return endCrash
		}
	case <-h.Exited():
		return endCrash
	}
	if h.outage {
		h.fallSilent(limit)
	}
	return how
}

// end ends an incarnation in good order, with whatever flushes are in flight, and
// finds out how a host that is gone has ended.
func (h *host) end(ctx context.Context, how string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exitLimit)
	defer cancel()
	var err error
	switch how {
	case endReload:
		err = h.Reload(ctx)
	case endKill:
		if err = h.Exit(ctx); killed(err) {
			err = nil
		}
	case endExit:
		err = h.Exit(ctx)
	default:
		err = errors.Join(errors.New("the host has ended by itself"), h.Exit(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s: %w, log:\n%s", how, err, h.lastLines())
	}
	return nil
}

// killed tells whether a host ended by our SIGKILL: it may have crashed just
// before.
func killed(err error) bool {
	var end *flbhost.ExitError
	if !errors.As(err, &end) || end.State == nil {
		return false
	}
	status, ok := end.State.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// flush hands chunks of a feed to its instance, as one of the engine's workers,
// until stop is closed, the host ends or no chunk is left.
func (h *host) flush(ctx context.Context, f *feed, to flbhost.Flusher, stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	idle := time.NewTicker(5 * time.Millisecond)
	defer idle.Stop()
	for {
		select {
		case <-stop:
			return
		default:
		}
		c, done := f.take()
		switch {
		case done:
			return
		case c == nil:
			select {
			case <-idle.C:
			case <-stop:
			}
		case !h.flushOne(ctx, c, to):
			return
		}
	}
}

// flushOne hands one chunk over and does with it what the engine does. It is
// false when the instance does not answer any more.
func (h *host) flushOne(ctx context.Context, c *chunk, to flbhost.Flusher) bool {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	h.flushes.Add(1)
	result, err := to.Flush(ctx, c.tag, c.data)
	h.flushes.Add(-1)
	switch {
	case err != nil:
		c.feed.giveBack(c, false)
		h.tally("unanswered")
		if ctx.Err() != nil {
			h.failures.addf("lane %d: a flush has not returned after %s", h.number, flushLimit)
		} else if !h.ending.Load() && !h.gone() {
			h.failures.addf("lane %d: %v", h.number, err)
		}
		return false
	case result == flbhost.OK:
		h.checker.acked(c)
		c.feed.settle(c)
	case result == flbhost.Retry:
		c.feed.giveBack(c, true)
	default: // the engine drops the chunk, and no fault here is for good
		h.failures.addf("lane %d: chunk %d of feed %d was answered with %v, log:\n%s",
			h.number, c.number, c.feed.number, result, h.lastLines())
		c.feed.settle(c)
	}
	h.tally(result.String())
	return true
}

// gone tells whether the process has ended.
func (h *host) gone() bool {
	select {
	case <-h.Exited():
		return true
	default:
		return false
	}
}

// props are the properties of the output section for one feed. What has no part
// in it is drawn anew for each incarnation: no guarantee may hang on it.
func (h *host) props(f *feed, incarnation int) map[string]string {
	r := h.random
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	p := map[string]string{
		"endpoint": h.endpoint, "project": project, "logstore": f.logstore,
		"access_key_id": h.key.id, "access_key_secret": h.key.secret, "startup_check": "off",
		"source": strconv.Itoa(incarnation), // tells the ledger who wrote
		"topic":  pick(f.logstore, "$TAG[4]|none"), "tags": "env=campaign,tag=$TAG",
		"hash_key": pick("", "$TAG", "$id|none", "$id|none"), "hash_buckets": pick("1", "8", "64"),
		"linger": pick("0s", "0s", "50ms"), "ordered": pick("off", "on"),
		"request_timeout": requestTimeout.String(),
		"compress":        pick("lz4", "lz4", "zstd", "none"),
		"batch_bytes":     pick("64k", "256k", "1M", "3M"),
		"batch_count":     pick("50", "500", "4096", "40960"),
		"concurrency":     pick("1", "2", "4", "16"),
		"memory_limit":    pick("8M", "16M", "100M"),
		"flush_timeout":   pick("1s", "2s", "4s"),
	}
	if h.outage {
		p["flush_timeout"] = outageTimeout.String()
	}
	if f.named {
		h.name(p, f)
	}
	if h.key.token != "" {
		p["security_token"] = h.key.token
	}
	if r.IntN(2) == 0 {
		p["sign_version"], p["region"] = "v4", "cn-hangzhou"
	}
	return p
}
