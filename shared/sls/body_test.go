package sls

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// hoarder is a transport that answers without reading the request's body, and
// keeps it, as net/http's may for a moment.
type hoarder struct {
	status int // 0 = an error, -1 = a panic
	body   io.ReadCloser
}

func (h *hoarder) RoundTrip(r *http.Request) (*http.Response, error) {
	h.body = r.Body
	switch h.status {
	case 0:
		return nil, errors.New("broken")
	case -1:
		panic("broken")
	}
	return &http.Response{StatusCode: h.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("x"))}, nil
}

// Whatever came back, once a call is over the transport gets no more of the
// caller's bytes.
func TestTransportCannotReadOn(t *testing.T) {
	for _, status := range []int{0, 200, 400, 502} {
		h := &hoarder{status: status}
		require.Error(t, put(t, newClient(t, "http://host", func(cfg *Config) { cfg.Transport = h })))
		n, err := h.body.Read(make([]byte, 10))
		require.Zero(t, n)
		require.ErrorIs(t, err, errReleased)
	}
}

// A 200 before the request was read to its end accepts nothing, whoever says it; nor can
// the logs be anywhere.
func TestAcceptanceBeforeTheLogsIsNone(t *testing.T) {
	over := make(chan struct{})
	c := pipeClient(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		<-over // or its closing may be seen before the answer
	}, nil)
	large := make([]byte, 64<<10)
	err := c.Logstore("p", "l").PutLogs(t.Context(), Body{Data: large, RawSize: len(large), Codec: None}, "")
	close(over)
	e := requireError(t, err)
	require.ErrorIs(t, err, ErrBadAnswer)
	require.Equal(t, ClassRetry, e.Class)
	require.False(t, e.Ambiguous)
}

// A transport that has panicked gets no more of the caller's bytes either.
func TestTransportThatPanickedCannotReadOn(t *testing.T) {
	h := &hoarder{status: -1}
	c := newClient(t, "http://host", func(cfg *Config) { cfg.Transport = h })
	require.Panics(t, func() { _ = put(t, c) })
	_, err := h.body.Read(make([]byte, 10))
	require.ErrorIs(t, err, errReleased)
}

// dyingConn stops taking bytes when told to, without any sign until then: a
// pooled connection whose other end is gone.
type dyingConn struct {
	net.Conn
	dead *atomic.Bool
}

func (c dyingConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return 0, syscall.EPIPE
	}
	return c.Conn.Write(p)
}

// A write on a pooled connection that turns out dead before it took a byte is
// sent on a new one, whole.
func TestDeadPooledConnection(t *testing.T) {
	rec := newRecorder(t, ok)
	var dials int
	first := new(atomic.Bool)
	transport := wire{maxConns: 1}.transport()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, rec.Listener.Addr().String())
		if dials++; dials == 1 {
			conn = dyingConn{conn, first}
		}
		return conn, err
	}
	c := newClient(t, rec.URL, func(cfg *Config) { cfg.Transport = transport })
	require.NoError(t, put(t, c))
	first.Store(true)
	require.NoError(t, put(t, c))
	require.Equal(t, 2, dials)
	require.Len(t, rec.requests(), 2)
	require.Equal(t, oneByte.Data, rec.requests()[1].body)
}
