package main

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/demo"
	"fluent-bit-sls/tests/slsfake"
)

// appendInput appends record n as an input hands it over; spoil may change its
// pairs.
func (w *written) appendInput(dst []byte, n uint32, spoil func(pairs [][2]string)) []byte {
	at, _ := w.find(n, 0)
	g := w.groups[at]
	var pairs [][2]string
	for _, p := range w.contents(g, n-g.first) {
		pairs = append(pairs, [2]string{p.Key, p.Value})
	}
	id := strconv.Itoa(g.shard) + "|" + slsfake.EncodeCursor(g.number) + "|" + strconv.Itoa(int(n-g.first))
	pairs = append(pairs, [2]string{"__shard__", strconv.Itoa(g.shard)}, [2]string{"__id__", id})
	spoil(pairs)
	form := eventForm{}
	return form.append(dst, uint32(firstSecond+g.key), n, func(dst []byte) []byte {
		dst = appendMapHead(dst, len(pairs))
		for _, p := range pairs {
			dst = demo.AppendString(demo.AppendString(dst, p[0]), p[1])
		}
		return dst
	})
}

func asItIs([][2]string) {}

func TestReadInput(t *testing.T) {
	w := newCourt(t).written
	var buf []byte
	for _, n := range []uint32{3, 4, 30, 10, 11, 31} {
		buf = w.appendInput(buf, n, asItIs)
	}
	spans, n, err := w.read(buf)
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.Equal(t, []span{{0, 3, 5}, {2, 0, 1}, {1, 0, 2}, {2, 1, 2}}, spans)
	for name, spoil := range map[string]func(pairs [][2]string){
		"another id": func(p [][2]string) { p[0][1] = "0.9999" },
		"torn":       func(p [][2]string) { p[2][1] = "17" },
		"renamed":    func(p [][2]string) { p[1][0] = "bad" },
		"misplaced":  func(p [][2]string) { p[4][1] = "1|MTIz|0" },
		"no place":   func(p [][2]string) { p[4][0] = "__cursor__" },
		"twice":      func(p [][2]string) { p[1] = p[0] },
	} {
		_, _, err := w.read(w.appendInput(nil, 5, spoil))
		require.Error(t, err, name)
	}
	_, _, err = w.read(eventForm{}.append(nil, firstSecond, 40, nil))
	require.ErrorContains(t, err, "never written")
}

func FuzzReadInput(f *testing.F) {
	server := slsfake.New(slsfake.Config{})
	f.Cleanup(server.Close)
	server.CreateLogstore(project, inputLogstore, 2)
	w := newWritten(1)
	require.NoError(f, w.write(server, 1, 20))
	f.Add(w.appendInput(w.appendInput(nil, 0, asItIs), 1, asItIs))
	f.Add([]byte{0x92, 0x92, 0xd7, 0})
	f.Fuzz(func(t *testing.T, buf []byte) {
		spans, n, err := w.read(buf)
		if err != nil {
			return
		}
		for _, s := range spans {
			n -= int(s.to - s.from)
		}
		require.Zero(t, n)
	})
}

// What was handed over goes through the ring, chunks and the output, in its order,
// and every report is the truth of a moment.
func TestEngine(t *testing.T) {
	c := config{seed: 1}
	l := newInputLedger()
	e := newEngine(l, c.stream("engine"), engineSecond, time.Second)
	in := e.add("sls.0")
	now := e.begin
	step := func() {
		now = now.Add(engineSecond / 8)
		e.step(now)
	}
	for range 40 {
		step()
	}
	require.Contains(t, e.report(), "fluentbit_uptime{hostname=\"campaign\"} 5\n")
	require.Contains(t, e.report(), `fluentbit_input_storage_chunks{name="sls.0"} 0`)
	e.pause(true)
	var all []*handover
	for range 20 {
		h := &handover{records: 3}
		all = append(all, h)
		l.handed(h)
		e.take(in, h)
		step()
	}
	for range 40 {
		step()
	}
	require.Contains(t, e.report(), `fluentbit_input_records_total{name="sls.0"} 0`, "not during a pause")
	e.pause(false)
	for all[19].taken.IsZero() {
		step()
	}
	for range 400 { // the loop may be stuck for a while
		step()
	}
	require.Contains(t, e.report(), `fluentbit_input_records_total{name="sls.0"} 60`)
	require.Contains(t, e.report(), `fluentbit_input_storage_chunks{name="sls.0"} 0`)
	e.take(in, &handover{records: 1})
	e.stop()
	before := e.report()
	now = now.Add(time.Hour)
	step()
	require.Equal(t, before, e.report())
	require.Len(t, in.ring, 1)
}

func TestWatch(t *testing.T) {
	var out bytes.Buffer
	c := config{seed: 1, out: &out}
	c.prepare()
	_, leaks := c.watch.verdict()
	require.Zero(t, leaks)
	secret, token := c.keys[0].secret, c.keys[1].token
	header := func(name, value string) *slsfake.Call {
		return &slsfake.Call{Op: slsfake.OpPutLogs, Header: map[string][]string{name: {value}}}
	}
	c.watch.host("lane 0", "signed as "+c.keys[1].id+", and well")
	c.watch.call(header("X-Acs-Security-Token", token))
	_, leaks = c.watch.verdict()
	require.Zero(t, leaks)
	for n, leak := range []func(){
		func() { c.watch.host("lane 0", "signed with "+secret) },
		func() { c.watch.host("lane 0", "<"+token+">") },
		func() { c.watch.call(header("User-Agent", "x/"+secret)) },
		func() { c.watch.call(header("Authorization", "LOG "+token)) },
		func() { c.watch.call(&slsfake.Call{Op: slsfake.OpHeartbeat, Body: []byte(secret)}) },
		func() { say(c.out, "stored "+secret) },
	} {
		leak()
		_, leaks := c.watch.verdict()
		require.Equal(t, n+1, leaks)
	}
	require.Equal(t, 6, bytes.Count(out.Bytes(), []byte("FAILURE: ")))
	require.NotContains(t, out.String(), secret)
	require.NotContains(t, out.String(), token)
}
