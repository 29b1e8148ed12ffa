package sls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serveAs starts an https server with that certificate, and fills in the fields that every
// certificate needs.
func (a *authority) serveAs(template x509.Certificate, maxVersion uint16) *httptest.Server {
	template.Subject = pkix.Name{CommonName: "proj.sls.test"} // names nothing any more
	template.KeyUsage = x509.KeyUsageDigitalSignature
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if template.ExtKeyUsage == nil {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	key, cert := a.sign(&template)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	srv.TLS = &tls.Config{
		MinVersion: tls.VersionTLS10, MaxVersion: maxVersion,
		Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}},
	}
	srv.Config.ErrorLog = discardLog()
	srv.StartTLS()
	a.t.Cleanup(srv.Close)
	return srv
}

// The name that is verified is the one that is asked for: the project's host, not
// the address that answers.
func TestHostNameIsVerified(t *testing.T) {
	own := newAuthority(t)
	named := func(names ...string) x509.Certificate { return x509.Certificate{DNSNames: names} }
	for name, tc := range map[string]struct {
		cert    x509.Certificate
		version uint16
		want    string // in the error; "" = accepted
	}{
		"the project's":       {named("proj.sls.test"), 0, ""},
		"a wildcard":          {named("*.sls.test"), 0, ""},
		"the endpoint's only": {named("sls.test"), 0, "valid for sls.test, not proj.sls.test"},
		"another project's":   {named("other.sls.test"), 0, "valid for other.sls.test, not proj.sls.test"},
		"another domain's":    {named("*.evil.test"), 0, "valid for *.evil.test, not proj.sls.test"},
		"a longer wildcard":   {named("*.proj.sls.test"), 0, "not proj.sls.test"},
		"its own address's":   {x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, 0, "not valid for any names"},
		"its common name's":   {x509.Certificate{}, 0, "legacy Common Name"},
		"a client's": {x509.Certificate{
			DNSNames: []string{"proj.sls.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}, 0, "incompatible key usage"},
		"TLS 1.1": {named("proj.sls.test"), tls.VersionTLS11, "protocol version not supported"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := own.serveAs(tc.cert, tc.version)
			c := newClient(t, "https://sls.test", func(cfg *Config) { cfg.CAFile = own.file() })
			var d net.Dialer
			c.transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return d.DialContext(ctx, network, srv.Listener.Addr().String())
			}
			err := put(t, c)
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			e := requireError(t, err)
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, ClassRetry, e.Class, "it can be mended: the data is kept")
			require.False(t, e.Ambiguous, "nothing was sent")
		})
	}
}

// One that is not valid yet is refused like one that is not any more.
func TestCertificateOfTheFuture(t *testing.T) {
	own := newAuthority(t)
	srv := own.serve("127.0.0.1", time.Now().Add(time.Hour))
	c := newClient(t, srv.Listener.Addr().String(), func(cfg *Config) { cfg.CAFile = own.file() })
	c.transport.(*http.Transport).TLSClientConfig.Time = func() time.Time { return time.Now().Add(-72 * time.Hour) }
	require.ErrorContains(t, put(t, c), "certificate has expired or is not yet valid")
}
