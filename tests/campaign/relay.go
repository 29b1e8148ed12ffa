package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"

	"fluent-bit-sls/tests/slsfake"
)

// relayHeader marks a request that the relay delivers. No signature covers it.
const relayHeader = "X-Campaign-Relay"

// relay plays a gateway that passes a request on and loses the answer: it
// delivers a call to the emulator as a request of its own, so that the call
// itself can be answered otherwise.
type relay struct {
	client   *http.Client
	hostPort string // of the emulator's endpoint: part of what is signed
}

func newRelay(server *slsfake.Server, hostPort string) *relay {
	return &relay{client: &http.Client{Transport: server.Transport()}, hostPort: hostPort}
}

func (r *relay) relayed(c *slsfake.Call) bool { return c.Header.Get(relayHeader) != "" }

// deliver hands the call's request to the emulator. Whether it is accepted is
// seen in what the emulator stores.
func (r *relay) deliver(c *slsfake.Call) {
	target := "http://" + r.hostPort + "/logstores/" + url.PathEscape(c.Logstore)
	if c.HashKey != "" {
		target += "/shards/route?key=" + url.QueryEscape(c.HashKey)
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.Method, target, bytes.NewReader(c.Body))
	if err != nil {
		return
	}
	req.Header = c.Header.Clone()
	req.Header.Set(relayHeader, "1")
	req.Host = c.Project + "." + r.hostPort
	resp, err := r.client.Do(req)
	if err != nil {
		return // the network is cut just now
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}
