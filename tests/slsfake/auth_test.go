package slsfake

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Vectors of the SDK's signature_test.go and signature_v4_test.go.
func TestSignatureVectors(t *testing.T) {
	get := httptest.NewRequest("GET", "http://proj.host/logstores", http.NoBody)
	get.Header = http.Header{
		"X-Log-Apiversion": {"0.6.0"}, "X-Log-Signaturemethod": {"hmac-sha1"}, "X-Log-Bodyrawsize": {"0"},
		"Date": {"Mon, 3 Jan 2010 08:33:47 GMT"},
	}
	require.Equal(t, "Rwm6cTKzoti4HWoe+GKcb6Kv07E=", signatureV1("mockAccessKeySecret", get))

	post := httptest.NewRequest("POST", "http://x/logstores", strings.NewReader("adasd= -asd zcas"))
	post.Host = "" // the vector signs no host
	post.Header = http.Header{
		"X-Log-Date":           {"20220808T032330Z"},
		"X-Log-Content-Sha256": {sha256Hex([]byte("adasd= -asd zcas"))},
	}
	auth := authorization{v4: true, keyID: "acsddda21dsd", date: "20220808", region: "cn-shanghai"}
	require.Equal(t, "8a10a5e723cb2e75964816de660b2c16a58af8bc0261f7f0722d832468c76ce8",
		signatureV4("zxasdasdasw2", auth, post))
}

func TestSignedByTheSDK(t *testing.T) {
	_, c := newServer(t, Config{Region: "cn-test"})
	for _, v4 := range []bool{false, true} {
		c.v4 = v4
		for _, uri := range []string{
			"/logstores", "/logstores?offset=0&size=10", "/logstores?logstoreName=a%20b%2A~%2Bc&telemetryType=",
			"/logstores/store/shards", "/",
		} {
			res := c.do(req{method: "GET", uri: uri})
			require.Equal(t, 200, res.status, "v4 %v %s: %s", v4, uri, res.body)
		}
		res := c.do(req{
			method: "GET", uri: "/logstores", headers: map[string]string{"x-acs-extra": " padded ", "x-log-zzz": "1"},
			before: func(h map[string]string) {
				if v4 {
					h["x-acs-extra"] = "plain" // the V4 signer does not trim, the wire does
				}
			},
		})
		require.Equal(t, 200, res.status, "%s", res.body)
	}
}

// In virtual time, so that the edges of the clock window are exact.
func TestAuthentication(t *testing.T) { synctest.Test(t, testAuthentication) }

func testAuthentication(t *testing.T) {
	del := func(name string) func(*http.Request) { return func(r *http.Request) { r.Header.Del(name) } }
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	date := func(d time.Duration) func(map[string]string) {
		return func(h map[string]string) {
			at := time.Now().UTC().Add(d)
			if _, v4 := h["x-log-date"]; v4 {
				h["x-log-date"] = at.Format("20060102T150405Z")
			} else {
				h["Date"] = at.Format(http.TimeFormat)
			}
		}
	}
	const v1, v4 = 1, 4
	tests := []struct {
		name    string
		version int // 0 = both
		spoil   func(*client)
		before  func(map[string]string)
		after   func(*http.Request)
		status  int
		code    string
	}{
		{name: "valid", status: 200},
		{name: "no api version", after: del("x-log-apiversion"), status: 400, code: "MissingAPIVersion"},
		{name: "other api version", after: set("x-log-apiversion", "0.4.0"), status: 400, code: "InvalidAPIVersion"},
		{name: "no content type", after: del("Content-Type"), status: 400, code: "MissingContentType"},
		{name: "no authorization", after: del("Authorization"), status: 400, code: "MissAccessKeyId"},
		{name: "malformed authorization", after: set("Authorization", "LOG testkey"), status: 400, code: "MissAccessKeyId"},
		{name: "unknown key", spoil: func(c *client) { c.id = "nobody" }, status: 401, code: "Unauthorized"},
		{name: "wrong secret", spoil: func(c *client) { c.secret = "guess" }, status: 401, code: "SignatureNotMatch"},
		{name: "token for a key without", spoil: func(c *client) { c.token = "t" }, status: 401, code: "Unauthorized"},
		{name: "token missing", spoil: func(c *client) { c.id = "sts" }, status: 401, code: "Unauthorized"},
		{name: "wrong token", spoil: func(c *client) { c.id, c.token = "sts", "other" }, status: 401, code: "Unauthorized"},
		{name: "right token", spoil: func(c *client) { c.id, c.token = "sts", "token" }, status: 200},
		{name: "token not signed", version: v1, spoil: func(c *client) { c.id = "sts" }, after: set("x-acs-security-token", "token"), status: 401, code: "SignatureNotMatch"},
		{name: "expired token", spoil: func(c *client) { c.id, c.token = "old", "token" }, status: 401, code: "Unauthorized"},
		{name: "signed header changed", after: set("x-log-bodyrawsize", "1"), status: 401, code: "SignatureNotMatch"},
		{name: "signed header added", after: set("x-log-extra", "1"), status: 401, code: "SignatureNotMatch"},
		{name: "content type changed", after: set("Content-Type", "text/plain"), status: 401, code: "SignatureNotMatch"},
		{name: "path changed", after: func(r *http.Request) { r.URL.Path = "/logstores/other" }, status: 401, code: "SignatureNotMatch"},
		{name: "query changed", after: func(r *http.Request) { r.URL.RawQuery = "processor=b" }, status: 401, code: "SignatureNotMatch"},
		{name: "host changed", version: v4, after: func(r *http.Request) { r.Host = "other.emu.local" }, status: 401, code: "SignatureNotMatch"},
		{name: "just not expired", before: date(-15 * time.Minute), status: 200},
		{name: "just not ahead", before: date(15 * time.Minute), status: 200},
		{name: "expired", before: date(-15*time.Minute - time.Second), status: 400, code: "RequestTimeExpired"},
		{name: "ahead", before: date(15*time.Minute + time.Second), status: 400, code: "RequestTimeTooSkewed"},

		{name: "no date", version: v1, after: del("Date"), status: 400, code: "MissingDate"},
		{name: "bad date", version: v1, after: set("Date", "yesterday"), status: 400, code: "InvalidDateFormat"},
		{name: "date in another form", version: v1, after: set("Date", "2026-01-02T03:04:05Z"), status: 400, code: "InvalidDateFormat"},
		{name: "no method", version: v1, after: del("x-log-signaturemethod"), status: 400, code: "MissingSignatureMethod"},
		{name: "other method", version: v1, after: set("x-log-signaturemethod", "hmac-md5"), status: 400, code: "InvalidSignatureMethod"},
		{name: "no md5", version: v1, after: del("Content-MD5"), status: 400, code: "ContentHashNotMatch"},
		{name: "wrong md5", version: v1, after: set("Content-MD5", strings.Repeat("A", 32)), status: 400, code: "ContentHashNotMatch"},
		{name: "lower-case md5", version: v1, after: func(r *http.Request) {
			r.Header.Set("Content-MD5", strings.ToLower(r.Header.Get("Content-MD5")))
		}, status: 400, code: "ContentHashNotMatch"},

		{name: "no x-log-date", version: v4, after: del("x-log-date"), status: 400, code: "MissingDate"},
		{name: "bad x-log-date", version: v4, after: set("x-log-date", "20260102"), status: 400, code: "InvalidDateFormat"},
		{name: "date is not the scope's", version: v4, after: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/20", "/19", 1))
		}, status: 400, code: "InvalidDateFormat"},
		{name: "no sha256", version: v4, after: del("x-log-content-sha256"), status: 400, code: "ContentHashNotMatch"},
		{name: "wrong sha256", version: v4, before: func(h map[string]string) {
			h["x-log-content-sha256"] = sha256Hex(nil) // of the empty body: what the SDK's PutObject sends
		}, status: 400, code: "ContentHashNotMatch"},
		{name: "other region", version: v4, spoil: func(c *client) { c.region = "cn-other" }, status: 401, code: "SignatureNotMatch"},
	}
	s, base := newServer(t, Config{Region: "cn-test"})
	s.AddKey("sts", "testsecret", "token")
	s.AddTemporaryKey("old", "testsecret", "token", time.Now())
	for _, tc := range tests {
		for _, version := range []int{v1, v4} {
			if tc.version != 0 && tc.version != version {
				continue
			}
			copied := *base
			c := &copied
			c.v4 = version == v4
			if tc.spoil != nil {
				tc.spoil(c)
			}
			q := putReq("/logstores/store?processor=a", logGroup("x"), "lz4")
			q.before, q.after = tc.before, tc.after
			res := c.do(q)
			require.Equal(t, tc.status, res.status, "%s v%d: %s", tc.name, version, res.body)
			require.Equal(t, tc.code, res.code, "%s v%d: %s", tc.name, version, res.body)
			require.NotEmpty(t, res.header.Get("X-Log-Requestid"), tc.name)
		}
	}
}

// A client whose clock is wrong learns the right time from the refusal.
func TestClockOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		s.SetClockOffset(time.Hour)
		res := c.do(req{method: "GET", uri: "/logstores"})
		require.Equal(t, "RequestTimeExpired", res.code)
		at, err := http.ParseTime(res.header.Get("Date"))
		require.NoError(t, err)
		require.Equal(t, time.Hour, at.Sub(time.Now().Truncate(time.Second)))
		res = c.do(req{method: "GET", uri: "/logstores", before: func(h map[string]string) {
			h["Date"] = at.UTC().Format(http.TimeFormat)
		}})
		require.Equal(t, 200, res.status)
	})
}

func TestKeysComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, Config{})
		s.AddTemporaryKey("testkey", "second", "tok", time.Now().Add(time.Minute))
		require.Equal(t, "Unauthorized", c.do(req{method: "GET", uri: "/"}).code)
		c.secret, c.token = "second", "tok"
		require.Equal(t, 200, c.do(req{method: "GET", uri: "/"}).status)
		<-time.After(time.Minute)
		require.Equal(t, "Unauthorized", c.do(req{method: "GET", uri: "/"}).code)
		s.AddKey("testkey", "second", "tok")
		require.Equal(t, 200, c.do(req{method: "GET", uri: "/"}).status)
		s.RemoveKey("testkey")
		require.Equal(t, "Unauthorized", c.do(req{method: "GET", uri: "/"}).code)
	})
}

// A repeated query key is signed as the SDK glues it.
func TestStringToSignV1(t *testing.T) {
	r := httptest.NewRequest("GET", "/a%20b?z=2&a=1&a=3&e=", http.NoBody)
	got := stringToSignV1(r)
	require.Equal(t, "GET\n\n\n\n/a%20b?a=1a=3&e=&z=2", got)
}
