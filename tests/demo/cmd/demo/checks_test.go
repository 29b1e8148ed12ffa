package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/demo/report"
	"fluent-bit-sls/tests/slsfake"
)

// world is a round trip without plugins: three lines, stored in two shards.
type world struct {
	sent *tally
	logs []slsfake.Log
	back []event
	evidence
}

type event struct {
	line string
	at   time.Time
}

func storedLog(shard int, line string, sec uint32, ns *uint32) slsfake.Log {
	return slsfake.Log{Shard: shard, Time: sec, TimeNs: ns, Contents: []slsfake.Pair{{Key: "log", Value: line}}}
}

func newWorld() *world {
	w := &world{sent: newTally(), evidence: evidence{ended: true}}
	for _, line := range []string{"a", "b", "c", "same", "same"} {
		w.sent.add(line)
	}
	w.logs = []slsfake.Log{
		storedLog(0, "a", 10, new(uint32)), storedLog(1, "b", 10, nil), storedLog(0, "c", 11, nil),
		storedLog(0, "same", 12, nil), storedLog(1, "same", 12, nil),
	}
	for _, i := range []int{1, 0, 2, 3, 4} { // shards may come in any order
		l := w.logs[i]
		w.back = append(w.back, event{l.Contents[0].Value, time.Unix(int64(l.Time), 0)})
	}
	return w
}

// judge carries the comparison out.
func (w *world) judge() []report.Check {
	w.evidence.sent, w.evidence.back = w.sent, newTally()
	w.stored = newStock(w.sent, slices.Values(w.logs))
	for _, e := range w.back {
		w.evidence.back.add(e.line)
		w.stored.read(e.line, e.at)
	}
	return w.checks()
}

// Each thing that can go wrong fails the checks that are about it, and no other.
func TestChecks(t *testing.T) {
	const (
		isStored, storedOnce, cameBack, cameOnce = "Every line is stored", "Nothing is stored twice", "Every line came back", "Nothing came twice"
		inBytes, inTime, inOrder, committed      = "Bytes are equal", "Timestamps are equal", "Order within each shard", "Checkpoints stand at the end"
	)
	for name, c := range map[string]struct {
		spoil func(w *world)
		fails []string
	}{
		"nothing":          {func(*world) {}, nil},
		"not stored":       {func(w *world) { w.logs, w.back = w.logs[1:], slices.Delete(w.back, 1, 2) }, []string{isStored, cameBack}},
		"stored twice":     {func(w *world) { w.logs = append(w.logs, w.logs[0]) }, []string{storedOnce}},
		"stored otherwise": {func(w *world) { w.logs[0].Contents[0].Key = "x" }, []string{isStored, storedOnce, inTime}},
		"not read":         {func(w *world) { w.back = w.back[:4] }, []string{cameBack}},
		"read twice":       {func(w *world) { w.back = append(w.back, w.back[4]) }, []string{cameOnce}},
		"another text":     {func(w *world) { w.back[0].line = "B" }, []string{cameBack, cameOnce, inBytes}},
		"another time":     {func(w *world) { w.back[0].at = w.back[0].at.Add(1) }, []string{inTime}},
		"another order":    {func(w *world) { w.back[1], w.back[2] = w.back[2], w.back[1] }, []string{inOrder}},
		"no checkpoint":    {func(w *world) { w.behind = 1 }, []string{committed}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c.spoil(w)
			var failed []string
			for _, check := range w.judge() {
				require.NotEqual(t, report.OutcomeOpen, check.Outcome)
				if check.Outcome == report.OutcomeFailed {
					failed = append(failed, check.Name)
				}
			}
			require.Equal(t, c.fails, failed)
		})
	}
}

// A run that was broken off has passed no check that more records could fail.
func TestChecksOfARunBrokenOff(t *testing.T) {
	w := newWorld()
	w.ended = false
	for _, c := range w.judge()[2:] {
		require.Equal(t, report.OutcomeOpen, c.Outcome, c.Name)
	}
	for _, c := range (evidence{sent: w.sent, back: newTally()}).checks() {
		require.Equal(t, report.OutcomeOpen, c.Outcome, c.Name)
	}
}

// SLS stores a replacement for bytes that are no UTF-8. That is not taken for a change.
func TestInvalidUTF8IsNoChange(t *testing.T) {
	w := &world{sent: newTally(), evidence: evidence{ended: true}}
	w.sent.add("a\xffb")
	w.logs = []slsfake.Log{storedLog(0, "a\uFFFDb", 1, nil)}
	w.back = []event{{"a\uFFFDb", time.Unix(1, 0)}}
	for _, c := range w.judge() {
		require.Equal(t, report.OutcomePassed, c.Outcome, c.Name)
	}
}

// A loss makes the demo fail, with a report that says so and the line as ever.
func TestFinishWithLoss(t *testing.T) {
	w := newWorld()
	w.back = w.back[2:]
	r := &report.Run{Host: "flbhost", Lines: 5, Bytes: 20, Took: time.Second, Checks: w.judge(), ReadBack: 3}
	r.Lost, r.Duplicated = w.sent.compare(w.evidence.back)
	var out bytes.Buffer
	show := newProgress(&out, false)
	page := filepath.Join(t.TempDir(), "report.html")
	err := finish(show, r, page, nil)
	show.stop()
	require.ErrorContains(t, err, "what came back is not what was shipped: Every line came back: 3 lines read back: 2 missing.")
	require.True(t, strings.HasSuffix(out.String(), "\ndemo: shipped 5, read back 3, lost 2, duplicated 0 (host: flbhost)\n"), out.String())
	html, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(html), "Lost 2, duplicated 0.")

	// So does a run that ended with an error, whatever came back.
	broken := errors.New("out of time")
	r.Lost, r.Checks, r.Error = 0, newWorld().judge(), broken.Error()
	show = newProgress(&out, false)
	require.ErrorIs(t, finish(show, r, page, broken), broken)
	show.stop()
}

func TestStarted(t *testing.T) {
	version, options := started("x\n[info] [sls.0] started, version v1.2: endpoint=http://h access_key_secret=*** topic=\"a \\\"b\"\ny\n")
	require.Equal(t, "version v1.2", version)
	require.Equal(t, []report.Fact{
		{Name: "endpoint", Value: "http://h"}, {Name: "access_key_secret", Value: "***"}, {Name: "topic", Value: `"a \"b"`},
	}, options)
	version, options = started("nothing")
	require.Equal(t, "not started", version)
	require.Nil(t, options)
}

// The secret is masked even where a host logs what it should not.
func TestTailMasksTheSecret(t *testing.T) {
	require.Equal(t, "sign with ***", tail("sign with "+keySecret+"\n"))
}
