package sls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

// authority is a certificate authority of a company's own.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.key, a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotAfter: time.Now().Add(time.Hour),
	})
	return a
}

// sign makes a key and a certificate for it; the authority's own while it has none.
func (a *authority) sign(template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore = time.Now().Add(-48 * time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return key, cert
}

// file writes the authority's certificate as ca_file wants it.
func (a *authority) file() string {
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	require.NoError(a.t, os.WriteFile(name, append([]byte("our CA\n"), block...), 0o600))
	return name
}

// serve starts an https server with a certificate for ip that ends at notAfter.
func (a *authority) serve(ip string, notAfter time.Time) *httptest.Server {
	key, cert := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "server"}, IPAddresses: []net.IP{net.ParseIP(ip)}, NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	srv.Config.ErrorLog = discardLog()
	srv.StartTLS()
	a.t.Cleanup(srv.Close)
	return srv
}

func TestOwnAuthority(t *testing.T) {
	own, later := newAuthority(t), time.Now().Add(time.Hour)
	for name, tc := range map[string]struct {
		server *httptest.Server
		ca     string
		wants  []string // in the error; none = accepted
	}{
		"own CA":        {own.serve("127.0.0.1", later), own.file(), nil},
		"no ca_file":    {own.serve("127.0.0.1", later), "", []string{"connect to 127.0.0.1", "signed by unknown authority", "(check ca_file, endpoint)"}},
		"another CA":    {newAuthority(t).serve("127.0.0.1", later), own.file(), []string{"signed by unknown authority", "(check ca_file, endpoint)"}},
		"wrong host":    {own.serve("127.0.0.2", later), own.file(), []string{"valid for 127.0.0.2, not 127.0.0.1", "(check endpoint)"}},
		"expired":       {own.serve("127.0.0.1", time.Now().Add(-time.Hour)), own.file(), []string{"certificate has expired", "(check endpoint)"}},
		"nothing there": {nil, own.file(), []string{"(check endpoint, project)"}},
	} {
		t.Run(name, func(t *testing.T) {
			addr := "127.0.0.1:1"
			if tc.server != nil {
				addr = tc.server.Listener.Addr().String()
			}
			err := put(t, newClient(t, addr, func(cfg *Config) { cfg.CAFile = tc.ca }))
			if tc.wants == nil {
				require.NoError(t, err)
				return
			}
			e := requireError(t, err)
			require.Equal(t, ClassRetry, e.Class, "a certificate can be mended: the data is kept")
			require.False(t, e.Ambiguous)
			for _, want := range tc.wants {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// The own authorities come beside the system's, not in their place.
func TestOwnAuthorityIsAdded(t *testing.T) {
	system, err := x509.SystemCertPool()
	require.NoError(t, err)
	a := newAuthority(t)
	roots, err := loadRoots(a.file())
	require.NoError(t, err)
	require.False(t, roots.Equal(system))
	system.AddCert(a.cert)
	require.True(t, roots.Equal(system))
}

func TestCAFileProblems(t *testing.T) {
	empty, noPEM := filepath.Join(t.TempDir(), "empty"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.NoError(t, os.WriteFile(noPEM, []byte("-----BEGIN PRIVATE KEY-----\n"+testSecret), 0o600))
	for file, want := range map[string]string{
		empty:                           "no PEM certificate",
		noPEM:                           "no PEM certificate",
		t.TempDir():                     "is a directory",
		filepath.Join(empty, "no-such"): "not a directory",
		empty + ".pem":                  "no such file",
	} {
		var c ConnectionConfig
		err := option.Parse(option.Map{"endpoint": "host", "ca_file": file}, c.Options())
		require.ErrorContains(t, err, "option ca_file")
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), testSecret)
		_, err = New(Config{Endpoint: "host", Credentials: staticKeys(""), CAFile: file})
		require.ErrorContains(t, err, "ca_file")
		require.ErrorContains(t, err, want)
	}
}

// Nothing turns verification off.
func TestVerificationIsAlwaysOn(t *testing.T) {
	c := newClient(t, "host", func(cfg *Config) { cfg.CAFile = newAuthority(t).file() })
	config := c.transport.(*http.Transport).TLSClientConfig
	require.False(t, config.InsecureSkipVerify)
	require.GreaterOrEqual(t, config.MinVersion, uint16(tls.VersionTLS12))
}

// A certificate nobody vouches for is no connection: the next endpoint is used.
func TestNextEndpointAfterABadCertificate(t *testing.T) {
	own := newAuthority(t)
	bad := own.serve("127.0.0.1", time.Now().Add(-time.Hour)).Listener.Addr().String()
	good := own.serve("127.0.0.1", time.Now().Add(time.Hour)).Listener.Addr().String()
	c := newClient(t, bad+","+good, func(cfg *Config) { cfg.CAFile = own.file() })
	require.NoError(t, put(t, c))
	require.Equal(t, "https://"+good, c.Endpoint())
}

// What answers in plain text after it has read the request may have carried it out: it
// is not sent to the next endpoint at once, as what could not be connected to is.
func TestPlainTextBehindTheRequestIsAmbiguous(t *testing.T) {
	own := newAuthority(t)
	broken, good := own.serve("127.0.0.1", time.Now().Add(time.Hour)), newRecorder(t, ok)
	broken.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		wire := conn.(*tls.Conn).NetConn()
		_, _ = io.WriteString(wire, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		_ = wire.Close()
	})
	c := newClient(t, broken.Listener.Addr().String()+","+good.URL, func(cfg *Config) {
		cfg.CAFile = own.file()
	})
	e := requireError(t, put(t, c))
	require.True(t, e.Ambiguous, e.Error())
	require.Equal(t, ClassRetry, e.Class)
	require.Empty(t, good.requests())
}
