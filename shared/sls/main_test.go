package sls

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const (
	testKey    = "testkey"
	testSecret = "s3cret-do-not-show"
	testToken  = "t0ken-do-not-show"
	testRegion = "cn-test"
)

func TestMain(m *testing.M) {
	// A proxy of the machine's is not what is tested, and one that must not be asked
	// is: nothing listens there, and loopback goes past it.
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"} {
		_ = os.Unsetenv(name)
	}
	_ = os.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	goleak.VerifyTestMain(m)
}

func staticKeys(token string) sdk.CredentialsProvider {
	return sdk.NewStaticCredentialsProvider(testKey, testSecret, token)
}

// newClient makes a client for an endpoint; change may be nil.
func newClient(t testing.TB, endpoint string, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{Endpoint: endpoint, Credentials: staticKeys(""), RequestTimeout: 20 * time.Second}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// received is one request as a server saw it.
type received struct {
	*http.Request
	body   []byte
	wanted string // RequestURI, escaped as sent
}

// query is the decoded query; the test fails on one that repeats a key.
func (r received) query(t *testing.T) map[string]string {
	t.Helper()
	values, err := url.ParseQuery(r.URL.RawQuery)
	require.NoError(t, err)
	flat := map[string]string{}
	for k, v := range values {
		require.Len(t, v, 1, "key %s is repeated", k)
		flat[k] = v[0]
	}
	return flat
}

// recorder is an HTTP server that verifies every signature, records and
// answers.
type recorder struct {
	*httptest.Server
	mu  sync.Mutex
	got []received // guarded by mu
}

func newRecorder(t *testing.T, answer http.HandlerFunc) *recorder {
	t.Helper()
	rec := &recorder{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifySignature(r, body, testSecret)
		}
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"errorCode":"SignatureNotMatch","errorMessage":"`+err.Error()+`"}`)
			return
		}
		rec.mu.Lock()
		rec.got = append(rec.got, received{Request: r, body: body, wanted: r.RequestURI})
		rec.mu.Unlock()
		w.Header().Set("X-Log-Requestid", "REQ1")
		answer(w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (rec *recorder) requests() []received {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]received(nil), rec.got...)
}

// last returns the only request so far.
func (rec *recorder) only(t *testing.T) received {
	t.Helper()
	got := rec.requests()
	require.Len(t, got, 1)
	return got[0]
}

func answerWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// requireError asserts that err is an *Error and returns it.
func requireError(t *testing.T, err error) *Error {
	t.Helper()
	require.Error(t, err)
	e := asError(err)
	require.NotNil(t, e, "not an *Error: %v", err)
	require.NotContains(t, err.Error(), testSecret)
	require.NotContains(t, err.Error(), testToken)
	return e
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}
