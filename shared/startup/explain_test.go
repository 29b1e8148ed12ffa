package startup

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// Each way in which a first start goes wrong has its own sentence, which names the
// option or the RAM action to mend. ENDPOINT and HOST stand for the endpoint.
func TestEveryMistakeHasItsSentence(t *testing.T) {
	for name, tc := range map[string]struct {
		mistake func(t *testing.T, r *rig)
		says    string // regular expression
	}{
		"nothing listens": {
			func(t *testing.T, r *rig) { r.props["endpoint"] = "http://" + freeAddress(t) },
			`^nothing listens at ENDPOINT; check option endpoint, its port and whether it begins with http:// or https://$`,
		},
		"no answer": {
			func(t *testing.T, r *rig) {
				r.props["endpoint"], r.props["request_timeout"] = "http://"+silent(t), "1s"
			},
			`^ENDPOINT does not answer; check option endpoint \(one with -intranet answers within its region .*\), option proxy, and the network of this host`,
		},
		"https to a port without TLS": {
			func(_ *testing.T, r *rig) { r.props["endpoint"] = host(r.endpoint) },
			`^https://HOST does not speak TLS; check option endpoint: its port, or http:// in place of https://$`,
		},
		"http to a port with TLS": {
			func(t *testing.T, r *rig) { r.props["endpoint"] = "http://" + host(tlsServer(t).URL) },
			`^what answers at ENDPOINT is not SLS \(HTTP 400: .*\); check option endpoint, its port and whether it begins with http:// or https://, and option proxy$`,
		},
		"unknown authority": {
			func(t *testing.T, r *rig) { r.props["endpoint"] = tlsServer(t).URL },
			`^the certificate of ENDPOINT is from an authority that this host does not trust; check option endpoint, or name the authority's certificate in option ca_file$`,
		},
		"another web server": {
			func(t *testing.T, r *rig) {
				other := httptest.NewServer(http.NotFoundHandler())
				t.Cleanup(other.Close)
				r.props["endpoint"] = other.URL
			},
			`^what answers at ENDPOINT is not SLS \(HTTP 404: 404 page not found\); check option endpoint`,
		},
		"proxy": {
			func(t *testing.T, r *rig) { r.props["proxy"] = "http://user:" + testSecret + "@" + freeAddress(t) },
			`^the proxy does not lead to ENDPOINT \(.*\); check option proxy, and HTTPS_PROXY`,
		},
		"proxy wants a password": {
			func(t *testing.T, r *rig) {
				srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(407) }))
				t.Cleanup(srv.Close)
				r.props["proxy"] = srv.URL
			},
			`^the proxy does not lead to ENDPOINT \(HTTP 407\); check option proxy`,
		},
		"gateway without its server": {
			func(_ *testing.T, r *rig) { r.cloud.Hook("", func(c *slsfake.Call) { c.FailHTML(502) }) },
			`^cannot tell yet whether proj/app can be written to: check writing to proj/app: HTTP 502`,
		},
		"no keys to be had": {
			func(t *testing.T, r *rig) {
				delete(r.props, "access_key_id")
				delete(r.props, "access_key_secret")
				r.props["credentials"], r.props["credentials_uri"] = "uri", "http://"+freeAddress(t)
			},
			`^there is no access key to sign with \(credentials: .*\); check credentials`,
		},
		"wrong key id": {
			func(_ *testing.T, r *rig) { r.props["access_key_id"] = "LTAIother" },
			`^SLS does not know the access key id, or no longer; check option access_key_id$`,
		},
		"disabled key": {
			func(_ *testing.T, r *rig) { r.refuse(401, "Unauthorized", "AccessKeyId is disabled: "+testKey) },
			`^the access key is disabled; enable it in the RAM console, or replace access_key_id, access_key_secret`,
		},
		"wrong secret": {
			func(_ *testing.T, r *rig) { r.props["access_key_secret"] = testSecret + "x" },
			`^the signature does not match: the secret is not that of the access key id; check option access_key_secret$`,
		},
		"wrong region": {
			func(_ *testing.T, r *rig) { r.props["sign_version"], r.props["region"] = "v4", "cn-other" },
			`^the signature does not match: .*; check option access_key_secret, and that option region, "cn-other", is the region of option endpoint$`,
		},
		"expired token": {
			func(_ *testing.T, r *rig) {
				r.cloud.AddTemporaryKey(testKey, testSecret, testToken, time.Now().Add(-time.Minute))
				r.props["security_token"] = testToken
			},
			`^the security token has expired; replace access_key_id, access_key_secret and, if there is one, security_token together, or have option credentials fetch keys that are renewed$`,
		},
		"missing token": {
			func(_ *testing.T, r *rig) { r.cloud.AddKey(testKey, testSecret, testToken) },
			`^the security token is not that of the access key, or is missing; replace access_key_id`,
		},
		"clock": {
			func(_ *testing.T, r *rig) { r.cloud.SetClockOffset(time.Hour) },
			`^the clock of this host is 1h0m0s behind that of SLS; set it \(NTP\): `,
		},
		"clock ahead, no date in the answer": {
			func(_ *testing.T, r *rig) {
				r.cloud.Hook("", func(c *slsfake.Call) {
					c.Answer(400, http.Header{"Date": {""}}, []byte(`{"errorCode":"RequestTimeTooSkewed","errorMessage":"too far"}`))
				})
			},
			`^SLS does not accept the time of this host \(too far\); set its clock \(NTP\)$`,
		},
		"project": {
			func(_ *testing.T, r *rig) { r.project = "porj" },
			`^there is no project "porj" at ENDPOINT; check option project, and that option endpoint is that of the project's region$`,
		},
		"project of another account": {
			func(_ *testing.T, r *rig) {
				r.refuse(401, "Unauthorized", "The project does not belong to you.")
			},
			`^project "proj" belongs to another account; check option project, or use a key or role of that account$`,
		},
		"disabled project": {
			func(_ *testing.T, r *rig) {
				r.refuse(403, "ProjectForbidden", "The project has been forbidden by admin")
			},
			`^project "proj" of option project is disabled, for overdue payment or by an administrator; see the console of SLS$`,
		},
		"logstore": {
			func(_ *testing.T, r *rig) { r.logstore = "ap" },
			`^project "proj" has no logstore "ap"; check option logstore, or create the logstore$`,
		},
		"permission": {
			func(_ *testing.T, r *rig) {
				r.refuse(401, "Unauthorized", "denied by sts or ram, action: log:PostLogStoreLogs, resource: acs:log:cn-test:1234:project/proj/logstore/app")
			},
			`^the access key is right, but proj/app cannot be written to with it; allow it the RAM action log:PostLogStoreLogs on acs:log:\*:\*:project/proj/logstore/app$`,
		},
		"another permission": {
			func(_ *testing.T, r *rig) {
				r.refuse(401, "Unauthorized", "denied by sts or ram, action: log:Other, resource: acs:log:cn-test:1234:project/proj")
			},
			`allow it the RAM action log:Other on acs:log:cn-test:1234:project/proj$`,
		},
		"no permission at all": {
			func(_ *testing.T, r *rig) { r.refuse(401, "Unauthorized", "The AccessKeyId is unauthorized.") },
			`^SLS does not let the access key in \(The AccessKeyId is unauthorized.\); check option access_key_id, and that a RAM policy allows it log:PostLogStoreLogs on acs:log:\*:\*:project/proj/logstore/app$`,
		},
		"server busy": {
			func(_ *testing.T, r *rig) { r.refuse(503, "ServerBusy", "busy") },
			`^cannot tell yet whether proj/app can be written to: check writing to proj/app: ServerBusy \(503`,
		},
		"answer cut off": {
			func(_ *testing.T, r *rig) { r.cloud.Hook("", (*slsfake.Call).CloseBefore) },
			`^cannot tell yet whether proj/app can be written to: `,
		},
		"name that cannot be sent": {
			func(_ *testing.T, r *rig) { r.project = "a.b" },
			`^check writing to a.b/app: project "a.b": only letters`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			tc.mistake(t, r)
			findings := r.findings(t)
			require.Len(t, findings, 1)
			require.Regexp(t, replaced(tc.says, r.props["endpoint"]), findings[0])
			require.NotContains(t, findings[0], testSecret)
			require.NotContains(t, findings[0], testToken)
			require.Zero(t, r.cloud.LogCount("proj", "app"), "nothing is written")
		})
	}
}

// The test makes up what the resolver says: it asks no name server.
func TestNamesThatDoNotResolve(t *testing.T) {
	const misspelt, doubled = "proj.cn-hangzouh.log.aliyuncs.com", "proj.proj.cn-hangzhou.log.aliyuncs.com"
	for says, dns := range map[string]*net.DNSError{
		"there is no host " + misspelt + "; check the spelling of option endpoint (as in cn-hangzhou.log.aliyuncs.com), and the DNS of this host": {Name: misspelt, IsNotFound: true},
		"there is no host " + doubled + "; option endpoint goes without the project, as in cn-hangzhou.log.aliyuncs.com":                          {Name: doubled, IsNotFound: true},
		"the DNS of this host does not answer for " + misspelt + "; check it, then option endpoint":                                               {Name: misspelt, IsTimeout: true},
	} {
		check := newRig(t).check(t, Fail)
		check.Targets[0].Call = func(context.Context) error {
			return &sls.Error{Mend: "endpoint, project", Err: &net.OpError{Op: "dial", Err: dns}}
		}
		require.Equal(t, []string{says}, check.run(t.Context()))
	}
}

// Someone who has set no key at all first reads which options to set.
func TestNoKeyAnywhere(t *testing.T) {
	r := newRig(t)
	delete(r.props, "access_key_id")
	delete(r.props, "access_key_secret")
	check := r.check(t, Fail)
	check.Targets[0].Call = func(context.Context) error {
		return &sls.Error{Class: sls.ClassCredentials, Mend: "credentials", Err: errors.New("env: none; profile: none")}
	}
	require.Equal(t, []string{
		"there is no access key to sign with; set access_key_id and access_key_secret, or have option credentials find them: " +
			"there were none elsewhere (env: none; profile: none)",
	}, check.run(t.Context()))
}

// Where keys are fetched, not typed, the sentence names where they come from.
func TestFetchedKeysAreNamedByTheirSource(t *testing.T) {
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"Code":"Success","AccessKeyId":"LTAIfetched","AccessKeySecret":"`+testSecret+`","SecurityToken":"`+testToken+`","Expiration":"2099-01-01T00:00:00Z"}`)
	}))
	t.Cleanup(keys.Close)
	for want, mistake := range map[string]func(r *rig){
		"SLS does not know the access key id, or no longer; check option credentials = uri and the options that belong to it": func(*rig) {},
		"the security token is not that of the access key, or is missing; check option credentials = uri and the options that belong to it": func(r *rig) {
			r.cloud.AddKey("LTAIfetched", testSecret, "another")
		},
	} {
		r := newRig(t)
		mistake(r)
		delete(r.props, "access_key_id")
		delete(r.props, "access_key_secret")
		r.props["credentials"], r.props["credentials_uri"] = "uri", keys.URL
		require.Equal(t, []string{want}, r.findings(t))
	}
}

// A certificate for another name is the endpoint's mistake. One that is not valid now may
// be the clock's.
func TestCertificates(t *testing.T) {
	srv := tlsServer(t)
	r := newRig(t)
	_, port, err := net.SplitHostPort(host(srv.URL))
	require.NoError(t, err)
	r.props["endpoint"], r.props["ca_file"] = "https://localhost:"+port, certificateFile(t, srv)
	require.Equal(t, []string{"the certificate of https://localhost:" + port + " is for another name; check option endpoint"}, r.findings(t))

	check := r.check(t, Fail)
	require.Regexp(t, `^the certificate of E is not valid at the time that this host has, \d{4}-\d\d-\d\d .*; check the clock of this host, then option endpoint$`,
		check.certificate("E", x509.CertificateInvalidError{Reason: x509.Expired}))
	require.Equal(t, "the certificate of E is not accepted (x509: unhandled critical extension); check option endpoint",
		check.certificate("E", x509.UnhandledCriticalExtension{}))
}

// certificateFile makes the server's own certificate one to trust.
func certificateFile(t *testing.T, srv *httptest.Server) string {
	name := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	require.NoError(t, os.WriteFile(name, block, 0o600))
	return name
}

// replaced puts the endpoint into a pattern.
func replaced(pattern, endpoint string) string {
	return strings.NewReplacer("ENDPOINT", regexp.QuoteMeta(endpoint), "HOST", regexp.QuoteMeta(endpoint)).Replace(pattern)
}

func host(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// freeAddress is one where nothing listens.
func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is closed at once
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// silent accepts connections and says nothing.
func silent(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // the kernel accepts; nobody else does
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func tlsServer(t *testing.T) *httptest.Server {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(nothing))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}
