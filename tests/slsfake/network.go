package slsfake

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// network is how clients reach the server: an in-memory listener over
// net.Pipe, and any number of real ones. The idea of an in-memory network that
// runs the unchanged HTTP stack in virtual time is kfake's VirtualNetwork.
type network struct {
	server *http.Server
	pipes  *pipeListener

	mu      sync.Mutex // guards what follows
	open    map[net.Conn]struct{}
	serving bool // the goroutine that serves pipes runs
	down    bool
	closed  bool
	wg      sync.WaitGroup // Serve loops; started under mu and only while !closed
}

func newNetwork(h http.Handler, st *statsTable) *network {
	n := &network{
		pipes: &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})},
		open:  map[net.Conn]struct{}{},
	}
	n.server = &http.Server{
		Handler:  h, // no timeouts: virtual time would reach them at once
		ErrorLog: log.New(io.Discard, "", 0),
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				n.track(c)
				st.connection(1)
			case http.StateClosed, http.StateHijacked:
				n.untrack(c)
				st.connection(-1)
			default:
			}
		},
	}
	return n
}

func (n *network) track(c net.Conn) {
	n.mu.Lock()
	n.open[c] = struct{}{}
	cut := n.down
	n.mu.Unlock()
	if cut {
		reset(c)
	}
}

func (n *network) untrack(c net.Conn) {
	n.mu.Lock()
	delete(n.open, c)
	n.mu.Unlock()
}

// startLocked runs Serve on l; it ends when the http.Server is closed.
func (n *network) startLocked(l net.Listener) {
	n.wg.Go(func() {
		_ = n.server.Serve(l) // ErrServerClosed, nothing else ends it
	})
}

func (n *network) listen(addr string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return "", http.ErrServerClosed
	}
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return "", err
	}
	l, err := net.ListenTCP("tcp", tcp)
	if err != nil {
		return "", err
	}
	n.startLocked(l)
	return "http://" + l.Addr().String(), nil
}

// dial opens an in-memory connection.
func (n *network) dial(ctx context.Context, addr string) (net.Conn, error) {
	n.mu.Lock()
	refused := n.closed || n.down
	if !refused && !n.serving {
		n.serving = true
		n.startLocked(n.pipes)
	}
	n.mu.Unlock()
	refusal := &net.OpError{Op: "dial", Net: "tcp", Addr: pipeAddr(addr), Err: syscall.ECONNREFUSED}
	if refused {
		return nil, refusal
	}
	client, server := net.Pipe()
	select {
	case n.pipes.conns <- server:
		return client, nil
	case <-n.pipes.done:
		return nil, refusal
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// setDown cuts (or mends) the network: open connections are reset, in-memory
// dials are refused, real connections are reset when they are accepted.
func (n *network) setDown(down bool) {
	n.mu.Lock()
	n.down = down
	var cut []net.Conn
	if down {
		for c := range n.open {
			cut = append(cut, c)
		}
	}
	n.mu.Unlock()
	for _, c := range cut {
		reset(c)
	}
}

func (n *network) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	_ = n.pipes.Close()
	_ = n.server.Close() // errors of closing connections concern nobody
	n.wg.Wait()
}

// reset closes c so that the peer sees a reset rather than an orderly end,
// where the transport has such a thing.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a dead connection
	}
	_ = c.Close()
}

// pipeListener hands the server ends of pipes to http.Server.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, errors.New("in-memory listener closed")
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr("slsfake") }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

// DialContext opens an in-memory connection to the server, whatever network
// and addr say. It works in and outside testing/synctest bubbles.
func (s *Server) DialContext(ctx context.Context, _, addr string) (net.Conn, error) {
	return s.net.dial(ctx, addr)
}

// Transport returns a new transport that dials the server in memory. The
// caller owns it (CloseIdleConnections); it uses no proxy.
func (s *Server) Transport() *http.Transport {
	return &http.Transport{
		DialContext:         s.DialContext,
		MaxIdleConns:        1024,
		MaxIdleConnsPerHost: 1024,
		WriteBufferSize:     64 << 10, // a pipe hands over one write at a time
		ReadBufferSize:      64 << 10,
	}
}

// SetDown cuts the network when down is true: every open connection is reset,
// calls in progress lose their answer, new connections are refused (those of
// Listen: reset once accepted). False mends it.
func (s *Server) SetDown(down bool) { s.net.setDown(down) }
