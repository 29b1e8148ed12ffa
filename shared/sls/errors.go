package sls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Sentinels found in Error.Err.
var (
	// ErrBadAnswer: the server said success but the answer breaks the protocol.
	ErrBadAnswer = errors.New("invalid answer")
	// ErrTooLarge: the answer is larger than the limit for it. From PullLogs it
	// comes with ClassSplit: ask for fewer groups.
	ErrTooLarge = errors.New("answer too large")
	// ErrTimeout: no whole answer within Config.RequestTimeout. It is not
	// context.DeadlineExceeded, which says that the caller's own context ended.
	ErrTimeout = errors.New("no answer in time")
)

// Error is what every call of this package returns when it fails.
type Error struct {
	Op        string // what was tried, on what: "put logs to project/logstore"
	Code      string // the server's errorCode; "" when the answer had none or there was no answer
	Message   string // the server's errorMessage, or the first line of an answer that is not JSON; shortened, no secrets
	Status    int    // HTTP status; 0 = no answer
	RequestID string // x-log-requestid; "" = not sent
	Class     Class
	// Ambiguous: the request may have been carried out although the call failed,
	// so sending it again may do it twice. True only for calls that change
	// something (POST), and only if the last byte of the request was
	// handed to the connection and then
	//   - no whole answer came (time-out, cancelled, reset, end of file), or
	//   - a 5xx came without an SLS error code: a gateway speaking for a server
	//     it lost.
	// False when the connection was never made, when it broke before the last
	// byte was handed over, and when SLS answered with an error code: that is a
	// clear no. A request handed over may still sit in a local buffer when the
	// connection breaks: that counts as ambiguous too.
	Ambiguous  bool
	RetryAfter time.Duration // the server's Retry-After, a minute at most; 0 = none
	Mend       string        // option(s) to look at, comma-separated; may be empty
	Err        error         // the cause below: network or context error, or a sentinel of this package

	serverTime  time.Time // the server's clock when it answered; zero = not known
	unreachable bool      // there was no connection to send anything over
}

// Error says what failed, how, and which option to look at:
//
//	put logs to p/l: SignatureNotMatch (401, request id X): message (check access_key_id, access_key_secret)
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	switch {
	case e.Status != 0 && e.Code != "" && e.RequestID != "":
		fmt.Fprintf(&b, ": %s (%d, request id %s)", e.Code, e.Status, e.RequestID)
	case e.Status != 0 && e.Code != "":
		fmt.Fprintf(&b, ": %s (%d)", e.Code, e.Status)
	case e.Status != 0 && e.RequestID != "":
		fmt.Fprintf(&b, ": HTTP %d (request id %s)", e.Status, e.RequestID)
	case e.Status != 0:
		fmt.Fprintf(&b, ": HTTP %d", e.Status)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Ambiguous {
		b.WriteString("; the server may have carried it out")
	}
	if e.Mend != "" {
		b.WriteString(" (check " + e.Mend + ")")
	}
	return b.String()
}

// Unwrap gives the cause, so that errors.Is finds context.Canceled,
// context.DeadlineExceeded (both: the caller's context) and the sentinels.
func (e *Error) Unwrap() error { return e.Err }

// cause is what went wrong, without what was tried.
func (e *Error) cause() string {
	switch {
	case e.Status != 0:
		return strings.TrimSpace(fmt.Sprintf("HTTP %d %s", e.Status, e.Code))
	case e.Err != nil:
		return shorten(e.Err.Error(), maxForeign)
	}
	return "no answer"
}

// denied tells a missing permission from wrong keys, whatever the message goes on with.
func (e *Error) denied() bool {
	return strings.Contains(strings.ToLower(e.Message), "denied by sts or ram")
}

// refusesKeys tells whether others may be accepted. A missing permission is not the
// keys' fault, and fetching others for it would never end.
func (e *Error) refusesKeys() bool {
	return e != nil && e.Status == http.StatusUnauthorized && !e.denied()
}

// ClassOf is the class of an error; ClassRetry for errors of other packages.
func ClassOf(err error) Class {
	if e := asError(err); e != nil {
		return e.Class
	}
	return ClassRetry
}

// IsCode reports whether err carries the server's error code, in any spelling
// (case, Exist and Exsit).
func IsCode(err error, code string) bool {
	e := asError(err)
	return e != nil && e.Code != "" && foldCode(e.Code) == foldCode(code)
}

// IsAmbiguous reports whether the request that failed may have been carried out.
func IsAmbiguous(err error) bool {
	e := asError(err)
	return e != nil && e.Ambiguous
}

// asError finds the *Error in err's tree; nil if there is none.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// contextCause is what ended a request whose context is done: the caller's own
// context error, or ErrTimeout when it was only the request's time-out; nil
// when neither has happened.
func contextCause(caller, request context.Context, timeout time.Duration) error {
	if err := caller.Err(); err != nil {
		return err
	}
	if request.Err() != nil {
		return fmt.Errorf("%w (request_timeout %v)", ErrTimeout, timeout)
	}
	return nil
}

const (
	maxMessage   = 512
	maxForeign   = 200 // of an answer that is not the service's
	maxCode      = 64
	maxRequestID = 128
)

// shorten makes text from the wire fit for a log line: one line, printable,
// valid UTF-8, at most limit bytes plus the mark that something was cut.
func shorten(s string, limit int) string {
	cut := len(s) > limit
	if cut {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.TrimSpace(s)
	if cut {
		s += "..."
	}
	return s
}
