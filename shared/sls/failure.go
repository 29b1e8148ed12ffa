package sls

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// noAnswer makes the error of a request that got no answer at all.
func (x *exchange) noAnswer(err error) *Error {
	e := &Error{
		Op:        x.request.opText(),
		Class:     ClassRetry,
		Ambiguous: x.sent() && x.request.changes(),
		Err:       redactError(err, x.cred),
	}
	if cause := contextCause(x.caller, x.ctx, x.client.timeout); cause != nil {
		e.Err = cause
	}
	x.explain(e)
	return e
}

// explain says which option to look at when there was no connection. The host does not
// resolve, or nothing listens there. Or the server has a wrong certificate or speaks no
// TLS. Or the proxy refuses. A network that is down looks the same as a wrong endpoint, so
// the class stays retry.
func (x *exchange) explain(e *Error) {
	var op *net.OpError
	var proxy *proxyError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(e.Err, &proxy), errors.As(e.Err, &op) && op.Op == "proxyconnect":
		e.Mend = "proxy"
	case errors.As(e.Err, &cert):
		e.Mend = mendCertificate(cert)
		e.Err = fmt.Errorf("connect to %s: %w", x.endpoint.urlHost(x.endpoint.hostHeader(x.request.project)), e.Err)
	case errors.As(e.Err, &op) && op.Op == "dial", errors.As(e.Err, &record), errors.Is(e.Err, http.ErrSchemeMismatch):
		e.Mend = "endpoint, project"
	default:
		return
	}
	// TLS can find a record that is none as well behind the request.
	e.unreachable = !e.Ambiguous
}

// mendCertificate is the option to look at. An unknown issuer is a private authority, or
// somebody in between. A wrong name is a wrong endpoint. A wrong time is the server's to
// mend, if it is the right server.
func mendCertificate(err error) string {
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return "ca_file, endpoint"
	}
	return "endpoint"
}

// badAnswer makes the error of a 200 whose body could not be read or broke the
// protocol. The server has done what it was asked to.
func (x *exchange) badAnswer(resp *http.Response, err error) *Error {
	e := &Error{
		Op:        x.request.opText(),
		Status:    resp.StatusCode,
		RequestID: x.requestID(resp.Header),
		Class:     ClassRetry,
		Ambiguous: x.request.changes(),
		Err:       redactError(err, x.cred),
	}
	if cause := contextCause(x.caller, x.ctx, x.client.timeout); cause != nil {
		e.Err = cause
	}
	if errors.Is(e.Err, ErrTooLarge) && x.request.accept != "" {
		e.Class, e.Mend = ClassSplit, "fetch_max_groups"
	}
	return e
}

// tooEarly makes the error of a 200 that came before the last byte of the request was
// handed over. Whoever sent it, perhaps a proxy, has not stored all of the request.
func (x *exchange) tooEarly(resp *http.Response) *Error {
	e := x.badAnswer(resp, fmt.Errorf("%w: 200 before the end of the request", ErrBadAnswer))
	e.Ambiguous = false
	return e
}

// refusal makes the error of an answer other than 200.
func (x *exchange) refusal(resp *http.Response) *Error {
	body, readErr := readLimited(resp.Body, maxErrorAnswer)
	e := &Error{
		Op:         x.request.opText(),
		Status:     resp.StatusCode,
		RequestID:  x.requestID(resp.Header),
		RetryAfter: parseRetryAfter(resp.Header.Get("Retry-After"), x.client.now()),
		serverTime: serverClock(resp.Header),
	}
	code, message := parseErrorBody(body)
	limit := maxMessage
	if code == "" {
		limit = maxForeign
	}
	// Redact before shortening: half a secret is one too.
	e.Code = shorten(redact(code, x.cred), maxCode)
	e.Message = shorten(redact(message, x.cred), limit)
	e.Class, e.Mend = classify(e.Status, e.Code)
	if e.Code != "" {
		return e
	}
	e.Ambiguous = x.request.changes() && e.Status >= 500
	if e.Status >= 300 && e.Status < 400 {
		e.Message = strings.TrimSpace("redirects are not followed: " + e.Message)
	}
	if cause := contextCause(x.caller, x.ctx, x.client.timeout); readErr != nil && cause != nil {
		e.Err = cause
	} else if readErr != nil && !errors.Is(readErr, ErrTooLarge) {
		e.Err = readErr
	}
	if e.Err != nil && e.Class == ClassConfiguration {
		// The code may have been in the part that did not arrive.
		e.Class, e.Mend = ClassRetry, ""
	}
	return e
}

func (x *exchange) requestID(h http.Header) string {
	return shorten(redact(h.Get("X-Log-Requestid"), x.cred), maxRequestID)
}

// redactedError is an error whose text quoted a secret the server sent back.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

func redactError(err error, cred credential) error {
	text := err.Error()
	if clean := redact(text, cred); clean != text {
		return &redactedError{clean, err}
	}
	return err
}

// parseErrorBody reads {"errorCode": .., "errorMessage": ..}. Anything else
// gives no code and, as message, the title of an HTML page or the first line.
func parseErrorBody(body []byte) (code, message string) {
	var answer struct {
		Code    string `json:"errorCode"`
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Code != "" {
		return answer.Code, answer.Message
	}
	return "", firstLine(string(body))
}

// firstLine finds the line of a foreign answer that says most.
func firstLine(text string) string {
	if title, ok := between(text, "<title>", "</title>"); ok {
		return title
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// between finds what stands between two tags, in any case.
func between(text, open, end string) (string, bool) {
	// Not strings.ToLower: it may change the length of invalid text.
	i := indexFold(text, open)
	if i < 0 {
		return "", false
	}
	text = text[i+len(open):]
	j := indexFold(text, end)
	if j < 0 {
		return "", false
	}
	text = strings.TrimSpace(text[:j])
	return text, text != ""
}

func indexFold(text, tag string) int {
	for i := 0; i+len(tag) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(tag)], tag) {
			return i
		}
	}
	return -1
}

// parseRetryAfter reads Retry-After, seconds or an HTTP date, as a wait of at most a
// minute. A longer one is a mistake or malice, or worth asking again.
func parseRetryAfter(value string, now time.Time) time.Duration {
	const most = time.Minute
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if secs, err := strconv.ParseInt(value, 10, 64); err == nil {
		if secs > int64(most/time.Second) {
			return most
		}
		return time.Duration(max(secs, 0)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}
