package output

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/output/judge"
	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/output/store"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/flbhost"
)

// host is one process of an agent.
type host struct {
	*agent
	*flbhost.Host
	*process.Log
	workers int
	so      string
	plugin  flbhost.Plugin
	ending  atomic.Bool  // flushes without an answer are expected
	outage  bool         // this incarnation ends while SLS does not answer
	flushes atomic.Int32 // without an answer yet
}

// incarnate is the life of one set of instances, one for each feed: from their
// init until the host is killed, shut down or reloaded. It returns which.
func (h *host) incarnate(ctx, limit context.Context) (how string, err error) {
	number := h.history.Born(h.number)
	h.key = h.keys.add(h.server, h.baseKey, number)
	defer h.keys.retire(h.key)
	h.outage = !h.drain && h.random.IntN(6) == 0
	instances := make([]*flbhost.Instance, len(h.feeds))
	for i, f := range h.feeds {
		props := h.props(f)
		if props["ordered"] == "on" && props["hash_key"] != "" && !f.Named && !f.Twins { // of one logstore
			h.judge.Promises(number, f.Number)
		}
		if instances[i], err = h.Init(h.plugin, props); err != nil {
			return "", fmt.Errorf("%w, log:\n%s", err, h.LastLines())
		}
	}
	for _, f := range h.feeds {
		f.Restart()
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
	h.history.Dies(number, how)
	if how == process.EndKill {
		_ = h.Kill()
	}
	close(stop)
	begin, queued := time.Now(), int(h.flushes.Load())
	err = h.end(ctx, how)
	if h.outage {
		h.endOutage(how, time.Since(begin), queued)
	}
	<-idle
	h.history.Dead(number)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[how]++
	return how, err
}

// await waits until an incarnation is to end, and says how.
func (h *host) await(limit context.Context, idle <-chan struct{}) string {
	var over <-chan time.Time
	how := process.EndExit
	if !h.drain {
		timer := time.NewTimer(time.Duration((0.2 + 1.8*h.random.Float64()) * float64(min(3*time.Second, h.Time/5))))
		defer timer.Stop()
		over = timer.C
		how = []string{process.EndKill, process.EndKill, process.EndKill, process.EndExit, process.EndReload, process.EndReload}[h.random.IntN(6)]
	}
	if h.outage {
		how = []string{process.EndExit, process.EndReload}[h.random.IntN(2)]
	}
	caught := h.snare(&how)
	defer h.injector.TakeUp(h.key.ID)
	select {
	case <-caught:
		if h.caught {
			h.double++
		}
		h.caught = true
		return process.EndKill
	case <-over:
	case <-limit.Done():
	case <-idle:
		if !h.drain { // nobody flushes any more: the host is gone, or does not answer
			return process.EndCrash
		}
	case <-h.Exited():
		return process.EndCrash
	}
	if h.outage {
		h.beginOutage(limit)
	}
	return how
}

// snare makes the incarnation end by a kill at a moment of a request, if it is to. After one
// that ended so the next does as a rule, at one of its first.
func (h *host) snare(how *string) <-chan struct{} {
	if h.memory == judge.Forgets || h.drain || h.outage {
		return nil
	}
	left := h.random.IntN(12)
	if h.caught && h.random.IntN(2) == 0 {
		*how, left = process.EndKill, h.random.IntN(3)
	} else if h.caught = false; *how != process.EndKill || h.random.IntN(3) == 0 {
		return nil
	}
	return h.injector.Lay(h.key.ID, faults.Moment(h.random.IntN(int(faults.Moments))), left).Caught()
}

// end ends an incarnation in good order, with whatever flushes are in flight, and
// finds out how a host that is gone has ended.
func (h *host) end(ctx context.Context, how string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), process.ExitLimit)
	defer cancel()
	var err error
	switch how {
	case process.EndReload:
		err = h.Reload(ctx)
	case process.EndKill:
		if err = h.Exit(ctx); process.Killed(err) {
			err = nil
		}
	case process.EndExit:
		err = h.Exit(ctx)
	default:
		err = errors.Join(errors.New("the host has ended by itself"), h.Exit(ctx))
	}
	if err != nil {
		return fmt.Errorf("%s: %w, log:\n%s", how, err, h.LastLines())
	}
	return nil
}

// flush hands chunks of a feed to its instance, as one of the engine's workers,
// until stop is closed, the host ends or no chunk is left.
func (h *host) flush(ctx context.Context, f *store.Feed, to *flbhost.Instance, stop <-chan struct{}) {
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
		c, done := f.Take()
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
func (h *host) flushOne(ctx context.Context, c *store.Chunk, to *flbhost.Instance) bool {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	h.flushes.Add(1)
	result, err := hand(ctx, c, to)
	h.flushes.Add(-1)
	switch {
	case err != nil:
		c.Feed.GiveBack(c, false)
		h.tally("unanswered")
		if ctx.Err() != nil {
			h.failures.Addf("agent %d: a flush has not returned after %s", h.number, flushLimit)
		} else if !h.ending.Load() && !h.gone() {
			h.failures.Addf("agent %d: %v", h.number, err)
		}
		return false
	case result == flbhost.OK && h.injector.Ack(h.key.ID):
		h.judge.Acked(c)
		c.Feed.Undeleted(c)
	case result == flbhost.OK:
		h.judge.Acked(c)
		c.Feed.Discard(c)
	case result == flbhost.Retry:
		for _, c := range c.Feed.GiveBack(c, true) {
			h.judge.GivenUp(c)
		}
	default: // the engine drops the chunk, and no fault here is for good
		h.failures.Addf("agent %d: chunk %d of feed %d was answered with %v, log:\n%s",
			h.number, c.Number, c.Feed.Number, result, h.LastLines())
		c.Feed.Discard(c)
	}
	h.tally(result.String())
	return true
}

// options is where the options of a section are drawn from. What is remembered counts for a
// section that cuts and encodes as before, so a plugin that remembers keeps its options.
func (h *host) options(f *store.Feed) *rand.Rand {
	if h.memory == judge.Forgets {
		return h.random
	}
	if !h.battered {
		return h.Stream(fmt.Sprint("options ", f.Number))
	}
	if h.random.IntN(4) == 0 {
		return h.random // what is remembered is of another configuration
	}
	return h.Stream("options " + shared)
}

// hand hands a chunk over where it lies.
func hand(ctx context.Context, c *store.Chunk, to *flbhost.Instance) (flbhost.Result, error) {
	if c.Path != "" {
		return to.FlushFile(ctx, c.Tag, c.Path)
	}
	return to.Flush(ctx, c.Tag, c.Data)
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
func (h *host) props(f *store.Feed) map[string]string {
	r := h.options(f)
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	p := map[string]string{
		"endpoint": h.endpoint, "project": plan.Project, "logstore": f.Logstore,
		"access_key_id": h.key.ID, "access_key_secret": h.key.Secret, "startup_check": "off",
		"topic": pick(f.Logstore, "$TAG[4]|none"), "tags": "env=campaign,tag=$TAG",
		"hash_key": pick("", "", "", "$TAG", "$id|none", "$id|none"), "hash_buckets": pick("1", "8", "64"),
		"group_batch": pick("auto", "auto", "auto", "off"),
		"linger":      pick("0s", "0s", "50ms"), "ordered": pick("off", "on"),
		"request_timeout": faults.RequestTimeout.String(),
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
	if h.memory != judge.Forgets {
		p["state_path"], p["alias"] = h.Dir, fmt.Sprint("feed-", f.Number)
	}
	if h.battered {
		p["alias"] = shared
	}
	if h.memory.Numbered() {
		p["exactly_once"] = "on"
		p["hash_buckets"] = pick("1", "4", "8") // a shard remembers 10,000 keys
	}
	if h.memory == judge.UntilFull {
		p["batch_count"], p["concurrency"], p["state_size"] = "1", "16", strconv.Itoa(judge.StateSize)
	}
	if f.Named {
		h.name(p, f)
	}
	if h.key.Token != "" {
		p["security_token"] = h.key.Token
	}
	if r.IntN(2) == 0 {
		p["sign_version"], p["region"] = "v4", "cn-hangzhou"
	}
	return p
}

// name makes a section take the logstore from the record.
func (h *host) name(p map[string]string, f *store.Feed) {
	p["allow_destinations"] = record.Allowed
	p["logstore"] = "$" + record.AppField + "|" + f.Logstore
	if h.options(f).IntN(2) == 0 {
		p["logstore"], p["default_logstore"] = "$"+record.AppField, f.Logstore
	}
}
