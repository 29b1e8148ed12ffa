package input

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"fluent-bit-sls/tests/campaign/faults"
	"fluent-bit-sls/tests/campaign/input/engine"
	"fluent-bit-sls/tests/campaign/input/judge"
	"fluent-bit-sls/tests/campaign/input/source"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/flbhost"
)

// agent is one host process at a time, with a rest between two of them. Its instances are
// members of the group.
type agent struct {
	*world
	number  int
	most    int // instances
	random  *rand.Rand
	monitor *engine.Monitor // nil without checkpoint delivered

	mu    sync.Mutex // guards ended
	ended map[string]int
}

// run runs hosts, one after the other, while there are faults. The first agent's never
// rest, so that the group has a member as a rule.
func (a *agent) run(ctx, faulty context.Context) {
	plan.Wait(faulty, time.Duration(a.number)*memberGap)
	for first := true; faulty.Err() == nil; first = false {
		if !first && a.number > 0 && a.random.IntN(2) == 0 {
			plan.Wait(faulty, time.Duration(a.random.Float64()*float64(min(4*time.Second, a.Time/5))))
		}
		if err := a.live(ctx, faulty, false); err != nil {
			a.failures.Addf("agent %d: %v", a.number, err)
			plan.Wait(faulty, time.Second)
		}
	}
}

// host is one process of an input agent.
type host struct {
	*agent
	*flbhost.Host
	*process.Log
	so      string
	plugin  flbhost.Plugin
	drain   bool
	pausing bool // its inputs are paused for a moment again and again
	direct  bool // its inputs hand over directly
	inputs  []*flbhost.Instance
}

// live is the life of one host, over its reloads, until limit ends at the latest.
// With drain it is left in peace.
func (a *agent) live(ctx, limit context.Context, drain bool) error {
	h := &host{agent: a, drain: drain, so: a.InSo}
	h.Log = &process.Log{Who: fmt.Sprintf("input agent %d (%s)", a.number, a.checkpoint), Watch: a.Watch, Failures: a.failures}
	if a.PanicInSo != "" && a.number == 2 && !drain {
		h.so, h.Expected = a.PanicInSo, a.injector.Expected
	}
	every := []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second}[a.random.IntN(3)]
	if drain {
		every = 100 * time.Millisecond
	}
	var err error
	h.Host, err = flbhost.Start(ctx, a.HostBin, flbhost.Options{HotReload: true, CollectInterval: every, OnLog: h.Line})
	if err != nil {
		return err
	}
	defer func() { _ = h.Kill() }() // does nothing when it has ended
	if h.plugin, err = h.Load(h.so); err != nil {
		return err
	}
	for {
		how, err := h.incarnate(ctx, limit)
		if err != nil {
			return fmt.Errorf("%s: %w, log:\n%s", how, err, h.LastLines())
		}
		if how != process.EndReload {
			return nil
		}
	}
}

// incarnate is the life of one set of instances. It returns how it ended.
func (h *host) incarnate(ctx, limit context.Context) (how string, err error) {
	delay, bound := []time.Duration{300 * time.Millisecond, 700 * time.Millisecond, 2 * time.Second}[h.random.IntN(3)], time.Duration(0)
	if h.pausing = !h.drain && h.monitor == nil && h.so == h.InSo && h.random.IntN(4) == 0; h.pausing {
		h.injector.Count("host that keeps pausing")
		h.expireGone() // so that it gets shards at once
		delay, bound = judge.PausingDelay, judge.PausingBound
	}
	if h.direct = !h.pausing && h.random.IntN(3) > 0; h.direct {
		delay = max(delay, 1200*time.Millisecond) // the least
	}
	h.inputs = nil
	life := h.history.Born(delay, bound)
	var e *engine.Engine
	running, stop := context.WithCancel(ctx)
	var loop sync.WaitGroup
	defer loop.Wait()
	defer stop()
	if h.monitor != nil {
		e = h.newEngine()
		h.monitor.Engine.Store(e)
		defer h.monitor.Engine.Store(nil)
		loop.Go(func() { e.Run(running) })
	}
	for range 1 + h.random.IntN(h.most) {
		if err := h.join(life, delay, e); err != nil {
			return "", err
		}
	}
	how = h.await(limit, &disturbance{host: h, incarnation: life, engine: e})
	err = h.end(ctx, how, life)
	if e != nil {
		e.Stop()
	}
	h.history.Dead(life, how)
	if h.random.IntN(2) == 0 {
		h.expireGone() // the rest of the leases passes without anything of interest
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[how]++
	return how, err
}

// newEngine makes an engine: mostly a fast one with a fast output, now and then a slow one.
func (h *host) newEngine() *engine.Engine {
	second, busy := engine.Second, 200*time.Millisecond
	if !h.drain {
		second = []time.Duration{second, second, second, time.Second}[h.random.IntN(4)]
		busy = []time.Duration{busy, time.Second, 3 * time.Second}[h.random.IntN(3)]
	}
	return engine.New(h.history, rand.New(rand.NewPCG(h.random.Uint64(), 0)), second, busy)
}

// join starts an instance, a new member of the group.
func (h *host) join(life int, delay time.Duration, e *engine.Engine) error {
	name := fmt.Sprintf("m%d-%d", h.number, h.random.Uint32())
	consumer := h.history.Joins(life, name)
	i, err := h.Init(h.plugin, h.props(name, delay))
	if err != nil {
		return err
	}
	h.inputs = append(h.inputs, i)
	var in *engine.Input
	if e != nil {
		in = e.Add(i.Name)
	}
	i.OnCollectAt(func(buf []byte, at time.Time) {
		spans, n, err := h.written.Read(buf)
		if err != nil {
			h.failures.Addf("%s: %v", name, err)
		}
		got := &judge.Handover{At: at, Consumer: consumer, Spans: spans, Records: n}
		h.history.Handed(got)
		if e != nil {
			e.Take(in, got)
		}
	})
	return nil
}

// props are the properties of an input section. What has no part in it is drawn
// anew for each: no guarantee may hang on it.
func (h *host) props(name string, delay time.Duration) map[string]string {
	r := h.random
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	k := h.Keys[r.IntN(len(h.Keys))]
	p := map[string]string{
		"endpoint": h.endpoint, "project": plan.Project, "logstore": source.Logstore,
		"access_key_id": k.ID, "access_key_secret": k.Secret,
		"start_position": startPosition(h.checkpoint), "consumer_group": group, "consumer": name, "heartbeat_timeout": "6s",
		"request_timeout": faults.RequestTimeout.String(), "handoff_delay": delay.String(),
		"checkpoint": h.checkpoint, "checkpoint_interval": pick("100ms", "500ms", "2s"),
		"include_position": "on", "meta_in": pick("record", "metadata"),
		"fetch_max_groups": pick("3", "100", "1000"), "fetch_interval": pick("10ms", "100ms"),
		"max_concurrent_fetches": pick("2", "64"),
		"memory_limit":           pick("8M", "32M", "100M"),
		"buffer_size":            pick("256k", "1M", "4M"),
		"compress":               pick("lz4", "zstd"),
		"handover":               "callback",
	}
	if h.direct {
		p["handover"] = "direct"
	}
	if h.drain {
		p["memory_limit"], p["buffer_size"], p["fetch_max_groups"], p["checkpoint_interval"] = "100M", "16M", "1000", "100ms"
	}
	if h.pausing { // each hand-over takes all there is
		p["memory_limit"], p["buffer_size"], p["fetch_max_groups"], p["checkpoint_interval"] = "100M", "16M", "100", judge.PausingCommit.String()
	}
	if k.Token != "" {
		p["security_token"] = k.Token
	}
	if h.monitor != nil { // what is handed over between two barriers is all there is
		p["monitor_url"], p["checkpoint_interval"] = h.monitor.Url, pick("500ms", "2s")
		p["memory_limit"], p["buffer_size"] = pick("32M", "100M"), pick("1M", "16M")
		if h.drain { // a barrier takes some 3 s: what is left goes in the time between two
			p["memory_limit"], p["buffer_size"], p["checkpoint_interval"] = "100M", "64M", "2s"
		}
	}
	if r.IntN(2) == 0 {
		p["sign_version"], p["region"] = "v4", "cn-hangzhou"
	}
	return p
}

// await disturbs the host until it is to end, and says how.
func (h *host) await(limit context.Context, x *disturbance) string {
	if h.drain {
		select {
		case <-limit.Done():
			return process.EndExit
		case <-h.Exited():
			return process.EndCrash
		}
	}
	select {
	case <-h.born: // the first hosts live until then at least
	case <-limit.Done():
	case <-h.Exited():
		return process.EndCrash
	}
	longest := 10 * time.Second
	if h.monitor != nil {
		longest = 30 * time.Second // a barrier takes a few seconds
	}
	least := 0.1
	if h.pausing {
		longest, least = 30*time.Second, 0.5
	}
	x.how = []string{process.EndKill, process.EndKill, process.EndKill, process.EndExit, process.EndReload, process.EndReload}[h.random.IntN(6)]
	x.random = rand.New(rand.NewPCG(h.random.Uint64(), 1))
	d := (least + (1-least)*h.random.Float64()) * float64(min(longest, h.Time/2))
	over, cancel := context.WithTimeout(limit, time.Duration(d))
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { x.run(over) })
	select {
	case <-over.Done():
	case <-h.Exited():
		cancel()
		return process.EndCrash
	}
	return x.how
}

// end ends the instances. Fluent Bit pauses all inputs first, in good order.
func (h *host) end(ctx context.Context, how string, life int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), process.ExitLimit)
	defer cancel()
	if how == process.EndKill {
		_ = h.Kill()
		if err := h.Exit(ctx); !process.Killed(err) {
			return err
		}
		return nil
	}
	if how == process.EndCrash {
		return errors.Join(errors.New("the host has ended by itself"), h.Exit(ctx))
	}
	if err := h.Pause(); err != nil {
		return err
	}
	h.history.Paused(life)
	if how == process.EndReload {
		return h.Reload(ctx)
	}
	return h.Exit(ctx)
}
