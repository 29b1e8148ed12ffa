package slsfake

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHookSees(t *testing.T) {
	s, c := newServer(t, Config{})
	c.createGroup(10, false)
	var calls []Call
	remove := s.Hook("", func(call *Call) {
		seen := *call
		seen.Header, seen.Body = nil, nil
		calls = append(calls, seen)
		require.NotEmpty(t, call.Header.Get("Authorization"))
	})
	pulls := 0
	s.Hook(OpPullLogs, func(call *Call) {
		require.Equal(t, OpPullLogs, call.Op)
		pulls++
	})
	key := "000000000000000000000000000000ff"
	c.do(putReq("/logstores/store/shards/route?key="+key, logGroup("x"), "lz4"))
	cursor := c.cursor(1, "begin")
	c.pull(1, cursor, "&count=1", "lz4")
	c.beat("me")
	c.commit("me", 1, cursor, false)
	c.put("y")
	bad := *c
	bad.secret = "wrong"
	bad.get("/logstores", nil) // hooks see authenticated calls only
	c.get("/unknown", nil)     // and known operations
	for i := range calls {
		require.NotEmpty(t, calls[i].RequestID)
		require.Equal(t, "testkey", calls[i].AccessKeyID)
		calls[i].RequestID, calls[i].AccessKeyID = "", ""
	}
	require.Equal(t, []Call{
		{Op: OpPutLogs, Project: "proj", Logstore: "store", Shard: 0, HashKey: key, N: 1, Method: "POST"},
		{Op: OpGetCursor, Project: "proj", Logstore: "store", Shard: 1, N: 1, Method: "GET"},
		{Op: OpPullLogs, Project: "proj", Logstore: "store", Shard: 1, Cursor: cursor, N: 1, Method: "GET"},
		{Op: OpHeartbeat, Project: "proj", Logstore: "store", Group: "group", Consumer: "me", Shard: -1, N: 1, Method: "POST"},
		{
			Op: OpUpdateCheckpoint, Project: "proj", Logstore: "store", Group: "group", Consumer: "me", Shard: 1,
			Cursor: cursor, N: 1, Method: "POST",
		},
		{Op: OpPutLogs, Project: "proj", Logstore: "store", Shard: -1, N: 2, Method: "POST"},
	}, calls)
	require.Equal(t, 1, pulls)
	remove()
	remove()
	c.put("z")
	require.Len(t, calls, 6)
}

func TestHookAnswers(t *testing.T) {
	s, c := newServer(t, Config{})
	tests := []struct {
		name   string
		fn     func(*Call)
		status int
		code   string
		stored bool
	}{
		{"observe", func(*Call) {}, 200, "", true},
		{"fail", func(c *Call) { c.Fail(403, "WriteQuotaExceed", "slow down") }, 403, "WriteQuotaExceed", false},
		{"odd status", func(c *Call) { c.Fail(599, "Odd", "") }, 599, "Odd", false},
		{"html", func(c *Call) { c.FailHTML(502) }, 502, "", false},
		{"own answer", func(c *Call) {
			c.Answer(200, http.Header{"x-own": {"1"}, "X-Log-Requestid": {"mine"}}, []byte("not JSON"))
		}, 200, "", false},
		{"the later wins", func(c *Call) { c.Fail(500, "A", ""); c.Fail(503, "ServerBusy", "") }, 503, "ServerBusy", false},
	}
	for _, tc := range tests {
		before := s.LogCount("proj", "store")
		remove := s.Hook(OpPutLogs, tc.fn)
		res := c.do(putReq("/logstores/store", logGroup("x"), "lz4"))
		remove()
		require.Equal(t, tc.status, res.status, tc.name)
		require.Equal(t, tc.code, res.code, tc.name)
		require.NotEmpty(t, res.header.Get("X-Log-Requestid"), tc.name)
		require.NotEmpty(t, res.header.Get("Date"), tc.name)
		require.Equal(t, tc.stored, s.LogCount("proj", "store") > before, tc.name)
		if tc.name == "own answer" {
			require.Equal(t, []string{"1", "mine", "not JSON"},
				[]string{res.header.Get("X-Own"), res.header.Get("X-Log-Requestid"), string(res.body)})
		}
		if tc.name == "html" {
			require.Equal(t, "text/html", res.header.Get("Content-Type"))
			require.Contains(t, string(res.body), "Bad Gateway")
		}
	}
	require.Equal(t, map[int]int{200: 2, 403: 1, 599: 1, 502: 1, 503: 1}, s.Stats().Ops[OpPutLogs].ByStatus)
	require.Equal(t, map[string]int{"WriteQuotaExceed": 1, "Odd": 1, "ServerBusy": 1}, s.Stats().Ops[OpPutLogs].ByCode)
}

// Resets before and after acceptance look the same to the client; the server
// knows the difference. Over pipes and over real sockets.
func TestHookCloses(t *testing.T) {
	for _, real := range []bool{false, true} {
		s, c := newServer(t, Config{})
		if real {
			overLoopback(t, s, c)
		}
		for _, tc := range []struct {
			name   string
			fn     func(*Call)
			stored int
		}{
			{"before", (*Call).CloseBefore, 0},
			{"after", (*Call).CloseAfter, 1},
			{"half an answer", func(c *Call) { c.Answer(200, nil, []byte("0123456789")); c.Truncate(5) }, 0},
			{"no answer's body", func(c *Call) { c.Answer(200, nil, []byte("0123456789")); c.Truncate(0) }, 0},
		} {
			before, aborted := s.LogCount("proj", "store"), s.Stats().Ops[OpPutLogs].Aborted
			remove := s.Hook(OpPutLogs, tc.fn)
			_, err := c.try(putReq("/logstores/store", logGroup("x"), "lz4"))
			remove()
			require.Error(t, err, "%s, real %v", tc.name, real)
			require.Equal(t, before+tc.stored, s.LogCount("proj", "store"), tc.name)
			require.Equal(t, aborted+1, s.Stats().Ops[OpPutLogs].Aborted, tc.name)
			c.put("works again")
		}
	}
}

// overLoopback moves c from pipes to a real listener.
func overLoopback(t *testing.T, s *Server, c *client) {
	url, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	tr := &http.Transport{DialContext: dialTo(url[len("http://"):])}
	t.Cleanup(tr.CloseIdleConnections)
	c.hc = &http.Client{Transport: tr}
}

func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		timed := func(fn func(*Call), timeout time.Duration) (time.Duration, error) {
			defer s.Hook(OpPutLogs, fn)()
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			q := putReq("/logstores/store", logGroup("x"), "lz4")
			q.ctx = ctx
			start := time.Now()
			_, err := c.try(q)
			synctest.Wait()
			return time.Since(start), err
		}
		before := func(c *Call) { c.Delay(30 * time.Second) }
		after := func(c *Call) { c.DelayAfter(30 * time.Second) }

		took, err := timed(before, time.Minute)
		require.NoError(t, err)
		require.Equal(t, 30*time.Second, took)
		require.Equal(t, 1, s.LogCount("proj", "store"))
		took, err = timed(after, time.Minute)
		require.NoError(t, err)
		require.Equal(t, 30*time.Second, took)
		require.Equal(t, 2, s.LogCount("proj", "store"))

		// The client gives up: before acceptance nothing is stored, after it is.
		took, err = timed(before, time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, took)
		<-time.After(time.Minute)
		require.Equal(t, 2, s.LogCount("proj", "store"))
		_, err = timed(after, time.Second)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 3, s.LogCount("proj", "store"))

		took, err = timed(func(c *Call) { c.Delay(time.Second); c.Fail(500, "InternalServerError", "") }, time.Minute)
		require.NoError(t, err)
		require.Equal(t, time.Second, took)
	})
}

func TestCloseEndsDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		s.Hook("", func(c *Call) { c.Delay(time.Hour) })
		start := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				_, err := c.try(putReq("/logstores/store", logGroup("x"), "lz4"))
				require.Error(t, err)
			})
		}
		synctest.Wait()
		s.Close()
		s.Close()
		wg.Wait()
		require.Zero(t, time.Since(start))
		require.Zero(t, s.LogCount("proj", "store"), "state stays readable")
		_, err := c.try(req{method: "GET", uri: "/"})
		require.ErrorContains(t, err, "refused")
		_, err = s.Listen("127.0.0.1:0")
		require.Error(t, err)
	})
}

func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		s.Hook(OpGetProject, func(c *Call) {
			c.Answer(200, nil, make([]byte, 1000))
			c.SlowBody(100)
		})
		start := time.Now()
		res := c.do(req{method: "GET", uri: "/"})
		require.Len(t, res.body, 1000)
		// The last step's pause overlaps with the client, which has it all.
		require.InDelta(t, 10*time.Second, time.Since(start), float64(200*time.Millisecond))
	})
}

// Hooks may be changed from any goroutine and use the server themselves.
func TestHooksChangeConcurrently(t *testing.T) {
	s, c := newServer(t, Config{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 50 {
				remove := s.Hook("", func(*Call) { s.LogCount("proj", "store"); s.Stats() })
				if i%2 == 0 {
					c.do(putReq("/logstores/store", logGroup("x"), "lz4"))
				}
				remove()
			}
		})
	}
	wg.Wait()
	require.Equal(t, 100, s.LogCount("proj", "store"))
}

func TestFirst(t *testing.T) {
	s, c := newServer(t, Config{})
	s.Hook(OpPutLogs, First(2, func(c *Call) { c.Fail(503, "ServerBusy", "") }))
	var got []int
	for i := range 4 {
		got = append(got, c.do(putReq("/logstores/store", logGroup(fmt.Sprint(i)), "lz4")).status)
	}
	require.Equal(t, []int{503, 503, 200, 200}, got)
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		done := make(chan error, 1)
		go func() {
			done <- s.Wait(t.Context(), func() bool { return s.LogCount("proj", "store") == 3 })
		}()
		for range 3 {
			synctest.Wait()
			require.Empty(t, done)
			c.put("x")
		}
		require.NoError(t, <-done)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, s.Wait(ctx, func() bool { return false }), context.DeadlineExceeded)
	})
}
