package credentials

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// everySource has a configuration for each kind that asks a server. All servers are h.
func everySource(t *testing.T, h http.HandlerFunc) map[string]Config {
	plain, secure := serve(t, false, h), serve(t, true, h)
	endpoint := secure.Listener.Addr().String()
	cli := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(cli, fmt.Appendf(nil, `{"current":"sso","profiles":[
		{"name":"sso","mode":"CloudSSO","cloud_sso_sign_in_url":"https://%s/start","cloud_sso_account_id":"1",
		"cloud_sso_access_config":"c","access_token":"%s","cloud_sso_access_token_expire":%d},
		{"name":"ecs","mode":"EcsRamRole"}]}`, endpoint, oldToken, time.Now().Add(time.Hour).Unix()), 0o600))
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", cli)
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	return map[string]Config{
		"uri":          {Kind: URI, URI: plain.URL + "/keys?auth=" + oldToken},
		"uri by https": {Kind: URI, URI: secure.URL + "/keys?auth=" + oldToken},
		"rrsa":         {Kind: RRSA, RoleARN: roleARN, OIDCProviderARN: oidcARN, OIDCTokenFile: tokenFile(t, oldToken), STSEndpoint: endpoint},
		"assume_role":  {Kind: AssumeRole, AccessKeyID: "id", AccessKeySecret: oldSecret, RoleARN: roleARN, STSEndpoint: endpoint},
		"ecs_ram_role": {Kind: ECSRAMRole, metadataProxy: plain.URL},
		"CloudSSO":     {Kind: Profile, ProfileName: "sso"},
		"profile ecs":  {Kind: Profile, ProfileName: "ecs", metadataProxy: plain.URL},
	}
}

// requireSmall asserts that run allocates no more than a few answers.
func requireSmall(t *testing.T, run func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	run()
	runtime.ReadMemStats(&after)
	require.Less(t, (after.TotalAlloc-before.TotalAlloc)>>20, uint64(4), "MiB")
}

// Of an answer that does not end, 64 KiB are read, not what comes in the time of a
// request.
func TestEndlessAnswer(t *testing.T) {
	for name, c := range everySource(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte(" "), 64<<10)
		for range 4096 { // 256 MiB at most
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}) {
		t.Run(name, func(t *testing.T) {
			requireSmall(t, func() { require.Contains(t, failure(t, c), "the answer is longer than 64 KiB") })
		})
	}
}

// Nothing is decompressed, asked for or not.
func TestCompressedAnswer(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, zeros{}, 32<<20)
	require.NoError(t, z.Close())
	require.Less(t, bomb.Len(), 64<<10)
	var asked atomic.Value
	for name, c := range everySource(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}) {
		t.Run(name, func(t *testing.T) {
			requireSmall(t, func() { require.NotEmpty(t, failure(t, c)) })
			require.Empty(t, asked.Load())
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// The secrets of a question are meant for one host: a redirect is not followed.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Int32
	var referer atomic.Value
	elsewhere := serve(t, false, func(w http.ResponseWriter, r *http.Request) {
		followed.Add(1)
		referer.Store(r.Header.Get("Referer"))
		_, _ = io.WriteString(w, "{}")
	})
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, c := range everySource(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/x", status)
		}) {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				require.Contains(t, failure(t, c), fmt.Sprintf("HTTP %d: redirects are not followed", status))
				require.Zero(t, followed.Load(), "Referer: %v", referer.Load())
			})
		}
	}
}

// A header without an end is bounded, too.
func TestEndlessHeader(t *testing.T) {
	for name, c := range everySource(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 200 {
			w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 10<<10))
		}
	}) {
		t.Run(name, func(t *testing.T) {
			requireSmall(t, func() { require.NotEmpty(t, failure(t, c)) })
		})
	}
}

// The metadata service is asked without a session token only where the option says so:
// the token keeps out those who can make this host ask a URL.
func TestMetadataOnlyWithASessionToken(t *testing.T) {
	var asked atomic.Int32
	i := &issuer{life: time.Hour}
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, "/"):
			asked.Add(1)
			_, _ = io.WriteString(w, "node-role")
		default:
			asked.Add(1)
			i.issue(w, r, plainKeys)
		}
	}))
	defer old.Close()
	c := Config{Kind: ECSRAMRole, metadataProxy: old.URL}
	require.Contains(t, failure(t, c), "no session token of the metadata service (PUT http://100.100.100.200/latest/api/token: HTTP 404); where it gives none, imds_version auto does without")
	require.Zero(t, asked.Load())
	c.IMDSVersion = imdsAuto
	requireKey(t, provide(t, c), 1)
	require.EqualValues(t, 2, asked.Load())
	t.Setenv("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")
	failure(t, c)
	require.EqualValues(t, 2, asked.Load())
}
