package slsfake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Signature V4: hex(HMAC-SHA256(key, "SLS4-HMAC-SHA256" \n x-log-date \n scope
// \n hex(sha256(canonical request)))), key = HMAC chain over date, region,
// "sls", "aliyun_v4_request". The list of signed headers is not sent: it is
// every x-log-* (but x-log-meta-*) and x-acs-*, host, and content-type if
// there is one.

func signatureV4(secret string, auth authorization, r *http.Request) string {
	sum := sha256.Sum256([]byte(canonicalRequestV4(r)))
	toSign := strings.Join([]string{
		strings.TrimSpace(schemeV4),
		r.Header.Get("X-Log-Date"),
		auth.date + "/" + auth.region + "/sls/aliyun_v4_request",
		hex.EncodeToString(sum[:]),
	}, "\n")
	key := []byte("aliyun_v4" + secret)
	for _, part := range []string{auth.date, auth.region, "sls", "aliyun_v4_request"} {
		key = hmacSHA256(key, part)
	}
	return hex.EncodeToString(hmacSHA256(key, toSign))
}

func hmacSHA256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func canonicalRequestV4(r *http.Request) string {
	headers := slices.DeleteFunc(serviceHeaders(r.Header), func(h signedHeader) bool {
		return strings.HasPrefix(h.name, "x-log-meta-")
	})
	if ct := r.Header.Get("Content-Type"); ct != "" {
		headers = append(headers, signedHeader{"content-type", ct})
	}
	if r.Host != "" {
		headers = append(headers, signedHeader{"host", r.Host})
	}
	slices.SortFunc(headers, func(a, b signedHeader) int { return strings.Compare(a.name, b.name) })

	var b strings.Builder
	b.WriteString(r.Method + "\n" + r.URL.EscapedPath() + "\n" + canonicalQueryV4(r.URL.Query()) + "\n")
	names := make([]string, len(headers))
	for i, h := range headers {
		b.WriteString(h.name + ":" + h.value + "\n")
		names[i] = h.name
	}
	b.WriteString("\n" + strings.Join(names, ";") + "\n" + r.Header.Get("X-Log-Content-Sha256"))
	return b.String()
}

// canonicalQueryV4: decoded keys sorted and written raw, the first value of
// each percent-encoded with %20 for a space; no "=" before an empty value.
func canonicalQueryV4(q url.Values) string {
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(q)) {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(k)
		if v := q.Get(k); v != "" {
			b.WriteString("=" + strings.ReplaceAll(url.QueryEscape(v), "+", "%20"))
		}
	}
	return b.String()
}
