package sls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/credentials"
	"fluent-bit-sls/shared/option"
)

// refresher is a scripted Refresher.
type refresher struct {
	provider
	now    sdk.Credentials
	err    error
	after  []sdk.Credentials // what refusals give, one after the other
	asked  int
	took   int // how often what a refusal gave was accepted
	closed int
	hangs  bool
}

func (r *refresher) Credentials(ctx context.Context) (sdk.Credentials, error) {
	if r.hangs {
		<-ctx.Done()
		return sdk.Credentials{}, context.Cause(ctx)
	}
	return r.now, r.err
}

func (r *refresher) Refused(_ context.Context, used sdk.Credentials) (sdk.Credentials, bool) {
	r.asked++
	if len(r.after) == 0 {
		return used, false
	}
	r.now, r.after = r.after[0], r.after[1:]
	return r.now, true
}

func (r *refresher) Accepted() { r.took++ }

func (r *refresher) Mend() string { return "ecs_role_name" }

func (r *refresher) Close() error { r.closed++; return nil }

// A 401 asks for other credentials and is tried once more with them, once.
func TestRefusedCredentialsAreReplaced(t *testing.T) {
	good := sdk.Credentials{AccessKeyID: testKey, AccessKeySecret: testSecret}
	bad := func(n int) sdk.Credentials {
		return sdk.Credentials{AccessKeyID: testKey, AccessKeySecret: fmt.Sprint("old", n), SecurityToken: testToken}
	}
	for name, tc := range map[string]struct {
		after    []sdk.Credentials
		accepted bool
		requests int
	}{
		"new ones":                {[]sdk.Credentials{good}, true, 2},
		"none":                    {nil, false, 1},
		"new ones, refused again": {[]sdk.Credentials{bad(2), good}, false, 2},
		"new ones of no use":      {[]sdk.Credentials{{AccessKeyID: "a b"}}, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			rec := newRecorder(t, ok)
			inner := rec.Config.Handler
			rec.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				inner.ServeHTTP(w, r)
			})
			r := &refresher{now: bad(1), after: tc.after}
			c := newClient(t, rec.URL, func(cfg *Config) { cfg.Credentials = r })
			err := put(t, c)
			require.EqualValues(t, tc.requests, requests.Load())
			require.Equal(t, 1, r.asked)
			require.Equal(t, tc.accepted, r.took == 1)
			if tc.accepted {
				require.NoError(t, err)
				return
			}
			e := requireError(t, err)
			require.Equal(t, ClassCredentials, e.Class)
			require.Equal(t, "ecs_role_name", e.Mend, "keys of the configuration are not in use")
			require.False(t, e.Ambiguous)
		})
	}
}

// A missing permission is none that other keys have: nothing is fetched for it. Nor is
// it a sign against the keys that a refusal gave.
func TestDeniedKeysAreNotRefreshed(t *testing.T) {
	const denied = `{"errorCode":"Unauthorized","errorMessage":"Denied by sts or ram, action: log:PostLogStoreLogs, resource: acs:log:*:1:project/proj/logstore/store"}`
	const expired = `{"errorCode":"Unauthorized","errorMessage":"The security token you provided has expired."}`
	for name, tc := range map[string]struct {
		answers               []string
		asked, took, requests int
	}{
		"denied":             {[]string{denied, denied, denied}, 0, 0, 3},
		"expired":            {[]string{expired, "", ""}, 1, 1, 4},
		"expired, denied":    {[]string{expired, denied, denied}, 1, 1, 4},
		"expired for ever":   {[]string{expired, expired, expired, expired, expired, expired}, 3, 0, 6},
		"expired, no answer": {[]string{expired, "502"}, 1, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			var n atomic.Int32
			rec := newRecorder(t, func(w http.ResponseWriter, r *http.Request) {
				i := int(n.Add(1)) - 1
				switch {
				case i >= len(tc.answers) || tc.answers[i] == "":
					ok(w, r)
				case tc.answers[i] == "502":
					answerWith(502, "<html>")(w, r)
				default:
					answerWith(401, tc.answers[i])(w, r)
				}
			})
			keys := sdk.Credentials{AccessKeyID: testKey, AccessKeySecret: testSecret}
			r := &refresher{now: keys, after: []sdk.Credentials{keys, keys, keys}}
			c := newClient(t, rec.URL, func(cfg *Config) { cfg.Credentials = r })
			for range 3 {
				_ = put(t, c)
			}
			require.Equal(t, tc.asked, r.asked)
			require.Equal(t, tc.took, r.took)
			require.EqualValues(t, tc.requests, n.Load())
		})
	}
}

func TestRefresherFails(t *testing.T) {
	r := &refresher{err: errors.New("metadata service is down")}
	c := newClient(t, "http://127.0.0.1:1", func(cfg *Config) { cfg.Credentials = r })
	e := requireError(t, put(t, c))
	require.Equal(t, ClassCredentials, e.Class)
	require.Equal(t, "ecs_role_name", e.Mend)
	require.ErrorIs(t, e, r.err)
	require.Zero(t, r.asked)
	c.Close()
	require.Equal(t, 1, r.closed)
}

// A Refresher that hangs holds up neither a cancelled call nor one with a time-out.
func TestRefresherThatHangs(t *testing.T) {
	c := newClient(t, "http://127.0.0.1:1", func(cfg *Config) {
		cfg.RequestTimeout, cfg.Credentials = 50*time.Millisecond, &refresher{hangs: true}
	})
	e := requireError(t, put(t, c))
	require.ErrorIs(t, e, ErrTimeout)
	require.Equal(t, ClassCredentials, e.Class)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	e = requireError(t, c.Logstore("p", "l").PutLogs(ctx, oneByte, ""))
	require.ErrorIs(t, e, context.DeadlineExceeded)
	require.Equal(t, ClassRetry, e.Class)
}

// From the options to the wire: keys from a server that rotates them, while the
// emulator drops the old ones at once and requests go on. Nothing is refused.
func TestRotationReachesTheWire(t *testing.T) {
	fake := newFake(t)
	var mu sync.Mutex
	n := 0
	rotate := func() {
		mu.Lock()
		defer mu.Unlock()
		fake.RemoveKey(fmt.Sprint("rotating", n))
		n++
		fake.AddKey(fmt.Sprint("rotating", n), testSecret, testToken)
	}
	rotate()
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(map[string]string{
			"AccessKeyId": fmt.Sprint("rotating", n), "AccessKeySecret": testSecret, "SecurityToken": testToken,
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		})
	}))
	defer keys.Close()
	var conn ConnectionConfig
	require.NoError(t, option.Parse(option.Map{
		"endpoint": "http://sls.test", "credentials": "uri", "credentials_uri": keys.URL, "sign_version": "v4", "region": testRegion,
	}, conn.Options()))
	require.NoError(t, conn.Validate())
	cfg := conn.ClientConfig("agent", 8, nil)
	cfg.Transport = fake.Transport()
	require.IsType(t, &credentials.Provider{}, cfg.Credentials)
	c, err := New(cfg)
	require.NoError(t, err)
	defer c.Close()

	raw := encodeGroup(t, "v")
	write := func() error {
		return c.Logstore("proj", "store").PutLogs(t.Context(), Body{Data: raw, RawSize: len(raw), Codec: None}, "")
	}
	require.NoError(t, write())
	rotate()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				require.NoError(t, write())
			}
		})
	}
	wg.Wait()
	require.Equal(t, 161, fake.LogCount("proj", "store"))
	require.False(t, strings.Contains(fmt.Sprintf("%v %+v", cfg, cfg), testSecret))
}
