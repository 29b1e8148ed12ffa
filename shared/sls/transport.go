package sls

import (
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout         = 10 * time.Second
	tlsHandshakeTimeout = 10 * time.Second
	// idleTimeout stays below the 60 s after which the service closes idle
	// connections (the SDK uses 55 s for the same reason): a request sent just as
	// the server closes would be an ambiguous failure.
	idleTimeout       = 50 * time.Second
	maxResponseHeader = 64 << 10
)

// newTransport makes a transport for one endpoint. Only HTTP/1.1: the service
// speaks nothing else, and one request per connection is what Error.Ambiguous
// is worded for. No transparent gzip: answers are read as they were sent.
func newTransport(ep endpoint, maxConns int) *http.Transport {
	t := &http.Transport{
		DialContext: (&net.Dialer{
			Timeout:   dialTimeout,
			KeepAlive: 30 * time.Second,
		}).DialContext,
		TLSHandshakeTimeout:    tlsHandshakeTimeout,
		MaxIdleConnsPerHost:    maxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if !ep.direct {
		// An address is where the connection must go; a name may need a proxy.
		t.Proxy = http.ProxyFromEnvironment
	}
	return t
}
