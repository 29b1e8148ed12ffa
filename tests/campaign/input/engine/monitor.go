package engine

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Monitor is the monitoring server of one host after the other.
type Monitor struct {
	Url    string
	http   *http.Server
	Engine atomic.Pointer[Engine]

	mu     sync.Mutex // guards what follows
	random *rand.Rand
	off    time.Time // until then it does not answer well
}

// NewMonitor starts one.
func NewMonitor(ctx context.Context, r *rand.Rand) (*Monitor, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Monitor{Url: "http://" + l.Addr().String(), random: r}
	m.http = &http.Server{Handler: m, ReadHeaderTimeout: time.Minute}
	go func() { _ = m.http.Serve(l) }() // ends with close
	return m, nil
}

// Close stops it.
func (m *Monitor) Close() { _ = m.http.Close() }

// ServeHTTP answers as Fluent Bit's own server does. Now and then the answer is useless.
func (m *Monitor) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	page := ""
	if e := m.Engine.Load(); e != nil {
		page = e.report()
	}
	switch sick := m.fault(); {
	case page == "" || r.URL.Path != "/api/v2/metrics/prometheus":
		http.NotFound(rw, r)
	case sick == 1:
		http.Error(rw, "busy", http.StatusInternalServerError)
	case sick == 2: // breaks off
		rw.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = io.WriteString(rw, page[:len(page)/2])
	case sick == 3: // storage.metrics off
		lines := slices.DeleteFunc(strings.Split(page, "\n"), func(s string) bool { return strings.Contains(s, "_chunks") })
		_, _ = io.WriteString(rw, strings.Join(lines, "\n"))
	default:
		_, _ = io.WriteString(rw, page)
	}
}

// fault says in which way an answer is useless; 0 is none.
func (m *Monitor) fault() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.random.IntN(100) == 0 {
		m.off = now.Add(time.Duration(m.random.IntN(3000)) * time.Millisecond)
	}
	if now.Before(m.off) {
		return 1 + m.random.IntN(3)
	}
	return 0
}
