package credentials

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// failure is the error of the first use of c.
func failure(t *testing.T, c Config) string {
	t.Helper()
	_, err := provide(t, c).Credentials(t.Context())
	require.Error(t, err)
	requireSilent(t, err.Error())
	return err.Error()
}

// Servers and files whose answer is half right: that half must not be logged.
func TestErrorsShowNoSecrets(t *testing.T) {
	answers := func(status int, body string) func(http.ResponseWriter) bool {
		return func(w http.ResponseWriter) bool {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	keys := `{"AccessKeyId":"id","AccessKeySecret":"` + newSecret + `"`

	i, uri := newURI(t)
	for _, body := range []string{keys + `}`, keys, newSecret} {
		for _, status := range []int{200, 500} {
			i.set(func() { i.answer = answers(status, body) })
			require.Contains(t, failure(t, Config{Kind: URI, URI: uri}), "/keys")
		}
	}
	sts, endpoint := newSTS(t)
	base := Config{
		Kind: AssumeRole, AccessKeyID: "id", AccessKeySecret: oldSecret, SecurityToken: oldToken,
		RoleARN: roleARN, STSEndpoint: endpoint,
	}
	sts.set(func() {
		sts.answer = answers(400, `{"RequestId":"REQ-1","Code":"SignatureDoesNotMatch","Message":"string to sign is: `+newToken+`"}`)
	})
	require.Contains(t, failure(t, base), "SignatureDoesNotMatch (request id REQ-1)")
	sts.set(func() { sts.answer = answers(200, `{"Credentials":{"AccessKeySecret":"`+newSecret+`"}}`) })
	failure(t, base)
	base.STSEndpoint = "127.0.0.1:1"
	require.Contains(t, failure(t, base), "127.0.0.1:1")
	oidc := Config{Kind: RRSA, RoleARN: roleARN, OIDCProviderARN: oidcARN, OIDCTokenFile: tokenFile(t, oldToken), STSEndpoint: endpoint}
	sts.set(func() { sts.answer = answers(403, "<html>"+oldToken) })
	failure(t, oidc)
	oidc.OIDCTokenFile += ".gone"
	require.Contains(t, failure(t, oidc), "no such file")
	metadata, proxy := newMetadata(t)
	metadata.set(func() { metadata.answer = answers(404, keys) })
	failure(t, Config{Kind: ECSRAMRole, metadataProxy: proxy})
}

func TestErrorsOfFilesShowNoSecrets(t *testing.T) {
	cli, ini := filepath.Join(t.TempDir(), "config.json"), filepath.Join(t.TempDir(), "credentials")
	t.Setenv("ALIBABA_CLOUD_CONFIG_FILE", cli)
	t.Setenv("ALIBABA_CLOUD_CREDENTIALS_FILE", ini)
	text := failure(t, Config{Kind: Profile})
	require.Contains(t, text, cli)
	require.Contains(t, text, ini)
	for _, content := range []string{
		`{"profiles":[{"access_key_secret":"` + oldSecret + `"`, oldSecret, "[default]\n" + oldSecret, "open " + oldSecret,
		"[default]\ntype = ram_role_arn\naccess_key_secret = " + oldSecret,
	} {
		require.NoError(t, os.WriteFile(cli, []byte(content), 0o600))
		require.NoError(t, os.WriteFile(ini, []byte(content), 0o600))
		failure(t, Config{Kind: Profile})
	}
}

func TestCleanKeepsWhatHelps(t *testing.T) {
	c := Config{AccessKeySecret: oldSecret, URI: "https://u:p@h/keys?x=y"}
	for in, want := range map[string]string{
		"GET http://h/p?x=y: dial tcp: no route": "GET http://h/p dial tcp: no route",
		"two\nlines " + oldSecret:                "two lines ***",
		"ask https://u:p@h/keys?x=y now":         "ask https://h/keys now",
		"open /x/credentials: permission denied": "open /x/credentials: permission denied",
	} {
		require.EqualError(t, c.clean(errors.New(in)), want)
	}
}
