package slsfake

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// authorization is a parsed Authorization header of either version.
type authorization struct {
	v4        bool
	keyID     string
	signature string
	date      string // V4 scope, yyyymmdd
	region    string // V4 scope
}

const (
	schemeV1 = "LOG "
	schemeV4 = "SLS4-HMAC-SHA256 "
)

// parseAuthorization reads "LOG <ak>:<sig>" or
// "SLS4-HMAC-SHA256 Credential=<ak>/<date>/<region>/sls/aliyun_v4_request,Signature=<hex>".
func parseAuthorization(h string) (a authorization, ok bool) {
	if rest, is := strings.CutPrefix(h, schemeV1); is {
		a.keyID, a.signature, ok = strings.Cut(rest, ":")
		return a, ok && a.keyID != "" && a.signature != ""
	}
	rest, is := strings.CutPrefix(h, schemeV4+"Credential=")
	if !is {
		return a, false
	}
	scope, signature, ok := strings.Cut(rest, ",Signature=")
	parts := strings.Split(scope, "/")
	if !ok || len(parts) != 5 || parts[3] != "sls" || parts[4] != "aliyun_v4_request" {
		return a, false
	}
	a = authorization{v4: true, keyID: parts[0], date: parts[1], region: parts[2], signature: signature}
	return a, a.keyID != "" && a.date != "" && a.region != "" && signature != ""
}

// authenticate checks what every request must carry, the key, the clock and
// the signature, and sets r.accessKeyID.
func (s *Server) authenticate(r *request) *apiError {
	h := r.http.Header
	switch v := h.Get("X-Log-Apiversion"); v {
	case "0.6.0":
	case "":
		return fail(codeMissingAPIVersion, "x-log-apiversion does not exist in http header")
	default:
		return fail(codeInvalidAPIVersion, "x-log-apiversion %q is not 0.6.0", v)
	}
	if len(r.body) > 0 && h.Get("Content-Type") == "" {
		return fail(codeMissingContentType, "content-type does not exist in http header when it is necessary")
	}
	var err *apiError
	if r.rawSize, err = rawSize(h); err != nil {
		return err
	}
	auth, ok := parseAuthorization(h.Get("Authorization"))
	if !ok {
		return fail(codeMissAccessKeyID, "authorization holds no access key id and signature")
	}
	date, err := requestDate(auth, h)
	if err != nil {
		return err
	}
	key, err := s.lookUpKey(auth.keyID, h.Get("X-Acs-Security-Token"))
	if err != nil {
		return err
	}
	if err := s.checkClock(date); err != nil {
		return err
	}
	if err := checkBodyHash(auth, h, r.body); err != nil {
		return err
	}
	want := ""
	if auth.v4 {
		if s.cfg.Region != "" && auth.region != s.cfg.Region {
			return fail(codeSignatureNotMatch, "signature is for region %q, this is %q", auth.region, s.cfg.Region)
		}
		want = signatureV4(key.secret, auth, r.http)
	} else {
		want = signatureV1(key.secret, r.http)
	}
	if !hmac.Equal([]byte(want), []byte(auth.signature)) {
		return fail(codeSignatureNotMatch, "signature %q not match", auth.signature)
	}
	r.accessKeyID = auth.keyID
	return nil
}

// rawSize reads x-log-bodyrawsize; -1 = not sent. Writes must have it; what other
// calls say in it is not held against their bodies: the SDK sends 0 with some.
func rawSize(h http.Header) (int, *apiError) {
	v := h.Get("X-Log-Bodyrawsize")
	if v == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return 0, fail(codeInvalidBodyRawSize, "x-log-bodyrawsize %q is no size", v)
	}
	return n, nil
}

// lookUpKey finds the key pair and checks its STS token.
func (s *Server) lookUpKey(id, token string) (accessKey, *apiError) {
	s.mu.Lock()
	key, ok := s.keys[id]
	now := s.nowLocked()
	s.mu.Unlock()
	switch {
	case !ok:
		return key, fail(codeUnauthorized, "AccessKeyId not found: %s", id)
	case key.token != token:
		return key, fail(codeUnauthorized, "The security token you provided is invalid")
	case !key.expires.IsZero() && !now.Before(key.expires):
		return key, fail(codeUnauthorized, "The security token you provided has expired")
	}
	return key, nil
}

// requestDate reads when the client says it signed: Date for V1, x-log-date
// for V4.
func requestDate(auth authorization, h http.Header) (time.Time, *apiError) {
	name, layout := "Date", http.TimeFormat
	if auth.v4 {
		name, layout = "X-Log-Date", "20060102T150405Z"
	}
	v := h.Get(name)
	if v == "" {
		return time.Time{}, fail(codeMissingDate, "%s does not exist in http header", strings.ToLower(name))
	}
	t, err := time.Parse(layout, v)
	if err != nil || (auth.v4 && v[:8] != auth.date) {
		return t, fail(codeInvalidDateFormat, "%s %q must be of the form %s and match the credential's scope",
			strings.ToLower(name), v, layout)
	}
	if auth.v4 {
		return t, nil
	}
	switch m := h.Get("X-Log-Signaturemethod"); m {
	case "hmac-sha1":
		return t, nil
	case "":
		return t, fail(codeMissingSignatureMethod, "x-log-signaturemethod does not exist in http header")
	default:
		return t, fail(codeInvalidSignatureMethod, "signature method %q is not hmac-sha1", m)
	}
}

// checkClock holds the request's date against the server's clock. A date that
// is behind has expired, one that is ahead is skewed.
func (s *Server) checkClock(date time.Time) *apiError {
	now := s.now()
	switch d := date.Sub(now); {
	case d > s.cfg.ClockWindow:
		return fail(codeRequestTimeTooSkewed, "request time %d is too far ahead of server time %d", date.Unix(), now.Unix())
	case d < -s.cfg.ClockWindow:
		return fail(codeRequestTimeExpired, "request time %d has expired, server time is %d", date.Unix(), now.Unix())
	}
	return nil
}

// checkBodyHash compares Content-MD5 (V1, upper-case hex, required with a
// body) or x-log-content-sha256 (V4, lower-case hex, always required) with
// the body as received.
func checkBodyHash(auth authorization, h http.Header, body []byte) *apiError {
	name, want := "Content-Md5", ""
	if auth.v4 {
		name = "X-Log-Content-Sha256"
		sum := sha256.Sum256(body)
		want = hex.EncodeToString(sum[:])
	} else {
		if len(body) == 0 && h.Get(name) == "" {
			return nil
		}
		sum := md5.Sum(body)
		want = strings.ToUpper(hex.EncodeToString(sum[:]))
	}
	if got := h.Get(name); got != want {
		return fail(codeContentHashNotMatch, "%s is %q, of the body received it is %q", strings.ToLower(name), got, want)
	}
	return nil
}
