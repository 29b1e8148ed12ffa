package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"fluent-bit-sls/tests/flbhost"
)

// inputLane is one host process at a time whose instances are members of the
// group, with a rest between two of them.
type inputLane struct {
	*inputWorld
	number  int
	most    int // instances
	random  *rand.Rand
	monitor *monitorServer // nil without checkpoint delivered

	mu    sync.Mutex // guards ended
	ended map[string]int
}

// run runs hosts, one after the other, while chaos lasts. The first lane's never
// rest, so that the group has a member as a rule.
func (l *inputLane) run(ctx, chaos context.Context) {
	wait(chaos, time.Duration(l.number)*memberGap)
	for first := true; chaos.Err() == nil; first = false {
		if !first && l.number > 0 && l.random.IntN(2) == 0 {
			wait(chaos, time.Duration(l.random.Float64()*float64(min(4*time.Second, l.time/5))))
		}
		if err := l.live(ctx, chaos, false); err != nil {
			l.failures.addf("lane %d: %v", l.number, err)
			wait(chaos, time.Second)
		}
	}
}

// inputHost is one process of an input lane.
type inputHost struct {
	*inputLane
	*flbhost.Host
	so      string
	plugin  flbhost.Plugin
	drain   bool
	pausing bool // its inputs are paused for a moment again and again

	tailMu sync.Mutex // guards tail
	tail   []string
}

// live is the life of one host, over its reloads, until limit ends at the latest.
// With drain nothing befalls it before that.
func (l *inputLane) live(ctx, limit context.Context, drain bool) error {
	h := &inputHost{inputLane: l, drain: drain, so: l.inSo}
	if l.panicInSo != "" && l.number == 2 && !drain {
		h.so = l.panicInSo
	}
	every := []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second}[l.random.IntN(3)]
	if drain {
		every = 100 * time.Millisecond
	}
	var err error
	h.Host, err = flbhost.Start(ctx, l.hostBin, flbhost.Options{HotReload: true, CollectInterval: every, OnLog: h.log})
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
			return fmt.Errorf("%s: %w, log:\n%s", how, err, h.lastLines())
		}
		if how != endReload {
			return nil
		}
	}
}

func (h *inputHost) log(line string) {
	h.tailMu.Lock()
	h.tail = append(h.tail[max(0, len(h.tail)-20):], line)
	h.tailMu.Unlock()
	who := fmt.Sprintf("input lane %d (%s)", h.number, h.checkpoint)
	h.watch.host(who, line)
	if h.so != h.panicInSo || !h.faults.expected(line) {
		alarm(h.failures, who, line)
	}
}

func (h *inputHost) lastLines() string {
	h.tailMu.Lock()
	defer h.tailMu.Unlock()
	return strings.Join(h.tail, "\n")
}

// incarnate is the life of one set of instances. It returns how it ended.
func (h *inputHost) incarnate(ctx, limit context.Context) (how string, err error) {
	delay, bound := []time.Duration{300 * time.Millisecond, 700 * time.Millisecond, 2 * time.Second}[h.random.IntN(3)], time.Duration(0)
	if h.pausing = !h.drain && h.monitor == nil && h.so == h.inSo && h.random.IntN(4) == 0; h.pausing {
		h.faults.count("host that keeps pausing")
		h.forget() // so that it gets shards at once
		delay, bound = pausingDelay, pausingBound
	}
	life := h.ledger.born(delay, bound)
	var e *engine
	running, stop := context.WithCancel(ctx)
	var loop sync.WaitGroup
	defer loop.Wait()
	defer stop()
	if h.monitor != nil {
		e = h.newEngine()
		h.monitor.engine.Store(e)
		defer h.monitor.engine.Store(nil)
		loop.Go(func() { e.run(running) })
	}
	for range 1 + h.random.IntN(h.most) {
		if err := h.join(life, delay, e); err != nil {
			return "", err
		}
	}
	how = h.await(limit, &hardship{inputHost: h, life: life, engine: e})
	err = h.end(ctx, how, life)
	if e != nil {
		e.stop()
	}
	h.ledger.dead(life, how)
	if h.random.IntN(2) == 0 {
		h.forget() // the rest of the leases passes without anything of interest
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended[how]++
	return how, err
}

// newEngine makes one in a hurry with a fast output, or one that takes its time.
func (h *inputHost) newEngine() *engine {
	second, busy := engineSecond, 200*time.Millisecond
	if !h.drain {
		second = []time.Duration{second, second, second, time.Second}[h.random.IntN(4)]
		busy = []time.Duration{busy, time.Second, 3 * time.Second}[h.random.IntN(3)]
	}
	return newEngine(h.ledger, rand.New(rand.NewPCG(h.random.Uint64(), 0)), second, busy)
}

// join starts an instance, a new member of the group.
func (h *inputHost) join(life int, delay time.Duration, e *engine) error {
	name := fmt.Sprintf("m%d-%d", h.number, h.random.Uint32())
	consumer := h.ledger.joins(life, name)
	i, err := h.Init(h.plugin, h.props(name, delay))
	if err != nil {
		return err
	}
	var in *engineInput
	if e != nil {
		in = e.add(i.Name)
	}
	i.OnCollectAt(func(buf []byte, at time.Time) {
		spans, n, err := h.written.read(buf)
		if err != nil {
			h.failures.addf("%s: %v", name, err)
		}
		got := &handover{at: at, consumer: consumer, spans: spans, records: n}
		h.ledger.handed(got)
		if e != nil {
			e.take(in, got)
		}
	})
	return nil
}

// props are the properties of an input section. What has no part in it is drawn
// anew for each: no guarantee may hang on it.
func (h *inputHost) props(name string, delay time.Duration) map[string]string {
	r := h.random
	pick := func(values ...string) string { return values[r.IntN(len(values))] }
	k := h.keys[r.IntN(len(h.keys))]
	p := map[string]string{
		"endpoint": h.endpoint, "project": project, "logstore": inputLogstore,
		"access_key_id": k.id, "access_key_secret": k.secret,
		"start_position": startPosition(h.checkpoint), "consumer_group": inputGroup, "consumer": name, "heartbeat_timeout": "6s",
		"request_timeout": requestTimeout.String(), "handoff_delay": delay.String(),
		"checkpoint": h.checkpoint, "checkpoint_interval": pick("100ms", "500ms", "2s"),
		"include_position": "on", "meta_in": pick("record", "metadata"),
		"fetch_max_groups": pick("3", "100", "1000"), "fetch_interval": pick("10ms", "100ms"),
		"max_concurrent_fetches": pick("2", "64"),
		"memory_limit":           pick("8M", "32M", "100M"),
		"buffer_size":            pick("256k", "1M", "4M"),
		"compress":               pick("lz4", "zstd"),
	}
	if h.drain {
		p["memory_limit"], p["buffer_size"], p["fetch_max_groups"], p["checkpoint_interval"] = "100M", "16M", "1000", "100ms"
	}
	if h.pausing { // each hand-over takes all there is
		p["memory_limit"], p["buffer_size"], p["fetch_max_groups"], p["checkpoint_interval"] = "100M", "16M", "100", pausingCommit.String()
	}
	if k.token != "" {
		p["security_token"] = k.token
	}
	if h.monitor != nil { // what is handed over between two barriers is all there is
		p["monitor_url"], p["checkpoint_interval"] = h.monitor.url, pick("500ms", "2s")
		p["memory_limit"], p["buffer_size"] = pick("32M", "100M"), pick("1M", "16M")
	}
	if r.IntN(2) == 0 {
		p["sign_version"], p["region"] = "v4", "cn-hangzhou"
	}
	return p
}

// await lets hardships befall the host until its end, and says how that is to be.
func (h *inputHost) await(limit context.Context, x *hardship) string {
	if h.drain {
		select {
		case <-limit.Done():
			return endExit
		case <-h.Exited():
			return endCrash
		}
	}
	select {
	case <-h.born: // the first hosts live until then at least
	case <-limit.Done():
	case <-h.Exited():
		return endCrash
	}
	longest := 10 * time.Second
	if h.monitor != nil {
		longest = 30 * time.Second // a barrier takes a few seconds
	}
	least := 0.1
	if h.pausing {
		longest, least = 30*time.Second, 0.5
	}
	x.how = []string{endKill, endKill, endKill, endExit, endReload, endReload}[h.random.IntN(6)]
	x.random = rand.New(rand.NewPCG(h.random.Uint64(), 1))
	d := (least + (1-least)*h.random.Float64()) * float64(min(longest, h.time/2))
	over, cancel := context.WithTimeout(limit, time.Duration(d))
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { x.run(over) })
	select {
	case <-over.Done():
	case <-h.Exited():
		cancel()
		return endCrash
	}
	return x.how
}

// end ends the instances. Fluent Bit pauses all inputs first, in good order.
func (h *inputHost) end(ctx context.Context, how string, life int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exitLimit)
	defer cancel()
	if how == endKill {
		_ = h.Kill()
		if err := h.Exit(ctx); !killed(err) {
			return err
		}
		return nil
	}
	if how == endCrash {
		return errors.Join(errors.New("the host has ended by itself"), h.Exit(ctx))
	}
	if err := h.Pause(); err != nil {
		return err
	}
	h.ledger.paused(life)
	if how == endReload {
		return h.Reload(ctx)
	}
	return h.Exit(ctx)
}
