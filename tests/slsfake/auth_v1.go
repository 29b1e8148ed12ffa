package slsfake

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Signature V1: base64(HMAC-SHA1(secret, METHOD \n Content-MD5 \n Content-Type
// \n Date \n CanonicalizedHeaders \n CanonicalizedResource)), all taken from
// the request as it arrived. x-log-date is none of the signed headers: the
// Python SDK adds it to the request once it has signed, as a copy of Date.

func signatureV1(secret string, r *http.Request) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(stringToSignV1(r)))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func stringToSignV1(r *http.Request) string {
	var b strings.Builder
	for _, line := range []string{
		r.Method, r.Header.Get("Content-Md5"), r.Header.Get("Content-Type"), r.Header.Get("Date"),
	} {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	for _, h := range serviceHeaders(r.Header) {
		if h.name == "x-log-date" {
			continue
		}
		b.WriteString(h.name + ":" + h.value + "\n")
	}
	b.WriteString(r.URL.EscapedPath())
	if r.URL.RawQuery == "" {
		return b.String()
	}
	q := r.URL.Query()
	for i, k := range slices.Sorted(maps.Keys(q)) {
		b.WriteByte("?&"[min(i, 1)])
		for _, v := range q[k] { // repeated keys stand side by side, as the SDK signs them
			b.WriteString(k + "=" + v)
		}
	}
	return b.String()
}

// signedHeader is a header as it goes into a signature: name in lower case,
// value trimmed.
type signedHeader struct{ name, value string }

// serviceHeaders are the x-log-* and x-acs-* headers, sorted by name.
func serviceHeaders(h http.Header) []signedHeader {
	var out []signedHeader
	for name, values := range h {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-log-") || strings.HasPrefix(name, "x-acs-") {
			out = append(out, signedHeader{name, strings.TrimSpace(strings.Join(values, ","))})
		}
	}
	slices.SortFunc(out, func(a, b signedHeader) int { return strings.Compare(a.name, b.name) })
	return out
}
