package sls

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The server's side of both signatures, written from the protocol and not from
// the signers, and itself checked against the SDK's vectors below.

func verifySignature(r *http.Request, body []byte, secret string) error {
	auth := r.Header.Get("Authorization")
	var want string
	switch {
	case strings.HasPrefix(auth, "LOG "):
		if len(body) > 0 && r.Header.Get("Content-MD5") != fmt.Sprintf("%X", md5.Sum(body)) {
			return errors.New("Content-MD5 differs")
		}
		want = "LOG " + testKey + ":" + signatureV1(r.Method, r.URL, r.Header, secret)
	case strings.HasPrefix(auth, "SLS4-HMAC-SHA256 "):
		if r.Header.Get("X-Log-Content-Sha256") != fmt.Sprintf("%x", sha256.Sum256(body)) {
			return errors.New("x-log-content-sha256 differs")
		}
		scope := r.Header.Get("X-Log-Date")[:8] + "/" + testRegion + "/sls/aliyun_v4_request"
		want = "SLS4-HMAC-SHA256 Credential=" + testKey + "/" + scope + ",Signature=" +
			signatureV4(r.Method, r.URL, r.Host, r.Header, testRegion, secret)
	}
	if auth == "" || auth != want {
		return errors.New("signature differs")
	}
	return nil
}

func isSLSHeader(name string) bool {
	return strings.HasPrefix(name, "x-log-") || strings.HasPrefix(name, "x-acs-")
}

func signatureV1(method string, u *url.URL, h http.Header, secret string) string {
	var lines, params []string
	for k := range h {
		if k = strings.ToLower(k); isSLSHeader(k) {
			lines = append(lines, k+":"+strings.TrimSpace(h.Get(k)))
		}
	}
	sort.Strings(lines)
	resource := u.EscapedPath()
	for k, v := range u.Query() {
		params = append(params, k+"="+v[0])
	}
	if sort.Strings(params); len(params) > 0 {
		resource += "?" + strings.Join(params, "&")
	}
	text := strings.Join([]string{
		method, h.Get("Content-MD5"), h.Get("Content-Type"), h.Get("Date"), strings.Join(lines, "\n"), resource,
	}, "\n")
	return base64.StdEncoding.EncodeToString(mac(sha1.New, []byte(secret), text))
}

func signatureV4(method string, u *url.URL, host string, h http.Header, region, secret string) string {
	signed := map[string]string{}
	if host != "" {
		signed["host"] = host
	}
	for k := range h {
		if l := strings.ToLower(k); isSLSHeader(l) || l == "content-type" {
			signed[l] = h.Get(k)
		}
	}
	names := make([]string, 0, len(signed))
	for k := range signed {
		names = append(names, k)
	}
	sort.Strings(names)
	text := method + "\n" + u.EscapedPath() + "\n" + queryV4(u) + "\n"
	for _, k := range names {
		text += k + ":" + signed[k] + "\n"
	}
	text += "\n" + strings.Join(names, ";") + "\n" + h.Get("X-Log-Content-Sha256")
	date := h.Get("X-Log-Date")
	key := []byte("aliyun_v4" + secret)
	for _, part := range []string{date[:8], region, "sls", "aliyun_v4_request"} {
		key = mac(sha256.New, key, part)
	}
	text = fmt.Sprintf("SLS4-HMAC-SHA256\n%s\n%s/%s/sls/aliyun_v4_request\n%x", date, date[:8], region, sha256.Sum256([]byte(text)))
	return hex.EncodeToString(mac(sha256.New, key, text))
}

func queryV4(u *url.URL) string {
	values := u.Query()
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	params := make([]string, 0, len(keys))
	for _, k := range keys {
		if v := strings.ReplaceAll(url.QueryEscape(values[k][0]), "+", "%20"); v != "" {
			k += "=" + v
		}
		params = append(params, k)
	}
	return strings.Join(params, "&")
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// The vectors of the SDK's signature_test.go and signature_v4_test.go.
func TestVerifierAgreesWithSDKVectors(t *testing.T) {
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	parse := func(s string) *url.URL {
		u, err := url.Parse(s)
		require.NoError(t, err)
		return u
	}
	h := header("x-log-apiversion", "0.6.0", "x-log-signaturemethod", "hmac-sha1", "x-log-bodyrawsize", "0",
		"Date", "Mon, 3 Jan 2010 08:33:47 GMT")
	require.Equal(t, "Rwm6cTKzoti4HWoe+GKcb6Kv07E=", signatureV1("GET", parse("/logstores"), h, "mockAccessKeySecret"))

	body := []byte("\n2\n\x1e\b\xf8\xb2\x93\x9e\x05\x12\x16\n\aTestKey\x12\vTestContent\x1a\x00\"\x0e10.230.201.117")
	h.Set("Content-MD5", fmt.Sprintf("%X", md5.Sum(body)))
	h.Set("Content-Type", "application/x-protobuf")
	h.Set("x-log-bodyrawsize", "50")
	require.Equal(t, "87xQWqFaOSewqRIma8kPjGYlXHc=", signatureV1("GET", parse("/logstores/app_log"), h, "mockAccessKeySecret"))

	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("adasd= -asd zcas")))
	h = header("x-log-date", "20220808T032330Z", "x-log-content-sha256", sum)
	require.Equal(t, "8a10a5e723cb2e75964816de660b2c16a58af8bc0261f7f0722d832468c76ce8",
		signatureV4("POST", parse("/logstores"), "", h, "cn-shanghai", "zxasdasdasw2"))

	h.Set("x-log-test", "het123")
	h.Set("x-acs-ppp", "dds")
	query := url.Values{" abc": {"efg"}, " agc ": {""}, "": {"efg"}, "A-bc": {"eFg"}}
	require.Equal(t, "a98f5632e93836e63839cd836a54055f480020a9364ca944e2d34f2eb9bf1bed",
		signatureV4("POST", parse("/logstores?"+query.Encode()), "", h, "cn-hangzhou", "zxasdasdasw2"))
	query.Set("abs-ij*asd/vc", "a~js+d ada")
	query.Set("a abAas123/vc", "a~jdad a2ADFs+d ada")
	require.Equal(t, "2c204068e961a8813a6bcf7ac422f7fa6e9bf9a5da493e0165dfe100854d18ff",
		signatureV4("POST", parse("/logstores/hello/a+*~bb/cc?"+query.Encode()), "", h, "cn-hangzhou", "zxasdasdasw2"))
}
