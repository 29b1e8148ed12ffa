package credentials

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	roleARN = "acs:ram::1:role/logs"
	oidcARN = "acs:ram::1:oidc-provider/ack"
)

func TestECSRole(t *testing.T) {
	for _, name := range []string{"", "node-role"} {
		i, proxy := newMetadata(t)
		p := provide(t, Config{Kind: ECSRAMRole, ECSRoleName: name, metadataProxy: proxy})
		require.Zero(t, i.count(), "no network before the first use")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { requireKey(t, p, 1) })
		}
		wg.Wait()
		used := requireKey(t, p, 1)
		require.Equal(t, 1, i.count())
		fresh, ok := p.Refused(t.Context(), used)
		require.True(t, ok)
		require.Equal(t, fresh, requireKey(t, p, 2))
	}
}

func TestRRSA(t *testing.T) {
	i, endpoint := newSTS(t)
	c := Config{
		Kind: RRSA, RoleARN: roleARN, OIDCProviderARN: oidcARN, STSEndpoint: endpoint,
		OIDCTokenFile: tokenFile(t, oldToken), RoleSessionName: "node-1",
	}
	p := provide(t, c)
	used := requireKey(t, p, 1)
	form := i.last().Form
	for name, want := range map[string]string{
		"Action": "AssumeRoleWithOIDC", "RoleArn": roleARN, "OIDCProviderArn": oidcARN,
		"OIDCToken": oldToken, "RoleSessionName": "node-1",
	} {
		require.Equal(t, want, form.Get(name), name)
	}
	// The kubelet replaces the token: the next fetch sends the new one.
	require.NoError(t, os.WriteFile(c.OIDCTokenFile, []byte(newToken), 0o600))
	_, ok := p.Refused(t.Context(), used)
	require.True(t, ok)
	require.Equal(t, newToken, i.last().Form.Get("OIDCToken"))
}

// As the webhook of ACK sets it up: everything is in the environment, for rrsa
// and for auto.
func TestRRSAFromTheEnvironment(t *testing.T) {
	i, endpoint := newSTS(t)
	t.Setenv("ALIBABA_CLOUD_ROLE_ARN", roleARN)
	t.Setenv("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", oidcARN)
	t.Setenv("ALIBABA_CLOUD_OIDC_TOKEN_FILE", tokenFile(t, oldToken))
	requireKey(t, provide(t, Config{Kind: RRSA, STSEndpoint: endpoint}), 1)
	require.Equal(t, "fluent-bit-sls", i.last().Form.Get("RoleSessionName"))
	c := Config{Kind: Auto}
	require.NoError(t, c.Validate())
	c.STSEndpoint = endpoint // of the environment only the region can be set
	p := New(c, "", nil)
	requireKey(t, p, 2)
	require.NoError(t, p.Close())
}

func TestAssumeRole(t *testing.T) {
	i, endpoint := newSTS(t)
	requireKey(t, provide(t, Config{
		Kind: AssumeRole, AccessKeyID: "base", AccessKeySecret: oldSecret, SecurityToken: oldToken,
		RoleARN: roleARN, ExternalID: "ext", STSEndpoint: endpoint,
	}), 1)
	form := i.last().Form
	for name, want := range map[string]string{
		"Action": "AssumeRole", "RoleArn": roleARN, "ExternalId": "ext", "AccessKeyId": "base",
		"SecurityToken": oldToken, "RoleSessionName": "fluent-bit-sls",
	} {
		require.Equal(t, want, form.Get(name), name)
	}
	require.NotEmpty(t, form.Get("Signature"))
}

// A role of another account, assumed with the instance's own.
func TestAssumeRoleFromECSRole(t *testing.T) {
	sts, endpoint := newSTS(t)
	metadata, proxy := newMetadata(t)
	p := provide(t, Config{Kind: AssumeRole, RoleARN: roleARN, STSEndpoint: endpoint, metadataProxy: proxy})
	requireKey(t, p, 1)
	require.Equal(t, "key1", sts.last().Form.Get("AccessKeyId"))
	require.Equal(t, newToken, sts.last().Form.Get("SecurityToken"))
	require.Equal(t, 1, metadata.count())
}

func TestURI(t *testing.T) {
	i, uri := newURI(t)
	p := provide(t, Config{Kind: URI, URI: uri})
	requireKey(t, p, 1)
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_URI", uri)
	requireKey(t, provide(t, Config{Kind: URI}), 2)
	require.Equal(t, 2, i.count())
}

func TestEnv(t *testing.T) {
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", oldSecret)
	t.Setenv("ALIBABA_CLOUD_SECURITY_TOKEN", oldToken)
	for _, kind := range []Kind{Env, Auto} {
		p := provide(t, Config{Kind: kind})
		cred, err := p.GetCredentials()
		require.NoError(t, err)
		require.Equal(t, credential{AccessKeyID: "id", AccessKeySecret: oldSecret, SecurityToken: oldToken}, cred)
		_, ok := p.Refused(t.Context(), cred)
		require.False(t, ok, "the environment has no others")
	}
}

// Both files, a named profile, and keys that change while the plugin runs.
func TestProfile(t *testing.T) {
	cli := filepath.Join(t.TempDir(), "config.json")
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", cli)
	write := func(id string) {
		require.NoError(t, os.WriteFile(cli, []byte(`{"current":"main","profiles":[
			{"name":"main","mode":"AK","access_key_id":"`+id+`","access_key_secret":"`+oldSecret+`"},
			{"name":"other","mode":"StsToken","access_key_id":"other","access_key_secret":"`+oldSecret+`","sts_token":"`+oldToken+`"}]}`), 0o600))
	}
	write("first")
	p := provide(t, Config{Kind: Profile})
	cred, err := p.Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, credential{AccessKeyID: "first", AccessKeySecret: oldSecret}, cred)
	write("second")
	cred, ok := p.Refused(t.Context(), cred)
	require.True(t, ok, "the file is read again")
	require.Equal(t, "second", cred.AccessKeyID)
	cred, err = provide(t, Config{Kind: Profile, ProfileName: "other"}).Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, credential{AccessKeyID: "other", AccessKeySecret: oldSecret, SecurityToken: oldToken}, cred)

	require.NoError(t, os.Remove(cli))
	ini := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", ini)
	require.NoError(t, os.WriteFile(ini, []byte("[default]\ntype = access_key\naccess_key_id = ini\naccess_key_secret = "+oldSecret+"\n"), 0o600))
	cred, err = provide(t, Config{Kind: Profile}).Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ini", cred.AccessKeyID)
}

// When everything failed once, the next time all are asked again.
func TestAutoStartsAnew(t *testing.T) {
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
	t.Setenv("HOME", t.TempDir())
	l := cachingOf(Config{}, Auto)
	_, err := l.get(true)
	require.ErrorContains(t, err, "none of the sources")
	for _, name := range []string{"env: ", "profile: ", "ecs_ram_role: "} {
		require.ErrorContains(t, err, name)
	}
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
	t.Setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", oldSecret)
	got, err := l.get(true)
	require.NoError(t, err)
	require.Equal(t, "id", got.AccessKeyID)
	require.Equal(t, "env", got.from)
}

func TestStaticKeys(t *testing.T) {
	cred, err := provide(t, Config{Kind: Static, AccessKeyID: "id", AccessKeySecret: oldSecret}).Credentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, credential{AccessKeyID: "id", AccessKeySecret: oldSecret}, cred)
}

// cachingOf is the source of a kind, without the provider in front of it.
func cachingOf(c Config, kind Kind) *caching {
	s := &sources{c, c.newFetcher("")}
	return &caching{origins: s.origins(kind), clean: c.clean}
}

func TestFetchedAnewWithinMargin(t *testing.T) {
	for life, fetches := range map[time.Duration]int{margin - 10*time.Second: 2, margin + 20*time.Second: 1} {
		i, uri := newURI(t)
		i.life = life
		c := Config{URI: uri}
		l := cachingOf(c, URI)
		for range 2 {
			_, err := l.get(false)
			require.NoError(t, err)
		}
		require.Equal(t, fetches, i.count(), "%v left", life)
	}
}

// A fetch leaves no idle connection behind, and so no goroutine.
func TestConnectionsAreClosed(t *testing.T) {
	for _, secure := range []bool{false, true} {
		i := &issuer{life: time.Hour}
		closed := make(chan struct{}, 8)
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.issue(w, r, plainKeys) }))
		srv.EnableHTTP2 = secure
		srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				closed <- struct{}{}
			}
		}
		if secure {
			srv.StartTLS()
		} else {
			srv.Start()
		}
		requireKey(t, provide(t, Config{Kind: URI, URI: srv.URL}), 1)
		select {
		case <-closed:
		case <-time.After(20 * time.Second):
			require.Fail(t, "the connection stays open", "TLS %v", secure)
		}
		srv.Close()
	}
}

// The metadata service is never asked through a proxy, STS and a credentials URI are.
func TestMetadataGoesPastTheProxy(t *testing.T) {
	proxyOf := func(proxy, target string) *url.URL {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		to, err := Config{}.newFetcher(proxy).client.Transport.(*http.Transport).Proxy(r)
		require.NoError(t, err)
		return to
	}
	require.Nil(t, proxyOf("", metadataRoles))
	require.Nil(t, proxyOf("http://proxy.test", metadataRoles))
	require.Equal(t, proxyOfTheEnvironment, proxyOf("", "http://credentials.test/").String())
	require.Equal(t, "http://proxy.test", proxyOf("http://proxy.test", "http://credentials.test/").String())
}

// Every mode of the aliyun command line, and what the SDKs' file can say.
func TestProfileModes(t *testing.T) {
	sts, endpoint := newSTS(t)
	metadata, proxy := newMetadata(t)
	cli, ini := filepath.Join(t.TempDir(), "config.json"), filepath.Join(t.TempDir(), "credentials")
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", cli)
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", ini)
	profiles := `{"profiles":[
		{"name":"ak","mode":"AK","access_key_id":"base","access_key_secret":"` + oldSecret + `"},
		{"name":"role","mode":"RamRoleArn","access_key_id":"base","access_key_secret":"` + oldSecret + `","ram_role_arn":"` + roleARN + `","ram_session_name":"s","expired_seconds":900,"external_id":"ext","policy":"{}"},
		{"name":"chain","mode":"ChainableRamRoleArn","source_profile":"ak","ram_role_arn":"` + roleARN + `"},
		{"name":"oidc","mode":"OIDC","oidc_token_file":"` + tokenFile(t, oldToken) + `","oidc_provider_arn":"` + oidcARN + `","ram_role_arn":"` + roleARN + `"},
		{"name":"ecs","mode":"EcsRamRole","ram_role_name":"node-role"},
		{"name":"short","mode":"RamRoleArn","access_key_id":"base","access_key_secret":"` + oldSecret + `","ram_role_arn":"` + roleARN + `","expired_seconds":60},
		{"name":"loop","mode":"ChainableRamRoleArn","source_profile":"loop"},
		{"name":"odd","mode":"External"}]}`
	require.NoError(t, os.WriteFile(cli, []byte(profiles), 0o600))
	require.NoError(t, os.WriteFile(ini, []byte("[iniecs]\ntype = ecs_ram_role\nrole_name = node-role\n[inirole]\ntype = ram_role_arn\n"+
		"access_key_id = base\naccess_key_secret = "+oldSecret+"\nrole_arn = "+roleARN+"\nrole_session_name = s\n"), 0o600))
	get := func(name string) (credential, error) {
		c := Config{Kind: Profile, ProfileName: name, STSEndpoint: "", metadataProxy: proxy}
		s := &sources{c, c.newFetcher("")}
		s.client.Transport = toSTS{s.client.Transport, endpoint}
		got, err := (&caching{origins: s.origins(Profile), clean: c.clean}).get(true)
		return got.credential, err
	}
	for name, want := range map[string]map[string]string{
		"role":    {"Action": "AssumeRole", "AccessKeyId": "base", "RoleSessionName": "s", "DurationSeconds": "900", "ExternalId": "ext", "Policy": "{}", "RoleArn": roleARN},
		"chain":   {"Action": "AssumeRole", "AccessKeyId": "base", "RoleSessionName": "fluent-bit-sls", "DurationSeconds": "3600", "RoleArn": roleARN},
		"oidc":    {"Action": "AssumeRoleWithOIDC", "OIDCToken": oldToken, "OIDCProviderArn": oidcARN, "RoleArn": roleARN},
		"inirole": {"Action": "AssumeRole", "AccessKeyId": "base", "RoleSessionName": "s", "RoleArn": roleARN},
	} {
		before := sts.count()
		got, err := get(name)
		require.NoError(t, err, name)
		require.Equal(t, fmt.Sprint("key", before+1), got.AccessKeyID)
		for key, value := range want {
			require.Equal(t, value, sts.last().Form.Get(key), "%s: %s", name, key)
		}
	}
	for _, name := range []string{"ecs", "iniecs"} {
		before := metadata.count()
		got, err := get(name)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("key", before+1), got.AccessKeyID)
	}
	for name, want := range map[string]string{
		"short": "a session of 60 s: STS has none below 900",
		"loop":  `profile "loop": more than 8 source profiles behind each other`,
		"odd":   `profile "odd": mode "External" is none of AK,`,
		"none":  `no profile "none"`,
	} {
		_, err := get(name)
		require.ErrorContains(t, err, want)
		requireSilent(t, err.Error())
	}
}

// toSTS leads what goes to Alibaba Cloud's STS to a test's.
type toSTS struct {
	http.RoundTripper
	endpoint string
}

func (s toSTS) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "sts.aliyuncs.com" {
		r = r.Clone(r.Context())
		r.URL.Host = s.endpoint
	}
	return s.RoundTripper.RoundTrip(r)
}

// As credentials-go v1.4.7 signs it.
func TestSignatureOfSTS(t *testing.T) {
	require.Equal(t, "b5MvnjOLLcOdyyMZ/IU+YqnIBTw=", signRPC(oldSecret,
		url.Values{
			"AccessKeyId": {"base"}, "Action": {"AssumeRole"}, "Format": {"JSON"}, "SecurityToken": {"t+o/k*e~n="},
			"SignatureMethod": {"HMAC-SHA1"}, "SignatureNonce": {"c893fe86b62cea57bbd8a30f2e401789"}, "SignatureVersion": {"1.0"},
			"Timestamp": {"2026-11-27T23:00:53Z"}, "Version": {"2015-04-01"},
		},
		url.Values{"DurationSeconds": {"3600"}, "ExternalId": {"ext*1~2"}, "RoleArn": {roleARN}, "RoleSessionName": {"fluent-bit-sls"}}))
}
