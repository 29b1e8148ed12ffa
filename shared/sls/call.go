package sls

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// The way of a request, from the call to the wire. Each step may send it again, and none
// does what may have been carried out:
//
//	do             for the time, or for the keys, that the server refused
//	send           to another endpoint, where one cannot be connected to
//	attempt        with the older signature, where the newer one is refused
//	once           signs, sends, and reads the answer

// do carries out one call. It sends a second request when the server refuses the first
// for its time and tells the right one, or for its credentials and there are others by
// now. A refused request was not carried out, so sending it again cannot do it twice.
func (c *Client) do(ctx context.Context, r *request) error {
	if err := r.check(c); err != nil {
		return err
	}
	cred, err := c.credentialsNow(ctx)
	if err != nil {
		return c.credentialsError(ctx, r, err)
	}
	failure := c.send(ctx, r, cred)
	if failure != nil && failure.Class == ClassClock {
		if failure.Err = c.correctClock(failure.serverTime); failure.Err == nil {
			failure = c.send(ctx, r, cred)
		}
	}
	failure = c.sendRefused(ctx, r, cred, failure)
	if failure == nil {
		return nil // not the typed nil
	}
	if failure.Class == ClassCredentials {
		failure.Mend = cmp.Or(mendDenied(failure), c.mendCredentials(failure.Mend))
	}
	return failure
}

// sendRefused sends the request once more if it was refused for its credentials and
// there are others by now.
func (c *Client) sendRefused(ctx context.Context, r *request, used credential, failure *Error) *Error {
	if !failure.refusesKeys() {
		return failure
	}
	cred, ok := c.otherCredentials(ctx, used)
	if !ok {
		return failure
	}
	failure = c.send(ctx, r, cred)
	if failure == nil || failure.Code != "" && !failure.refusesKeys() {
		c.refresher.Accepted()
	}
	return failure
}

// send sends the request to the endpoint in use, and where that cannot be
// connected to, to the others.
func (c *Client) send(ctx context.Context, r *request, cred credential) *Error {
	e := &c.endpoints
	first, probe := e.pick()
	failure := c.attempt(ctx, r, cred, e.list[first])
	if failure != nil && failure.unreachable && len(e.list) > 1 {
		return c.sendElsewhere(ctx, r, cred, first, failure)
	}
	e.note(first, probe, failure)
	return failure
}

// sendElsewhere follows an endpoint that could not be connected to. It tries the one in
// use and then those after it. When none can be connected to, the network is down: the
// failure is the first endpoint's, and nothing is switched.
func (c *Client) sendElsewhere(ctx context.Context, r *request, cred credential, tried int, failure *Error) *Error {
	e := &c.endpoints
	n := len(e.list)
	from := int(e.current.Load())
	for step := range n {
		i := (from + step) % n
		if i == tried || ctx.Err() != nil {
			continue
		}
		other := c.attempt(ctx, r, cred, e.list[i])
		if other != nil && (other.unreachable || outcomeOf(other) == outcomeUnknown) {
			continue
		}
		e.use(i, failure.cause())
		e.note(i, false, other)
		return other
	}
	return failure
}

// attempt sends the request to the endpoint once. With SignAuto it sends it again, signed
// with V1, when the signature is refused and V4 was never accepted there. So a wrong guess
// of the region costs a request, not the logs.
func (c *Client) attempt(ctx context.Context, r *request, cred credential, ep endpoint) *Error {
	v4 := ep.region != "" && ep.v4.Load() != v4Refused
	failure := c.once(ctx, r, cred, ep, v4)
	if !v4 || ep.v4.Load() == v4Taken {
		return failure
	}
	if failure == nil {
		ep.v4.Store(v4Taken)
		return nil
	}
	if failure.Code != "SignatureNotMatch" {
		return failure
	}
	failure = c.once(ctx, r, cred, ep, false) // refused again: it is the secret
	if failure == nil && ep.v4.CompareAndSwap(v4Untried, v4Refused) && c.endpoints.log != nil {
		c.endpoints.log.Warn("SLS takes V1 signatures and not V4 ones, V1 is used; option region may be wrong, or option sign_version should be v1",
			"endpoint", ep.url(), "region", ep.region)
	}
	return failure
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

// sent reports whether the last byte of the request's body was handed to a connection, and
// makes sure that it never will be afterwards. Every call that changes something has a
// body.
func (x *exchange) sent() bool { return x.body.release() }
