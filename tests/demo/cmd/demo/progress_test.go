package main

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/tests/slsfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every second a line tells the counts, the speed and what is waited for; while
// nothing moves that is said, with the end of the host's log.
func TestProgressPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var stored, back atomic.Int64
		p := newProgress(&out, false)
		settle := func(d time.Duration) {
			<-time.After(d)
			synctest.Wait()
		}
		settle(1500 * time.Millisecond)
		p.count(func() (int, int) { return int(stored.Load()), int(back.Load()) }, 1e6/1000)
		p.phase("ship", func() string { return "more lines" })
		p.follow(func() string { return "first\n[ warn] no route, key " + keySecret + "\n" })
		stored.Store(1500)
		settle(time.Second)
		back.Store(500)
		settle(time.Second)
		p.print("shipped %d", 3)
		settle(11 * time.Second)
		p.stop()
		lines := strings.Split(out.String(), "\n")
		require.Equal(t, []string{
			"   1.0s prepare; waits for the start",
			"   2.0s ship: stored 1,500, back 0, 1.5 MB/s; waits for more lines",
			"   3.0s ship: stored 1,500, back 500, 0.5 MB/s; waits for more lines",
			"shipped 3",
			"   4.0s ship: stored 1,500, back 500, 0.0 MB/s; waits for more lines",
		}, lines[:5])
		require.Equal(t, []string{
			"  13.0s ship: stored 1,500, back 500, 0.0 MB/s; waits for more lines",
			"        nothing has moved for 10s, waiting for more lines; the host's log ends with: [ warn] no route, key ***",
			"  14.0s ship: stored 1,500, back 500, 0.0 MB/s; waits for more lines",
			"",
		}, lines[len(lines)-4:])
	})
}

// On a terminal one line is replaced in place and gone in the end.
func TestProgressLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProgress(&out, true)
		p.phase("ship", func() string { return strings.Repeat("é", 100) })
		<-time.After(500 * time.Millisecond)
		p.print("done")
		p.stop()
		const erase = "\r\x1b[K"
		parts := strings.Split(out.String(), erase)
		require.Len(t, parts, 3)
		require.Equal(t, "   0.2s ship; waits for "+strings.Repeat("é", liveWidth-24), parts[0])
		require.True(t, strings.HasPrefix(parts[1], "   0.4s ship"), parts[1])
		require.Equal(t, "done\n", parts[2])
	})
}

func TestRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(10)
		begin := time.Now()
		put := slsfake.Done{Op: slsfake.OpPutLogs, Status: 200, Begin: begin, Took: time.Second, WireIn: 30, Raw: 90, Logs: 10}
		r.request(put)
		put.Status, put.Logs, put.Raw = 503, 0, 0
		r.request(put)
		r.request(slsfake.Done{Op: slsfake.OpPullLogs, Status: 200, Begin: begin, Took: 2, WireOut: 40, Raw: 90})
		r.request(slsfake.Done{Op: slsfake.OpPullLogs, Status: 200, Begin: begin, Took: 3})
		r.request(slsfake.Done{Op: slsfake.OpHeartbeat, Status: 200, Begin: begin})
		require.Equal(t, []time.Duration{time.Second, time.Second}, r.put.Took)
		require.Equal(t, 1, r.put.Refused)
		require.Equal(t, []int64{60, 90, 40, 90}, []int64{r.put.Wire, r.put.Raw, r.pull.Wire, r.pull.Raw})
		require.Equal(t, []time.Duration{3}, r.idle.Took)

		<-time.After(time.Minute)
		r.read(4)
		<-time.After(time.Minute)
		r.read(7)
		r.read(1) // what comes twice comes after all is there
		stored, back := r.counts()
		require.Equal(t, []int{10, 12}, []int{stored, back})
		require.Equal(t, time.Second, r.stored[0].At)
		require.Equal(t, 2*time.Minute, r.lastRead().Sub(begin))
	})
}

// Reading ends when all came back, and when no more will come.
func TestRecorderWait(t *testing.T) {
	sls := slsfake.New(slsfake.Config{})
	defer sls.Close()
	r := newRecorder(1)
	require.NoError(t, r.wait(t.Context(), sls, func() bool { return true }))
	r.read(1)
	require.NoError(t, r.wait(t.Context(), sls, func() bool { return false }))
}
