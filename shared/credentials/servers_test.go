package credentials

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// issuer hands out keys as the metadata service, STS and a credentials URI do.
// They are numbered, so that a test sees which it got.
type issuer struct {
	mu     sync.Mutex // guards what follows
	life   time.Duration
	issued int
	answer func(w http.ResponseWriter) bool // true = it has answered instead
	asked  []*http.Request
}

func (i *issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.issued
}

// last is the last request for keys, its form parsed.
func (i *issuer) last() *http.Request {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[len(i.asked)-1]
}

// issue answers with the next keys; wrap puts them into the answer's form.
func (i *issuer) issue(w http.ResponseWriter, r *http.Request, wrap func(keys map[string]string) any) {
	_ = r.ParseForm()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked = append(i.asked, r)
	if i.answer != nil && i.answer(w) {
		return
	}
	i.issued++
	_ = json.NewEncoder(w).Encode(wrap(map[string]string{
		"Code": "Success", "AccessKeyId": fmt.Sprint("key", i.issued), "AccessKeySecret": newSecret, "SecurityToken": newToken,
		"LastUpdated": time.Now().UTC().Format(time.RFC3339), "Expiration": time.Now().Add(i.life).UTC().Format(time.RFC3339),
	}))
}

func plainKeys(keys map[string]string) any { return keys }

// serve starts a server on loopback, with TLS and HTTP/2 as STS has.
func serve(t *testing.T, secure bool, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2 = secure
	if secure {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// newMetadata is a metadata service in hardened mode (IMDSv2 only), reached as a
// proxy because its address cannot be changed.
func newMetadata(t *testing.T) (i *issuer, proxy string) {
	i = &issuer{life: 6 * time.Hour}
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		const base = "/latest/meta-data/ram/security-credentials/"
		switch {
		case r.URL.Host != metadataHost:
			http.Error(w, "not the metadata service: "+r.URL.Host, http.StatusBadGateway)
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			_, _ = io.WriteString(w, "metadata-token")
		case r.Header.Get("X-Aliyun-Ecs-Metadata-Token") != "metadata-token":
			http.Error(w, "no token", http.StatusForbidden)
		case r.URL.Path == base:
			_, _ = io.WriteString(w, "node-role\n")
		case r.URL.Path == base+"node-role":
			i.issue(w, r, plainKeys)
		default:
			http.NotFound(w, r)
		}
	})
	return i, srv.URL
}

// newSTS is STS; it returns the sts_endpoint to use.
func newSTS(t *testing.T) (i *issuer, endpoint string) {
	i = &issuer{life: time.Hour}
	srv := serve(t, true, func(w http.ResponseWriter, r *http.Request) {
		i.issue(w, r, func(keys map[string]string) any {
			return map[string]any{"RequestId": "REQ1", "Credentials": keys}
		})
	})
	return i, srv.Listener.Addr().String()
}

// newURI is a server of credentials, with a secret in its URL.
func newURI(t *testing.T) (i *issuer, uri string) {
	i = &issuer{life: time.Hour}
	srv := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("auth") != oldToken {
			http.NotFound(w, r)
			return
		}
		i.issue(w, r, plainKeys)
	})
	return i, srv.URL + "/keys?auth=" + oldToken
}

func tokenFile(t *testing.T, token string) string {
	name := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(name, []byte(token), 0o600))
	return name
}

// provide makes the provider of c and closes it with the test.
func provide(t *testing.T, c Config) *Provider {
	t.Helper()
	require.NoError(t, c.Validate())
	t.Setenv("HOME", t.TempDir()) // no profile of the machine's
	p := New(c, "", nil)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// requireKey asserts which of the issuer's keys p has now.
func requireKey(t *testing.T, p *Provider, want int) credential {
	t.Helper()
	cred, err := p.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, credential{AccessKeyID: fmt.Sprint("key", want), AccessKeySecret: newSecret, SecurityToken: newToken}, cred)
	return cred
}

// requireSilent asserts that text shows no secret.
func requireSilent(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{oldSecret, newSecret, oldToken, newToken} {
		require.NotContains(t, text, secret)
	}
	require.False(t, strings.ContainsAny(text, "\r\n"), "more than a line: %q", text)
}
