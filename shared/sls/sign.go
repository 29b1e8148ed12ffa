package sls

import (
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

// sign returns the request's headers, signed with the corrected clock, V4 or V1. What
// is signed is what is sent: the escaped path, the decoded query, the Host header
// (V4) and every x-log- and x-acs- header.
func (c *Client) sign(r *request, cred credential, ep endpoint, v4 bool) (http.Header, error) {
	headers := c.unsigned(r, cred)
	uri := r.fullPath()
	if r.query != "" {
		uri += "?" + r.query
	}
	var err error
	now := c.now().UTC()
	if v4 {
		headers[sdk.HTTPHeaderHost] = ep.hostHeader(r.project)
		headers[sdk.HTTPHeaderLogDate] = now.Format(sdk.ISO8601)
		err = sdk.NewSignerV4(cred.AccessKeyID, cred.AccessKeySecret, ep.region).Sign(r.method, uri, headers, r.body)
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
	if r.mode != "" {
		headers["x-log-mode"] = r.mode
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
			s = redactBeginning(strings.ReplaceAll(s, secret, "***"), secret)
		}
	}
	return s
}

// leastTold is how long the beginning of a secret must be to be taken for the secret.
const leastTold = 8

// redactBeginning removes what is left of a secret in text that was shortened before:
// errors about an answer quote a few bytes of it, and know no keys.
func redactBeginning(s, secret string) string {
	if len(secret) <= leastTold {
		return s
	}
	before, behind, found := strings.Cut(s, secret[:leastTold])
	if !found {
		return s
	}
	n := 0
	for rest := secret[leastTold:]; n < min(len(behind), len(rest)) && behind[n] == rest[n]; {
		n++
	}
	return before + "***" + redactBeginning(behind[n:], secret)
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
