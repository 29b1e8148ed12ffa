package sls

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pipeClient makes a client whose connections are in-memory pipes served by
// serve, which must return when the connection is closed. Pipes have no buffer:
// what the server does not read was not sent, so each case is exact.
func pipeClient(t *testing.T, serve func(conn net.Conn), change func(*Config)) *Client {
	t.Helper()
	transport := wire{maxConns: 4}.transport()
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			serve(far)
		}()
		return near, nil
	}
	return newClient(t, "http://127.0.0.1", func(cfg *Config) {
		cfg.Transport = transport
		if change != nil {
			change(cfg)
		}
	})
}

// readRequest reads one whole request.
func readRequest(conn net.Conn) {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
}

// readUntilClosed holds a connection without an answer.
func readUntilClosed(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// When may a write that failed have been carried out: Error.Ambiguous says.
func TestAmbiguous(t *testing.T) {
	big := Body{Data: bytes.Repeat([]byte("x"), 1<<20), RawSize: 1 << 20, Codec: None}
	for name, tc := range map[string]struct {
		serve     func(conn net.Conn)
		body      Body
		ambiguous bool
		accepted  bool
	}{
		"closed before anything is read": {func(net.Conn) {}, big, false, false},
		"closed within the head":         {func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 10) }, big, false, false},
		"closed within the body":         {func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 1<<19) }, big, false, false},
		"closed after the request":       {readRequest, big, true, false},
		"small, closed after it":         {readRequest, oneByte, true, false},
		"closed within the status line": {func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 20")
		}, big, true, false},
		"closed within the headers": {func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
		}, big, true, false},
		"not HTTP": {func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n\r\n")
		}, big, true, false},
		"closed within the body of a 200": {func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx")
		}, big, false, true},
		"closed within the body of a 400": {func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad\r\nContent-Length: 100\r\n\r\n{\"err")
		}, big, false, false},
		"closed within the body of a 500": {func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 500 Bad\r\nContent-Length: 100\r\n\r\n{\"err")
		}, big, true, false},
		"refused before the body is read": {func(c net.Conn) {
			_, _ = io.CopyN(io.Discard, c, 100)
			_, _ = io.WriteString(c, "HTTP/1.1 413 Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}, big, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := pipeClient(t, tc.serve, nil)
			err := c.Logstore("p", "l").PutLogs(t.Context(), tc.body, "")
			if tc.accepted {
				require.NoError(t, err)
				return
			}
			e := requireError(t, err)
			require.Equal(t, tc.ambiguous, e.Ambiguous, "%v", err)
			require.Equal(t, tc.ambiguous, IsAmbiguous(err))
			if e.Status != 413 {
				require.Equal(t, ClassRetry, e.Class)
			}
		})
	}
}

// Calls beside PutLogs, calls whose answer matters, and calls that read.
func TestAmbiguousOtherCalls(t *testing.T) {
	c := pipeClient(t, readRequest, nil).Logstore("p", "l")
	require.True(t, requireError(t, c.CreateConsumerGroup(t.Context(), ConsumerGroup{Name: "g"})).Ambiguous)
	_, err := c.ListShards(t.Context())
	require.False(t, requireError(t, err).Ambiguous)

	c = pipeClient(t, func(conn net.Conn) {
		readRequest(conn)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[1,")
	}, nil).Logstore("p", "l")
	_, err = c.Heartbeat(t.Context(), Member{"g", "c"}, nil)
	require.True(t, requireError(t, err).Ambiguous, "the server has had the heartbeat")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// Nothing was sent: the dial failed, never ended, or the context was over.
func TestNotSentIsNotAmbiguous(t *testing.T) {
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	refused := newClient(t, "http://"+l.Addr().String(), nil).Logstore("p", "l")
	for _, err := range []error{refused.PutLogs(t.Context(), oneByte, ""), refused.CreateConsumerGroup(t.Context(), ConsumerGroup{Name: "g"})} {
		e := requireError(t, err)
		require.False(t, e.Ambiguous)
		require.Equal(t, ClassRetry, e.Class)
		require.Contains(t, e.Mend, "endpoint")
	}

	transport := wire{maxConns: 1}.transport()
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	hanging := newClient(t, "http://127.0.0.1", func(cfg *Config) {
		cfg.Transport, cfg.RequestTimeout = transport, 20*time.Millisecond
	}).Logstore("p", "l")
	e := requireError(t, hanging.PutLogs(t.Context(), oneByte, ""))
	require.False(t, e.Ambiguous)
	require.ErrorIs(t, e, ErrTimeout)
	require.NotErrorIs(t, e, context.DeadlineExceeded)

	over, cancel := context.WithCancel(t.Context())
	cancel()
	e = requireError(t, hanging.PutLogs(over, oneByte, ""))
	require.False(t, e.Ambiguous)
	require.ErrorIs(t, e, context.Canceled)
}

// The request's time-out and the caller's context end a waiting call at once, with
// different errors.
func TestEndedWhileWaiting(t *testing.T) {
	slow := pipeClient(t, readUntilClosed, func(cfg *Config) { cfg.RequestTimeout = 30 * time.Millisecond }).Logstore("p", "l")
	e := requireError(t, slow.PutLogs(t.Context(), oneByte, ""))
	require.True(t, e.Ambiguous)
	require.Equal(t, ClassRetry, e.Class)
	require.ErrorIs(t, e, ErrTimeout)
	require.NotErrorIs(t, e, context.DeadlineExceeded)
	require.ErrorContains(t, e, "request_timeout 30ms")

	patient := pipeClient(t, readUntilClosed, nil).Logstore("p", "l")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	e = requireError(t, patient.PutLogs(ctx, oneByte, ""))
	require.True(t, e.Ambiguous)
	require.ErrorIs(t, e, context.DeadlineExceeded)
	require.NotErrorIs(t, e, ErrTimeout)
}

// Every call ends when its context does, while the request is written, while
// the answer is waited for, and while its body is read.
func TestCancel(t *testing.T) {
	calls := map[string]func(ctx context.Context, l Logstore) error{
		"put": func(ctx context.Context, l Logstore) error {
			return l.PutLogs(ctx, Body{Data: bytes.Repeat([]byte("x"), 1<<20), RawSize: 1 << 20}, "")
		},
		"list shards": func(ctx context.Context, l Logstore) error { _, err := l.ListShards(ctx); return err },
		"cursor":      func(ctx context.Context, l Logstore) error { _, err := l.GetCursor(ctx, 0, "end"); return err },
		"cursor time": func(ctx context.Context, l Logstore) error { _, err := l.GetCursorTime(ctx, 0, "MTI="); return err },
		"pull": func(ctx context.Context, l Logstore) error {
			_, err := l.PullLogs(ctx, Pull{Cursor: "MTI="})
			return err
		},
		"list logstores": func(ctx context.Context, l Logstore) error { _, err := l.client.ListLogstores(ctx, "p"); return err },
		"list groups":    func(ctx context.Context, l Logstore) error { _, err := l.ListConsumerGroups(ctx); return err },
		"create group": func(ctx context.Context, l Logstore) error {
			return l.CreateConsumerGroup(ctx, ConsumerGroup{Name: "g"})
		},
		"heartbeat": func(ctx context.Context, l Logstore) error {
			_, err := l.Heartbeat(ctx, Member{"g", "c"}, nil)
			return err
		},
		"put checkpoint": func(ctx context.Context, l Logstore) error {
			return l.UpdateCheckpoint(ctx, Member{"g", "c"}, 0, "MTI=")
		},
		"get checkpoints": func(ctx context.Context, l Logstore) error { _, err := l.Checkpoints(ctx, "g"); return err },
	}
	for name, call := range calls {
		for stage, answer := range map[string]string{
			"writing": "", "waiting": " ", "reading": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Log-Cursor: MTI=\r\n" +
				"X-Log-Count: 1\r\nX-Log-Bodyrawsize: 1000\r\nX-Log-Compresstype: lz4\r\n\r\n[",
		} {
			t.Run(name+" "+stage, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				c := pipeClient(t, func(conn net.Conn) {
					if answer == "" {
						_, _ = io.CopyN(io.Discard, conn, 10)
						cancel()
						<-ctx.Done()
						return
					}
					readRequest(conn)
					_, _ = io.WriteString(conn, strings.TrimSpace(answer))
					cancel()
					readUntilClosed(conn)
				}, nil)
				err := call(ctx, c.Logstore("p", "l"))
				if err == nil {
					// A 200 without a body of interest is done however it goes on.
					require.Equal(t, "reading", stage)
					return
				}
				require.ErrorIs(t, requireError(t, err), context.Canceled)
			})
		}
	}
}

// When PutLogs returns, cancelled in the middle of writing, the transport reads
// no more of the caller's bytes: they can be overwritten. -race is the judge.
func TestBytesAreTheCallersAgain(t *testing.T) {
	var cancelNow atomic.Pointer[context.CancelFunc]
	c := pipeClient(t, func(conn net.Conn) {
		_, _ = io.CopyN(io.Discard, conn, 70_000)
		(*cancelNow.Load())()
		readUntilClosed(conn)
	}, nil)
	data := make([]byte, 1<<20)
	for range 30 {
		ctx, cancel := context.WithCancel(t.Context())
		cancelNow.Store(&cancel)
		err := c.Logstore("p", "l").PutLogs(ctx, Body{Data: data, RawSize: len(data), Codec: None}, "")
		require.ErrorIs(t, err, context.Canceled)
		for i := range data {
			data[i]++
		}
	}
}

func TestRequestBody(t *testing.T) {
	b := &requestBody{data: []byte("abcdef")}
	p := make([]byte, 4)
	n, err := b.Read(p)
	require.Equal(t, "abcd", string(p[:n]))
	require.NoError(t, err)
	again, err := b.rewind() // the transport's, after a dead connection
	require.NoError(t, err)
	all, err := io.ReadAll(again)
	require.NoError(t, err)
	require.Equal(t, "abcdef", string(all))
	require.NoError(t, b.Close())
	require.True(t, b.release())
	_, err = b.Read(p)
	require.ErrorIs(t, err, io.EOF, "the transport looks for more: none, no failure")
	_, err = b.rewind()
	require.ErrorIs(t, err, errReleased)
	require.True(t, b.release())

	b = &requestBody{data: []byte("abcdef")}
	_, err = b.Read(p)
	require.NoError(t, err)
	require.False(t, b.release())
	_, err = b.Read(p)
	require.ErrorIs(t, err, errReleased)
	require.False(t, b.release())
}
