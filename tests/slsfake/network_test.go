package slsfake

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func dialTo(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}
}

func TestListen(t *testing.T) {
	s, c := newServer(t, Config{})
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:80", ":0", "example.com:80", "nonsense"} {
		_, err := s.Listen(addr)
		require.Error(t, err, addr)
	}
	overLoopback(t, s, c)
	c.put("over TCP")
	_, err := s.Listen("localhost:0")
	require.NoError(t, err)
	require.Equal(t, 1, s.LogCount("proj", "store"))
}

// Many writers and readers at once lose and double nothing.
func TestConcurrentTraffic(t *testing.T) {
	for _, real := range []bool{false, true} {
		s, c := newServer(t, Config{})
		if real {
			overLoopback(t, s, c)
		}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 25 {
					c.put(fmt.Sprint(w, "-", i))
				}
			})
		}
		seen := map[string]int{}
		for id := range 2 {
			cursor := c.cursor(id, "begin")
			for n := 0; n < 100; {
				res := c.pull(id, cursor, "&count=7", "lz4")
				cursor = res.header.Get("X-Log-Cursor")
				for _, v := range c.values(res) {
					seen[v]++
					n++
				}
			}
		}
		wg.Wait()
		require.Len(t, seen, 200)
		st := s.Stats()
		o := st.Ops[OpPutLogs]
		require.Equal(t, []int64{200, 200, int64(o.ByStatus[200])}, []int64{o.Logs, o.Groups, int64(o.Requests)})
		require.Equal(t, o.RawIn, s.Shards("proj", "store")[0].Bytes+s.Shards("proj", "store")[1].Bytes)
		require.Equal(t, int64(200), st.Ops[OpPullLogs].Groups)
		require.Equal(t, o.Requests+st.Ops[OpPullLogs].Requests+st.Ops[OpGetCursor].Requests, st.Total().Requests)
		require.LessOrEqual(t, st.Connections, 200)
		require.Positive(t, st.OpenConnections)
	}
}

func TestSetDown(t *testing.T) {
	for _, real := range []bool{false, true} {
		s, c := newServer(t, Config{})
		if real {
			overLoopback(t, s, c)
		}
		c.put("up")
		// A call in progress loses its answer.
		entered := make(chan struct{})
		remove := s.Hook(OpPutLogs, func(c *Call) { close(entered); c.Delay(time.Hour) })
		failed := make(chan error)
		go func() {
			_, err := c.try(putReq("/logstores/store", logGroup("x"), "lz4"))
			failed <- err
		}()
		<-entered
		s.SetDown(true)
		require.Error(t, <-failed)
		remove()
		_, err := c.try(putReq("/logstores/store", logGroup("x"), "lz4"))
		require.Error(t, err)
		_, err = s.DialContext(t.Context(), "tcp", "any:1")
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		s.SetDown(false)
		c.put("up again")
		require.Equal(t, 2, s.LogCount("proj", "store"))
	}
}

// A key that is silenced is answered nothing: not by a hook, not that it is unknown, not that
// its clock is wrong. Other keys are.
func TestSilence(t *testing.T) {
	for name, wrong := range map[string]func(*Server){
		"hook":  func(s *Server) { s.Hook(OpPutLogs, func(c *Call) { c.Fail(500, "InternalServerError", "") }) },
		"key":   func(s *Server) { s.RemoveKey("testkey") },
		"clock": func(s *Server) { s.SetClockOffset(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := newServer(t, Config{})
				wrong(s)
				s.Silence("another", true)
				require.NotEqual(t, 200, c.do(putReq("/logstores/store", logGroup("x"), "lz4")).status)
				s.Silence("testkey", true)
				require.True(t, s.Silenced("testkey"))
				failed := make(chan error, 1)
				go func() {
					_, err := c.try(putReq("/logstores/store", logGroup("x"), "lz4"))
					failed <- err
				}()
				synctest.Wait()
				require.Empty(t, failed)
				s.SetDown(true)
				require.Error(t, <-failed)
				s.SetDown(false)
				s.Silence("testkey", false)
				require.NotEqual(t, 200, c.do(putReq("/logstores/store", logGroup("x"), "lz4")).status)
			})
		})
	}
}

func TestDialHonoursContext(t *testing.T) {
	s := New(Config{})
	s.net.serving = true // nobody accepts
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.DialContext(ctx, "tcp", "any:1")
	require.ErrorIs(t, err, context.Canceled)
	s.Close()
	_, err = s.DialContext(t.Context(), "tcp", "any:1")
	require.Error(t, err)
}

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		size := len(logGroup("0"))
		s, c := newServer(t, Config{Quota: Quota{WriteBytes: 3 * size, WriteRequests: 100, ReadBytes: 10 * size, ReadRequests: 5}})
		s.CreateLogstore("proj", "store", 1)
		put := func() string { return c.do(putReq("/logstores/store", logGroup("0"), "lz4")).code }
		// A second's worth at once, then as the bytes come in again.
		for range 3 {
			require.Empty(t, put())
		}
		res := c.do(putReq("/logstores/store", logGroup("0"), "lz4"))
		require.Equal(t, "ShardWriteQuotaExceed", res.code)
		require.Equal(t, 403, res.status)
		require.Equal(t, 3, s.LogCount("proj", "store"))
		<-time.After(500 * time.Millisecond)
		require.Empty(t, put())
		require.Empty(t, put(), "into debt")
		require.Equal(t, "ShardWriteQuotaExceed", put())
		// On average the rate holds, however hard the client pushes.
		before := s.LogCount("proj", "store")
		for range 500 {
			put()
			<-time.After(20 * time.Millisecond)
		}
		require.InDelta(t, 30, s.LogCount("proj", "store")-before, 2)

		begin := c.cursor(0, "begin")
		require.Len(t, c.values(c.pull(0, begin, "&count=1000", "lz4")), s.LogCount("proj", "store"))
		require.Equal(t, "ShardReadQuotaExceed", c.pull(0, begin, "&count=1000", "lz4").code)
		<-time.After(10 * time.Second)
		for range 5 {
			require.Equal(t, 200, c.pull(0, begin, "&count=1", "lz4").status)
		}
		res = c.pull(0, begin, "&count=1", "lz4")
		require.Equal(t, 403, res.status)
		require.Contains(t, string(res.body), "QPS")
	})
}

func TestWriteRequestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{Quota: ProductionQuota()})
		s.CreateLogstore("proj", "store", 1)
		ok := 0
		for range 2000 {
			if c.do(putReq("/logstores/store", logGroup("0"), "lz4")).status == 200 {
				ok++
			}
			<-time.After(time.Millisecond)
		}
		require.InDelta(t, 1500, ok, 5) // 500 at once and 500 for each of 2 s
	})
}

// A body larger than anything is refused without reading it.
func TestHugeBody(t *testing.T) {
	s, c := newServer(t, Config{})
	conn, err := s.DialContext(t.Context(), "tcp", "x")
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /logstores/store HTTP/1.1\r\nHost: proj.x\r\nContent-Length: 99999999999\r\n\r\n")
	require.NoError(t, err)
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	require.NoError(t, err)
	require.Contains(t, string(b[:n]), "400 Bad Request")
	rest, _ := io.ReadAll(io.LimitReader(conn, 1<<16))
	require.Contains(t, string(b[:n])+string(rest), "PostBodyTooLarge")
	c.put("others go on")
}

// A client that stops in the middle of its body leaves no trace.
func TestHalfBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, Config{})
		conn, err := s.DialContext(t.Context(), "tcp", "x")
		require.NoError(t, err)
		_, err = io.WriteString(conn, "POST /logstores/store HTTP/1.1\r\nHost: proj.x\r\nContent-Length: 100\r\n\r\n"+
			strings.Repeat("x", 50))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		synctest.Wait()
		require.Equal(t, 1, s.Stats().Ops[OpUnknown].Aborted)
		require.Zero(t, s.Stats().OpenConnections)
	})
}

func TestJSONIsNeverCompressed(t *testing.T) {
	_, c := newServer(t, Config{})
	for _, enc := range []string{"gzip", "deflate", "lz4"} {
		res := c.do(req{method: http.MethodGet, uri: "/logstores", headers: map[string]string{"Accept-Encoding": enc}})
		require.Equal(t, "application/json", res.header.Get("Content-Type"))
		require.Empty(t, res.header.Get("Content-Encoding"))
		require.JSONEq(t, `{"count":1,"total":1,"logstores":["store"]}`, string(res.body))
	}
}
