package sls

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseEndpoint(t *testing.T) {
	for raw, want := range map[string]endpoint{
		"cn-hangzhou.log.aliyuncs.com":          {"https", "cn-hangzhou.log.aliyuncs.com", false, "", nil},
		"https://cn-hangzhou.log.aliyuncs.com/": {"https", "cn-hangzhou.log.aliyuncs.com", false, "", nil},
		"HTTP://CN-Hangzhou.log.aliyuncs.com//": {"http", "cn-hangzhou.log.aliyuncs.com", false, "", nil},
		" http://emu.local:8089 ":               {"http", "emu.local:8089", false, "", nil},
		"log_proxy:0080":                        {"https", "log_proxy:80", false, "", nil},
		"127.0.0.1":                             {"https", "127.0.0.1", true, "", nil},
		"http://127.0.0.1:8089":                 {"http", "127.0.0.1:8089", true, "", nil},
		"http://localhost:8089/":                {"http", "localhost:8089", true, "", nil},
		"LocalHost":                             {"https", "localhost", true, "", nil},
		"[::1]":                                 {"https", "[::1]", true, "", nil},
		"http://[FE80::1]:8089":                 {"http", "[fe80::1]:8089", true, "", nil},
		"localhost.example":                     {"https", "localhost.example", false, "", nil},
		"1.2.3.4.5":                             {"https", "1.2.3.4.5", false, "", nil},
	} {
		got, err := parseEndpoint(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, got, raw)
	}
	for _, raw := range []string{
		"", "  ", "https://", "https:///", "ftp://host", "http://https://host", "host/path", "host?x=1", "host#x", `host\x`,
		"host:", "host:0", "host:65536", "host:http", "host:+80", "host:-1", ":80", "a b", "host\nevil", "host\x00", "ho%73t",
		"::1", "[::1", "::1]", "[::1]x", "[127.0.0.1]", "[fe80::1%eth0]", "[]", "a..b", ".a", "a.", strings.Repeat("a", 64),
		strings.Repeat("a.", 200), "user@host", "https://user:pa55word@host", "höst",
	} {
		_, err := parseEndpoint(raw)
		require.Error(t, err, raw)
		require.Contains(t, err.Error(), "endpoint", raw)
		require.NotContains(t, err.Error(), "pa55word")
		require.NotContains(t, err.Error(), "\n")
	}
}

// Whatever is accepted makes a URL and a Host header that mean the same host to
// net/url and pass net/http's checks.
func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"host", "http://host:80/", "[::1]:8089", "https://1.2.3.4", "a@b", "localhost", "x:y", "http://[::ffff:1.2.3.4]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ep, err := parseEndpoint(raw)
		if err != nil {
			require.Contains(t, err.Error(), "endpoint")
			return
		}
		host := ep.hostHeader("proj")
		u, err := url.Parse(ep.scheme + "://" + ep.urlHost(host) + "/logstores")
		require.NoError(t, err)
		require.Equal(t, ep.urlHost(host), u.Host)
		require.Nil(t, u.User)
		require.NotEmpty(t, u.Hostname())
		again, err := parseEndpoint(ep.scheme + "://" + ep.host)
		require.NoError(t, err)
		require.Equal(t, ep, again)
	})
}

// With an address as endpoint the connection goes there while Host, and with it
// the V4 signature, names the project: for IPv4, IPv6 and localhost.
func TestDirectEndpoints(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "localhost:0"} {
		t.Run(addr, func(t *testing.T) {
			var lc net.ListenConfig
			l, err := lc.Listen(t.Context(), "tcp", addr)
			require.NoError(t, err)
			rec := newRecorder(t, ok)
			require.NoError(t, rec.Listener.Close())
			srv := httptest.NewUnstartedServer(rec.Config.Handler)
			require.NoError(t, srv.Listener.Close())
			srv.Listener = l
			srv.Start()
			t.Cleanup(srv.Close)
			_, port, err := net.SplitHostPort(l.Addr().String())
			require.NoError(t, err)
			host := strings.Replace(addr, ":0", "", 1) + ":" + port
			if strings.HasPrefix(addr, "[") {
				host = "[::1]:" + port
			}
			for _, version := range []string{SignV1, SignV4} {
				c := newClient(t, "http://"+host, func(cfg *Config) { cfg.SignVersion, cfg.Region = version, testRegion })
				require.NoError(t, c.Logstore("proj", "l").PutLogs(t.Context(), Body{Data: []byte("x"), RawSize: 1, Codec: None}, ""))
			}
			for _, got := range rec.requests() {
				require.Equal(t, "proj."+host, got.Host)
			}
			require.Len(t, rec.requests(), 2)
		})
	}
}

// With a name as endpoint the name of the project's own host is looked up.
func TestNamedEndpoint(t *testing.T) {
	rec := newRecorder(t, ok)
	var dialed string
	transport := wire{maxConns: 1}.transport()
	transport.Proxy = nil
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		dialed = addr
		var d net.Dialer
		return d.DialContext(ctx, network, rec.Listener.Addr().String())
	}
	c := newClient(t, "http://emu.test:8089", func(cfg *Config) { cfg.Transport = transport })
	require.NoError(t, c.Logstore("proj", "l").PutLogs(t.Context(), Body{Data: []byte("x"), RawSize: 1, Codec: None}, ""))
	require.Equal(t, "proj.emu.test:8089", dialed)
	require.Equal(t, "proj.emu.test:8089", rec.only(t).Host)
}

// https to an address: the certificate must be valid for the address, no server
// name is sent, and one that is not valid is refused with a word on the endpoint.
func TestTLSToAddress(t *testing.T) {
	var serverName string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		serverName = h.ServerName
		return nil, nil
	}}
	srv.Config.ErrorLog = discardLog()
	srv.StartTLS() // its certificate is valid for 127.0.0.1
	defer srv.Close()
	addr := srv.Listener.Addr().String()
	body := Body{Data: []byte("x"), RawSize: 1, Codec: None}

	trusting := wire{maxConns: 1}.transport()
	trusting.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	c := newClient(t, addr, func(cfg *Config) { cfg.Transport = trusting })
	require.NoError(t, c.Logstore("proj", "l").PutLogs(t.Context(), body, ""))
	require.Empty(t, serverName)

	e := requireError(t, newClient(t, addr, nil).Logstore("proj", "l").PutLogs(t.Context(), body, ""))
	require.Equal(t, ClassRetry, e.Class)
	require.Contains(t, e.Mend, "endpoint")
	require.False(t, e.Ambiguous)
}

func TestPlainServerBehindHTTPS(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(ok))
	defer srv.Close()
	c := newClient(t, srv.Listener.Addr().String(), nil)
	e := requireError(t, c.Logstore("proj", "l").PutLogs(t.Context(), Body{Data: []byte("x"), RawSize: 1}, ""))
	require.Contains(t, e.Mend, "endpoint")
	require.False(t, e.Ambiguous)
}
