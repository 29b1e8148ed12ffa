package sls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
)

const (
	apiVersion     = "0.6.0"
	headerRawSize  = "X-Log-Bodyrawsize"
	headerCompress = "X-Log-Compresstype"
	// rfc1123GMT is the one date form V1 signs: http.TimeFormat.
	rfc1123GMT = http.TimeFormat
)

// credential is what one request is signed with.
type credential = sdk.Credentials

var (
	errNoCredentials = errors.New("no access key")
	errNotVisible    = errors.New("contains spaces or control characters")
)

// credentialsNow asks the provider. The interface takes no context, and some
// providers do network: those run on a goroutine of their own, one at a time
// for all calls waiting, so that a hanging one neither holds up a cancelled
// call nor piles up.
func (c *Client) credentialsNow(ctx context.Context) (credential, error) {
	if p, ok := c.credentials.(*sdk.StaticCredentialsProvider); ok {
		cred, err := p.GetCredentials()
		return checkCredential(cred, err)
	}
	if err := ctx.Err(); err != nil {
		return credential{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("credential provider: %w", ErrTimeout))
	defer cancel()
	done := c.credFlight.DoChan("", func() (v any, err error) {
		// singleflight would crash the process on a panic of the provider.
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("credential provider panicked: %v", p)
			}
		}()
		return c.credentials.GetCredentials()
	})
	select {
	case <-ctx.Done():
		return credential{}, context.Cause(ctx)
	case res := <-done:
		cred, _ := res.Val.(credential)
		return checkCredential(cred, res.Err)
	}
}

// checkCredential refuses what cannot be sent. net/http would refuse it in a
// header, too, as an error of no class; a stray line end from a secret file is
// the usual way to get there.
func checkCredential(cred credential, err error) (credential, error) {
	switch {
	case err != nil:
		return credential{}, err
	case cred.AccessKeyID == "" || cred.AccessKeySecret == "":
		return credential{}, errNoCredentials
	case !isVisible(cred.AccessKeyID):
		return credential{}, fmt.Errorf("access_key_id: %w", errNotVisible)
	case !isVisible(cred.AccessKeySecret):
		return credential{}, fmt.Errorf("access_key_secret: %w", errNotVisible)
	case !isVisible(cred.SecurityToken):
		return credential{}, fmt.Errorf("security_token: %w", errNotVisible)
	}
	return cred, nil
}

// isVisible reports whether s has nothing but visible ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// credentialsError: nothing was sent. A provider that is slow or fails is not
// known to be wrong for good, but says "credentials" so that the user looks
// there; the caller's own context ending says nothing about credentials.
func credentialsError(ctx context.Context, r *request, err error) *Error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return &Error{Op: r.opText(), Class: ClassRetry, Err: ctxErr}
	}
	return &Error{
		Op: r.opText(), Class: ClassCredentials, Mend: mendAllKeys,
		Err: fmt.Errorf("credentials: %w", err),
	}
}

// sign returns the request's headers, signed with the corrected clock. What is
// signed is what is sent: the escaped path, the decoded query, the Host header
// (V4) and every x-log- and x-acs- header.
func (c *Client) sign(r *request, cred credential) (http.Header, error) {
	headers := c.unsigned(r, cred)
	uri := r.fullPath()
	if r.query != "" {
		uri += "?" + r.query
	}
	var err error
	now := c.now().UTC()
	if c.signVersion == SignV4 {
		headers[sdk.HTTPHeaderHost] = c.endpoint.hostHeader(r.project)
		headers[sdk.HTTPHeaderLogDate] = now.Format(sdk.ISO8601)
		err = sdk.NewSignerV4(cred.AccessKeyID, cred.AccessKeySecret, c.region).Sign(r.method, uri, headers, r.body)
	} else {
		headers[sdk.HTTPHeaderDate] = now.Format(rfc1123GMT)
		err = sdk.NewSignerV1(cred.AccessKeyID, cred.AccessKeySecret).Sign(r.method, uri, headers, r.body)
	}
	if err != nil {
		return nil, err
	}
	return wireHeader(headers), nil
}

// unsigned lists the headers that do not depend on the signature, spelled as
// the signers look them up.
func (c *Client) unsigned(r *request, cred credential) map[string]string {
	headers := make(map[string]string, 16)
	headers[sdk.HTTPHeaderAPIVersion] = apiVersion
	headers[sdk.HTTPHeaderBodyRawSize] = strconv.Itoa(r.rawSize)
	headers[sdk.HTTPHeaderUserAgent] = c.userAgent
	if r.contentType != "" {
		headers[sdk.HTTPHeaderContentType] = r.contentType
	}
	if r.compress != "" && r.compress != None {
		headers["x-log-compresstype"] = string(r.compress)
	}
	if r.accept != "" {
		headers["Accept"] = typeProtobuf
		headers["Accept-Encoding"] = string(r.accept)
	}
	if cred.SecurityToken != "" {
		headers[sdk.HTTPHeaderAcsSecurityToken] = cred.SecurityToken
	}
	return headers
}

// wireHeader turns the signer's map into net/http's, with one allocation for
// all values. Host and Content-Length are net/http's own.
func wireHeader(headers map[string]string) http.Header {
	h := make(http.Header, len(headers))
	values := make([]string, 0, len(headers))
	for k, v := range headers {
		if k == sdk.HTTPHeaderHost || k == sdk.HTTPHeaderContentLength {
			continue
		}
		values = append(values, v)
		n := len(values)
		h[textproto.CanonicalMIMEHeaderKey(k)] = values[n-1 : n : n]
	}
	return h
}

// redact removes what must never be in a log, should a server echo it.
func redact(s string, cred credential) string {
	for _, secret := range []string{cred.AccessKeySecret, cred.SecurityToken} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return s
}

// serverClock reads the server's time from an answer: x-log-time (unix seconds)
// or Date; zero when neither can be read.
func serverClock(h http.Header) time.Time {
	if secs, err := strconv.ParseInt(h.Get("X-Log-Time"), 10, 64); err == nil && secs > 0 && secs < 1<<33 {
		return time.Unix(secs, 0)
	}
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		return t
	}
	return time.Time{}
}
