package credentials

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// Secrets that no error, log line or printed struct may show.
const (
	oldSecret = "0ld-s3cret-do-not-show"
	newSecret = "n3w-s3cret-do-not-show"
	oldToken  = "0ld-t0ken-do-not-show"
	newToken  = "n3w-t0ken-do-not-show"
)

const proxyOfTheEnvironment = "http://127.0.0.1:1"

func TestMain(m *testing.M) {
	for _, v := range os.Environ() {
		// What the machine is configured with is not what is tested.
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "ALIBABA_CLOUD_") || strings.HasSuffix(strings.ToLower(name), "_proxy") {
			_ = os.Unsetenv(name)
		}
	}
	// Nothing listens there, and loopback goes past it.
	_ = os.Setenv("HTTP_PROXY", proxyOfTheEnvironment)
	trustTestServers()
	goleak.VerifyTestMain(m)
}

// trustTestServers makes the certificate of httptest one of the system's: STS is spoken
// to by https only.
func trustTestServers() {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	f, err := os.CreateTemp("", "")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}); err != nil {
		panic(err)
	}
	_ = f.Close()
	_ = os.Setenv("SSL_CERT_FILE", f.Name())
	_, _ = x509.SystemCertPool() // read now, once
}
