package sls

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
)

const (
	defaultRequestTimeout = 30 * time.Second
	defaultMaxConns       = 8
	defaultUserAgent      = "fluent-bit-sls"
)

// Config is what a Client needs. Endpoint and Credentials are required.
type Config struct {
	// Endpoint is host[:port] or http(s)://host[:port]; no scheme means https.
	// With an IP address or localhost the connection goes there and the Host
	// header stays project.endpoint. Of several, separated by commas, the first is
	// used as long as it answers: see the type endpoints.
	Endpoint string
	// Credentials is asked for every request, so it must cache and be safe for concurrent
	// use. One that does network has to be a Refresher: then a call waits for it no longer
	// than its context, and refusals reach it. One with a Close method is closed with the
	// Client.
	Credentials sdk.CredentialsProvider
	SignVersion string // SignAuto (default), SignV1 or SignV4
	Region      string // what V4 signs for; "" = the region that the endpoint's name tells
	UserAgent   string // default "fluent-bit-sls"
	// MaxConns is how many idle connections are kept, over all hosts. With fewer than
	// there are requests at once, connections are closed and opened all the time. Each
	// project is a host of its own, and records may name any number of them. MaxConns
	// limits nothing else: a heartbeat never queues behind pulls. Default 8.
	MaxConns int
	// RequestTimeout bounds each HTTP request from connecting to the last byte of
	// the answer, on top of the call's context. Default 30 s.
	RequestTimeout time.Duration
	// CAFile is a PEM file with certificate authorities to trust beside the
	// system's; "" = none.
	CAFile string
	// Proxy chooses the proxy of a request; nil = by the environment, and none for
	// endpoints that are addresses.
	Proxy func(*http.Request) (*url.URL, error)
	// Logger gets a line when another endpoint is used; nil = silent.
	Logger *slog.Logger
	// Transport replaces the client's own transport; for tests.
	Transport http.RoundTripper
}

// Client talks to one service with one identity. It is safe for concurrent
// use. Projects and logstores are named per call: see Logstore.
type Client struct {
	endpoints   endpoints
	credentials sdk.CredentialsProvider
	refresher   Refresher // credentials, if it is one; else nil
	userAgent   string
	timeout     time.Duration
	transport   http.RoundTripper

	clockOffset atomic.Int64 // nanoseconds to add to this host's clock
	wireBuffers sync.Pool    // *[]byte, compressed answers
}

// New checks cfg and returns a Client. All problems are reported at once, each
// naming its option. It does no network.
func New(cfg Config) (*Client, error) {
	list, err := parseEndpoints(cfg.Endpoint)
	problems := []error{err}
	roots, err := loadRoots(cfg.CAFile)
	if err != nil {
		problems = append(problems, fmt.Errorf("ca_file %q: %w", shorten(cfg.CAFile, maxForeign), err))
	}
	if cfg.Credentials == nil {
		problems = append(problems, errors.New("access_key_id and access_key_secret: missing"))
	}
	version := cmp.Or(strings.ToLower(cfg.SignVersion), SignAuto)
	problems = append(problems, chooseSignature(list, version, cfg.Region))
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	c := &Client{
		endpoints:   endpoints{list: list, log: cfg.Logger, began: time.Now()},
		credentials: cfg.Credentials,
		userAgent:   shorten(cfg.UserAgent, 200),
		timeout:     cfg.RequestTimeout,
		transport:   cfg.Transport,
	}
	c.refresher, _ = cfg.Credentials.(Refresher)
	c.setDefaults()
	if c.transport == nil {
		c.transport = wire{list, cmp.Or(max(cfg.MaxConns, 0), defaultMaxConns), c.timeout, cfg.Proxy, roots}.transport()
	}
	return c, nil
}

func (c *Client) setDefaults() {
	if c.userAgent == "" {
		c.userAgent = defaultUserAgent
	}
	if c.timeout <= 0 {
		c.timeout = defaultRequestTimeout
	}
}

// Close closes idle connections and the credential provider. Calls in flight go
// on; cancel their contexts.
func (c *Client) Close() {
	if p, ok := c.credentials.(io.Closer); ok {
		_ = p.Close() // there is nothing left to do about it
	}
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Endpoint is the endpoint in use, as scheme://host[:port].
func (c *Client) Endpoint() string { return c.endpoints.list[c.endpoints.current.Load()].url() }

// Logstore returns a handle on a logstore. It is a cheap value, checks nothing
// and does no network; a name that cannot be one is reported by the first call.
func (c *Client) Logstore(project, name string) Logstore {
	return Logstore{Project: project, Name: name, client: c}
}

// ClockOffset is how far the server's clock is ahead of this host's, as learnt
// from the last refusal for time; 0 until there was one. Requests are signed
// with the corrected time.
func (c *Client) ClockOffset() time.Duration {
	return time.Duration(c.clockOffset.Load())
}

// now is the server's time as far as it is known.
func (c *Client) now() time.Time {
	return time.Now().Add(c.ClockOffset())
}

// maxClockShift is how far a clock may be off. A larger difference is an error of this
// host or of whoever answers: signatures for other years are not given away.
const maxClockShift = 24 * time.Hour

// correctClock remembers the server's clock. An error says why it does not: sending again
// is of no use then, and what was known stays.
func (c *Client) correctClock(server time.Time) error {
	if server.IsZero() {
		return errNoServerTime
	}
	shift := time.Until(server)
	if shift.Abs() > maxClockShift {
		return fmt.Errorf("more than a day between the clock of this host and the server's, %s: not corrected", server.UTC().Format(time.DateTime))
	}
	c.clockOffset.Store(int64(shift))
	return nil
}

var errNoServerTime = errors.New("the answer does not tell the server's time")
