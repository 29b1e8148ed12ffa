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
	status int // 0 = an error
	body   io.ReadCloser
}

func (h *hoarder) RoundTrip(r *http.Request) (*http.Response, error) {
	h.body = r.Body
	if h.status == 0 {
		return nil, errors.New("broken")
	}
	return &http.Response{StatusCode: h.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("x"))}, nil
}

// Whatever came back, once a call is over the transport gets no more of the
// caller's bytes.
func TestTransportCannotReadOn(t *testing.T) {
	for _, status := range []int{0, 200, 400, 502} {
		h := &hoarder{status: status}
		err := put(t, newClient(t, "http://host", func(cfg *Config) { cfg.Transport = h }))
		require.Equal(t, status != 200, err != nil)
		n, err := h.body.Read(make([]byte, 10))
		require.Zero(t, n)
		require.ErrorIs(t, err, errReleased)
	}
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
