package sls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// request is one API call on its way: everything that is the same for each time
// it is signed and sent.
type request struct {
	op       string // "put logs to"
	project  string
	logstore string // "" = the call concerns the project
	detail   string // appended to op and names: " shard 3"
	needName bool   // the logstore must be a valid name

	method      string
	path        string // below the logstore, escaped: "/shards/3"; or the whole path without a logstore
	query       string // escaped
	contentType string
	body        []byte // nil = none
	rawSize     int    // x-log-bodyrawsize
	compress    Codec
	accept      Codec // Accept-Encoding of a pull

	// read reads a 200; nil = its body is of no interest. It runs at most once.
	read func(answer) error
}

// opText names the call in errors. Names may come from records: they are made
// fit for a log line.
func (r *request) opText() string {
	s := r.op + " " + r.project
	if r.logstore != "" {
		s += "/" + r.logstore
	}
	return shorten(s+r.detail, maxMessage)
}

// changes reports whether the call changes anything on the server.
func (r *request) changes() bool { return r.method != http.MethodGet }

// check refuses names that cannot be sent.
func (r *request) check(c *Client) error {
	err := checkProject(r.project)
	mend := "project"
	switch {
	case c == nil:
		err, mend = errors.New("a Logstore not made by Client.Logstore"), ""
	case err == nil && r.needName:
		err, mend = checkPathName("logstore", r.logstore), "logstore"
	}
	if err != nil {
		return &Error{Op: r.opText(), Class: ClassConfiguration, Mend: mend, Err: err}
	}
	return nil
}

// checkPathName refuses names that cannot be one segment of a path; anything
// else is escaped and left to the server to judge.
func checkPathName(what, name string) error {
	switch {
	case name == "", name == ".", name == "..":
		return fmt.Errorf("%s %q: not a name", what, name)
	case len(name) > 1024:
		return fmt.Errorf("%s %q: too long", what, shorten(name, 80))
	}
	return nil
}

// fullPath is the escaped path as it is sent and signed.
func (r *request) fullPath() string {
	if r.logstore == "" {
		return r.path
	}
	return "/logstores/" + url.PathEscape(r.logstore) + r.path
}

// once signs and sends the request to the endpoint once.
func (c *Client) once(ctx context.Context, r *request, cred credential, ep endpoint, v4 bool) *Error {
	header, err := c.sign(r, cred, ep, v4)
	if err != nil {
		return &Error{Op: r.opText(), Class: ClassCredentials, Mend: mendKeys, Err: fmt.Errorf("sign: %w", err)}
	}
	rctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	x := &exchange{client: c, request: r, endpoint: ep, caller: ctx, ctx: rctx, cred: cred}
	// The request's bytes are the caller's again, also when the transport panics.
	defer x.body.release()
	resp, err := c.transport.RoundTrip(x.build(rctx, header))
	if err != nil {
		return x.noAnswer(err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing to learn: the body has been read as far as it is wanted
	if resp.StatusCode != http.StatusOK {
		return x.refusal(resp)
	}
	if r.read == nil {
		if !x.sent() {
			return x.tooEarly(resp)
		}
		// 200 is the acceptance; what follows it cannot take it back.
		drain(resp.Body)
		return nil
	}
	if err := r.read(answer{resp.Header, resp.Body, resp.ContentLength}); err != nil {
		return x.badAnswer(resp, err)
	}
	return nil
}

// exchange is one request sent once.
type exchange struct {
	client   *Client
	request  *request
	endpoint endpoint
	caller   context.Context // the call's own
	ctx      context.Context // with the request's time-out
	cred     credential
	body     requestBody
}

// build makes the HTTP request. net/http's transport is called directly, not
// through http.Client: no redirects, no cookies, no second timer.
func (x *exchange) build(ctx context.Context, header http.Header) *http.Request {
	r := x.request
	host := x.endpoint.hostHeader(r.project)
	path := r.fullPath()
	decoded, err := url.PathUnescape(path)
	if err != nil {
		decoded = path // cannot be: fullPath escapes
	}
	req := &http.Request{
		Method: r.method,
		URL: &url.URL{
			Scheme: x.endpoint.scheme, Host: x.endpoint.urlHost(host),
			Path: decoded, RawPath: path, RawQuery: r.query,
		},
		Host:       host,
		Header:     header,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
	}
	if len(r.body) > 0 {
		x.body.data = r.body
		req.Body = &x.body
		// Lets the transport send again when a pooled connection turned out dead
		// before one byte was written to it; it never repeats more than that of a POST.
		req.GetBody = x.body.rewind
		req.ContentLength = int64(len(r.body))
	}
	return req.WithContext(ctx)
}

// sent reports whether the last byte of the request's body, which every call that
// changes something has, was handed to a connection, and makes sure that it never
// will be afterwards.
func (x *exchange) sent() bool { return x.body.release() }

// jsonBody encodes a request body made of plain structs and lists, which cannot
// fail.
func jsonBody(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}
