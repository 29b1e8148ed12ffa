package flbhost

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const fast = 10 * time.Millisecond

// A collect every interval, on the thread of init; each buffer is cleaned up
// before the next collect (the plugin says so otherwise).
func TestCollect(t *testing.T) {
	t.Parallel()
	const n = 20
	h, logs := start(t, Options{CollectInterval: fast})
	in := load(t, h, "in")
	began := time.Now()
	a := collectFrom(initialize(t, h, in, map[string]string{"id": "a"}))
	b := collectFrom(initialize(t, h, in, map[string]string{"id": "b"}))
	for i := 1; i <= n; i++ {
		require.Equal(t, fmt.Sprintf("a:%d cleaned=%d", i, i-1), a.next(t))
		require.Equal(t, fmt.Sprintf("b:%d cleaned=%d", i, i-1), b.next(t))
	}
	require.GreaterOrEqual(t, time.Since(began), (n-1)*fast)
	exit(t, h)
	require.NotContains(t, logs.text(), "collect before")
	require.NotContains(t, logs.text(), "collect on another")
	require.NotContains(t, logs.text(), "clean-up of another")
}

func TestCollectOnceASecond(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	began := time.Now()
	in := collectFrom(initialize(t, h, load(t, h, "in"), nil))
	in.next(t)
	require.GreaterOrEqual(t, time.Since(began), 990*time.Millisecond)
	require.Less(t, time.Since(began), 5*time.Second)
	exit(t, h)
}

func TestEmptyCollectHasNoCleanup(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{CollectInterval: fast})
	in := collectFrom(initialize(t, h, load(t, h, "in"), map[string]string{"id": "q", "quiet": "yes"}))
	for i := range 5 {
		require.Equal(t, fmt.Sprintf("q:%d cleaned=%d", 2*i+1, i), in.next(t))
	}
	exit(t, h)
}

func TestFailedCollectIsNotUsed(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: fast})
	in := collectFrom(initialize(t, h, load(t, h, "in"), map[string]string{"bad": "yes"}))
	logs.waitFor(t, "[error] [input:cin.0] collect returned -1")
	exit(t, h)
	require.Empty(t, in)
}

// Buffers that come before OnCollect is set are kept, in order.
func TestOnCollectLate(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{CollectInterval: fast})
	in := load(t, h, "in")
	early := collectFrom(initialize(t, h, in, map[string]string{"id": "early"}))
	late := initialize(t, h, in, map[string]string{"id": "late"})
	for late.queued() < 2 {
		early.next(t)
	}
	require.NoError(t, h.Pause(), "no more of them come")
	got := collectFrom(late)
	require.Equal(t, "late:1 cleaned=0", got.next(t))
	require.Equal(t, "late:2 cleaned=1", got.next(t))
	exit(t, h)
}

func (i *Instance) queued() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.queue)
}

func TestPause(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: fast})
	in := collectFrom(initialize(t, h, load(t, h, "in"), map[string]string{"id": "a"}))
	in.next(t)
	require.NoError(t, h.Pause())
	logs.waitFor(t, "in a: pause")
	<-time.After(5 * fast) // what was under way
	in.drain()
	<-time.After(10 * fast)
	require.Empty(t, in, "collected while paused")
	require.NoError(t, h.Resume())
	in.next(t)
	logs.waitFor(t, "in a: resume")
	require.NoError(t, h.Resume())
	require.Contains(t, logs.text(), "cannot resume collector cin.0, already running")
	exit(t, h)
}

// With two instances the engine stops the last initialised one's collector,
// whichever instance it means; each learns of it on its own thread.
func TestPauseOfTwo(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: fast})
	plugin := load(t, h, "in")
	first := initialize(t, h, plugin, map[string]string{"id": "first"})
	last := initialize(t, h, plugin, map[string]string{"id": "last"})
	a, b := collectFrom(first), collectFrom(last)
	b.next(t)
	require.NoError(t, first.Pause())
	logs.waitFor(t, "in first: pause")
	require.NotContains(t, logs.text(), "in last: pause")
	a.drain()
	for range 5 {
		a.next(t) // its timer runs on
	}
	b.drain()
	a.drain()
	for range 10 {
		a.next(t)
	}
	require.Empty(t, b, "collected while paused")
	require.NoError(t, first.Resume())
	b.next(t)
	_, err := h.Init(plugin, map[string]string{"refuse": "yes"})
	require.Error(t, err)
	require.NoError(t, h.Pause(), "a refused instance is not the last one")
	exit(t, h)
}

func TestPauseOfOutput(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{})
	out := initialize(t, h, load(t, h, "out"), nil)
	require.ErrorContains(t, out.Pause(), "not an input")
	exit(t, h)
}

// Before v4.1.0: no place for a context, no ...Ctx symbols.
func TestLegacy(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Legacy: true, CollectInterval: fast})
	in := collectFrom(initialize(t, h, load(t, h, "in"), map[string]string{"id": "new"}))
	require.Equal(t, "without context", in.next(t))
	old := collectFrom(initialize(t, h, load(t, h, "old_in"), map[string]string{"id": "old"}))
	require.Equal(t, "old:1 cleaned=0", old.next(t))
	require.Equal(t, "old:2 cleaned=1", old.next(t))
	ins := initialize(t, h, load(t, h, "out"), nil)
	require.Equal(t, OK, flush(t, ins, "echo", "x"), "outputs have had a context for longer")
	exit(t, h)
	require.Equal(t, 2, logs.count("place=taken"))
}

func TestLegacyDefinitionHasNoEventType(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/event_type.so"
	require.NoError(t, buildPlugin(t.Context(), path, "-DWRONG=9", "bad.c"))
	h, _ := start(t, Options{Legacy: true})
	_, err := h.Load(path)
	require.ErrorContains(t, err, "SIGSEGV")
}

// The whole order of a shutdown: inputs are paused, twice; outputs in the
// order of their init; inputs in reverse, on their own threads; then the
// plugins, inputs first.
func TestExitOrder(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Workers: 1, CollectInterval: time.Hour})
	out, in := load(t, h, "out"), load(t, h, "in")
	initialize(t, h, out, map[string]string{"id": "o1"})
	initialize(t, h, in, map[string]string{"id": "i1"})
	initialize(t, h, out, map[string]string{"id": "o2"})
	initialize(t, h, in, map[string]string{"id": "i2"})
	logs.waitFor(t, "in i2: init")
	before := len(logs.text())
	exit(t, h)
	var outputs, inputs, unregister []string
	for line := range strings.Lines(logs.text()[before:]) {
		line = strings.TrimSpace(line)
		switch {
		case strings.Contains(line, "unregister"):
			unregister = append(unregister, line)
		case strings.HasPrefix(line, "out"):
			require.Empty(t, unregister)
			outputs = append(outputs, line)
		case strings.HasPrefix(line, "in ") && strings.Contains(line, "exit"):
			require.Len(t, outputs, 4, "outputs end first")
			inputs = append(inputs, line)
		}
	}
	require.Equal(t, []string{
		"out: preexit reload=0", "out o1: exit own-thread=1", "out: preexit reload=0", "out o2: exit own-thread=1",
	}, outputs)
	require.Equal(t, []string{
		"in i2: preexit reload=0", "in i2: exit", "in i1: preexit reload=0", "in i1: exit",
	}, inputs)
	require.Equal(t, []string{"cin: unregister", "ctest: unregister"}, unregister)
	require.Equal(t, 2, logs.count("in i1: pause"))
	require.Equal(t, 2, logs.count("in i2: pause"))
}

// The time of a buffer is that of the call that returned it, not that of its
// arrival.
func TestCollectTime(t *testing.T) {
	t.Parallel()
	h, _ := start(t, Options{CollectInterval: 50 * fast})
	before := time.Now()
	in := initialize(t, h, load(t, h, "in"), map[string]string{"id": "a"})
	after := time.Now()
	times := make(chan time.Time, 1000)
	<-time.After(120 * fast)
	in.OnCollectAt(func(_ []byte, at time.Time) { times <- at })
	for n := range 2 {
		at, least := <-times, time.Duration(n+1)*50*fast
		require.GreaterOrEqual(t, at.Sub(before), least-time.Millisecond)
		require.Less(t, at.Sub(after), least+40*fast)
	}
	exit(t, h)
}

// tagged is what an input handed over under a tag.
type tagged struct{ tag, buf string }

func taggedFrom(ins *Instance) chan tagged {
	got := make(chan tagged, 10000)
	ins.OnTagged(func(tag string, buf []byte, _ time.Time) { got <- tagged{tag, string(buf)} })
	return got
}

// A plugin finds flb_input_log_append and appends several buffers in one call, each
// under a tag of its own or that of the instance.
func TestAppend(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: fast})
	got := taggedFrom(initialize(t, h, load(t, h, "in"), map[string]string{"id": "a", "direct": "yes"}))
	require.Equal(t, tagged{"", "a:1"}, <-got)
	require.Equal(t, tagged{"tag.1", "a:1"}, <-got)
	require.Equal(t, tagged{"", "a:2"}, <-got)
	require.Equal(t, tagged{"tag.2", "a:2"}, <-got)
	logs.waitFor(t, "in a: appended 2: 0 0")
	exit(t, h)
}

func TestNoAppend(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: fast, NoAppend: true})
	got := taggedFrom(initialize(t, h, load(t, h, "in"), map[string]string{"id": "a", "direct": "yes"}))
	require.Equal(t, tagged{"", "a:1 cleaned=0"}, <-got)
	logs.waitFor(t, "in a: append missing")
	exit(t, h)
}

func TestAppendsFail(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: fast})
	ins := initialize(t, h, load(t, h, "in"), map[string]string{"id": "a", "direct": "yes"})
	got := taggedFrom(ins)
	<-got
	require.NoError(t, ins.FailAppends(3))
	logs.waitFor(t, ": -1 -1")
	logs.waitFor(t, ": -1 0")
	exit(t, h)
	require.Equal(t, 3, logs.count("-1"))
}

// An append to a full ring fails after the time of a collect; the buffer that a plugin
// returned is lost, as in the engine.
func TestRingIsFull(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: fast})
	plugin := load(t, h, "in")
	direct := initialize(t, h, plugin, map[string]string{"id": "a", "direct": "yes"})
	returns := initialize(t, h, plugin, map[string]string{"id": "b"})
	appended, returned := taggedFrom(direct), collectFrom(returns)
	returned.next(t)
	require.NoError(t, direct.FillRing(true))
	require.NoError(t, returns.FillRing(true))
	logs.waitFor(t, ": -1 -1")
	logs.waitFor(t, "[error] [input:cin.1] could not enqueue records into the ring buffer")
	require.NoError(t, direct.FillRing(false))
	require.NoError(t, returns.FillRing(false))
	for len(appended) > 0 {
		<-appended
	}
	<-appended
	exit(t, h)
	lost := 0
	for n, last := 0, 1; len(returned) > 0; last = n {
		_, err := fmt.Sscanf(<-returned, "b:%d", &n)
		require.NoError(t, err)
		lost += n - last - 1
	}
	require.Positive(t, lost)
}

// A posted pause is no news for a plugin before it is back in the engine's loop.
func TestPauseIsPosted(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{CollectInterval: 20 * fast})
	ins := initialize(t, h, load(t, h, "in"), map[string]string{"id": "a", "direct": "yes"})
	got := taggedFrom(ins)
	<-got
	require.NoError(t, ins.FillRing(true)) // the next append is under way for long
	<-time.After(30 * fast)
	require.NoError(t, ins.PostPause())
	require.NotContains(t, logs.text(), "in a: pause")
	require.NoError(t, ins.FillRing(false))
	logs.waitFor(t, "in a: pause")
	exit(t, h)
}
