package slsfake

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Server is built from. The zero value is strict and has no
// quotas.
type Config struct {
	// AccessKeyID and AccessKeySecret are the first key pair; defaults
	// "testkey" and "testsecret". More with AddKey.
	AccessKeyID, AccessKeySecret string

	// Region is what V4 signatures must be scoped to; "" accepts any.
	Region string

	// ClockWindow is how far a request's date may be from the server's clock;
	// default 15 minutes, as in production.
	ClockWindow time.Duration

	// MaxRawSize is the largest uncompressed body of a write, in bytes;
	// default 10 MiB. Larger: PostBodyTooLarge.
	MaxRawSize int

	// MaxLogs is the largest number of logs of a group; default 40960 (the
	// SDK producer's own limit). More: PostBodyTooLarge.
	MaxLogs int

	// MaxLogSize is the largest encoded Log in bytes; 0 is no limit.
	// Larger: PostBodyTooLarge. The service documents only a recommendation
	// of 1 MB.
	MaxLogSize int

	// MaxSequences is for how many hash keys a shard remembers the last sequence
	// number; default 10000, as documented.
	MaxSequences int

	// MaxPullSize bounds the raw bytes of one pull's answer, which has one
	// group at least; default 10 MiB.
	MaxPullSize int

	// MaxConsumerGroups is per logstore; default 30.
	MaxConsumerGroups int

	// CheckLogTime rejects logs older than 7 days or more than 15 minutes
	// ahead of the server's clock (499 PostBodyInvalid). Off by default so
	// that tests may use any time.
	CheckLogTime bool

	// Quota limits each shard's traffic (403 ShardWriteQuotaExceed,
	// ShardReadQuotaExceed), ProjectQuota that of a project's shards together
	// (403 WriteQuotaExceed, ReadQuotaExceed). The zero value does not limit.
	Quota, ProjectQuota Quota

	// Trace, when set, is called with each request once it is over, on the
	// request's goroutine: several calls may run at once. Close waits for them.
	Trace func(Done)
}

func (c *Config) fill() {
	setDefault(&c.AccessKeyID, "testkey")
	setDefault(&c.AccessKeySecret, "testsecret")
	setDefault(&c.ClockWindow, 15*time.Minute)
	setDefault(&c.MaxRawSize, 10<<20)
	setDefault(&c.MaxLogs, 40960)
	setDefault(&c.MaxSequences, 10_000)
	setDefault(&c.MaxPullSize, 10<<20)
	setDefault(&c.MaxConsumerGroups, 30)
}

func setDefault[T comparable](dst *T, def T) {
	var zero T
	if *dst == zero {
		*dst = def
	}
}

// accessKey is one key pair; token is the STS token requests must carry.
type accessKey struct {
	secret, token string
	expires       time.Time // zero = never
}

// Server is the emulator. All methods are safe for concurrent use. Its
// goroutines start with the first Listen or DialContext and end with Close.
type Server struct {
	cfg    Config
	codecs *codecs
	bodies sync.Pool // *[]byte, wire bodies
	hooks  hookTable
	stats  statsTable
	faults faultTable
	// refusals are what the page shows of requests that failed.
	refusals refusalTable
	net      *network

	requestSeq atomic.Uint64

	// mu guards all that follows and everything reachable from projects. It
	// is never held while a log group is decoded or compressed, a hook called or
	// I/O done.
	mu          sync.Mutex
	keys        map[string]accessKey
	silent      map[string]bool // ids of keys, see Silence
	projects    map[string]*project
	clockOffset time.Duration
	forgetful   bool // SetSequencesFollow(false)
	// sequenceTurn counts the sequence numbers recorded.
	sequenceTurn   uint64
	noGroupBatches bool     // SetGroupBatches(false)
	data           *dataLog // nil = nothing is kept
	latest         recent[latestGroup]
	closed         bool
	calls          sync.WaitGroup // Add under mu and only while !closed
}

// New returns a server that has no listener yet; DialContext works at once.
// Within a testing/synctest bubble, New must be called inside it.
func New(cfg Config) *Server {
	cfg.fill()
	s := &Server{
		cfg:    cfg,
		codecs: newCodecs(cfg.MaxRawSize),
		keys:   map[string]accessKey{}, silent: map[string]bool{},
		projects: map[string]*project{},
	}
	s.hooks.init()
	s.stats.init()
	s.net = newNetwork(http.HandlerFunc(s.serveHTTP), &s.stats)
	s.keys[cfg.AccessKeyID] = accessKey{secret: cfg.AccessKeySecret}
	return s
}

// Listen serves on a real loopback address ("127.0.0.1:0" picks a port) and
// returns the base URL. Addresses that are not loopback are refused: the
// emulator is no service for a network. May be called more than once; after
// Close the error is http.ErrServerClosed.
func (s *Server) Listen(addr string) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("listen on %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("listen on %q: only loopback addresses are served", addr)
	}
	return s.net.listen(addr)
}

// Close refuses new calls, closes every connection, which ends delays, and
// waits for the calls in progress. State stays readable afterwards. It must not be
// called from a hook. What OpenData keeps is written to its end.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.net.close()
	s.calls.Wait()
	s.codecs.close()
	s.closeData()
}

// AddKey adds or replaces a key pair. A token other than "" makes it a
// temporary one: requests must carry it as x-acs-security-token.
func (s *Server) AddKey(id, secret, token string) {
	s.AddTemporaryKey(id, secret, token, time.Time{})
}

// AddTemporaryKey is AddKey with an end: from expires on (server's clock), the
// key is answered with 401 Unauthorized.
func (s *Server) AddTemporaryKey(id, secret, token string, expires time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[id] = accessKey{secret: secret, token: token, expires: expires}
}

// RemoveKey makes a key unknown, as disabling it does.
func (s *Server) RemoveKey(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, id)
}

// Silence makes the server take the calls of one key and never answer them, or ends that.
// It comes before authentication: neither its clock nor what becomes of the key is answered.
// No hook sees these calls, and none is carried out.
func (s *Server) Silence(keyID string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.silent[keyID] = true
	} else {
		delete(s.silent, keyID)
	}
}

// Silenced tells whether the calls of a key get no answer.
func (s *Server) Silenced(keyID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent[keyID]
}

// SetClockOffset moves the server's clock against this machine's: signatures
// are judged, groups stamped and answers dated by it. Leases and quotas are
// not affected.
func (s *Server) SetClockOffset(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clockOffset = d
}

// now is the server's clock.
func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nowLocked()
}

func (s *Server) nowLocked() time.Time { return time.Now().Add(s.clockOffset) }

// enter registers a call in progress; false after Close.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.calls.Add(1)
	return true
}
