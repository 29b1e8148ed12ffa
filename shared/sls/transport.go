package sls

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout         = 10 * time.Second
	tlsHandshakeTimeout = 10 * time.Second
	// shortDialTimeout is for a client with several endpoints: long enough for one lost
	// packet, short enough for a request to try all of them.
	shortDialTimeout = 4 * time.Second
	// idleTimeout stays below the 60 s after which the service closes idle
	// connections (the SDK uses 55 s for the same reason): a request sent just as
	// the server closes would be an ambiguous failure.
	idleTimeout       = 50 * time.Second
	maxResponseHeader = 64 << 10
	// writeBuffer holds a small request, head and body. What does not fit in goes out by
	// io.Copy, which makes a buffer of 32 KB for each request, and in more writes. Each
	// connection has one.
	writeBuffer = 64 << 10
)

// wire is what a transport is made from.
type wire struct {
	endpoints []endpoint
	maxConns  int            // idle connections kept, over all hosts
	timeout   time.Duration  // of a whole request; 0 = not known
	proxy     proxyFunc      // nil = the environment's
	roots     *x509.CertPool // nil = the system's
}

// transport makes a transport. It speaks only HTTP/1.1, as the service does:
// Error.Ambiguous relies on one request per connection. It does not unzip: answers are
// read as they were sent. Certificates are always verified.
func (w wire) transport() *http.Transport {
	t := &http.Transport{
		Proxy:                  w.proxy,
		OnProxyConnectResponse: checkProxyAnswer,
		DialContext: (&net.Dialer{
			Timeout:   w.dialTimeout(),
			KeepAlive: 30 * time.Second,
		}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: w.roots},
		TLSHandshakeTimeout:    tlsHandshakeTimeout,
		MaxIdleConns:           w.maxConns,
		MaxIdleConnsPerHost:    w.maxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		WriteBufferSize:        writeBuffer,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if t.Proxy == nil {
		t.Proxy = environmentProxy(w.endpoints)
	}
	return t
}

// dialTimeout leaves, where there are several endpoints, time for another of them
// within the request's own.
func (w wire) dialTimeout() time.Duration {
	if len(w.endpoints) < 2 {
		return dialTimeout
	}
	if w.timeout > 0 {
		return min(shortDialTimeout, w.timeout/2)
	}
	return shortDialTimeout
}
