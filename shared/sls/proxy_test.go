package sls

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

// newProxyServer is an HTTP proxy that wants a user and a password, and connects
// everything to target.
func newProxyServer(t *testing.T, target string) (address string, used *atomic.Int32) {
	used = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYTU1d29yZA==" { // user:pa55word
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		used.Add(1)
		out, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", target)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer out.Close()
		if r.Method != http.MethodConnect {
			_ = r.Write(out)
			resp, err := http.ReadResponse(bufio.NewReader(out), r)
			if err == nil {
				w.WriteHeader(resp.StatusCode)
				_, _ = io.Copy(w, resp.Body)
				_ = resp.Body.Close()
			}
			return
		}
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer in.Close()
		_, _ = io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			_, _ = io.Copy(out, in)
			_ = out.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(in, out)
	}))
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String(), used
}

// viaProxy makes a client from options.
func viaProxy(t *testing.T, endpoint, proxy, ca string) *Client {
	t.Helper()
	var conn ConnectionConfig
	require.NoError(t, option.Parse(option.Map{
		"endpoint": endpoint, "access_key_id": testKey, "access_key_secret": testSecret, "proxy": proxy, "ca_file": ca,
	}, conn.Options()))
	require.NotContains(t, conn.String(), "pa55word")
	c, err := New(conn.ClientConfig("agent", 2, nil))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestProxy(t *testing.T) {
	own := newAuthority(t)
	secure := own.serve("127.0.0.1", time.Now().Add(time.Hour))
	proxy, used := newProxyServer(t, secure.Listener.Addr().String())
	c := viaProxy(t, "https://127.0.0.1", "http://user:pa55word@"+proxy, own.file())
	require.NoError(t, put(t, c))
	require.NoError(t, put(t, c))
	require.EqualValues(t, 1, used.Load(), "one tunnel, kept")

	plain := newRecorder(t, ok)
	proxy, used = newProxyServer(t, plain.Listener.Addr().String())
	require.NoError(t, put(t, viaProxy(t, "http://sls.test", "http://user:pa55word@"+proxy, "")))
	require.EqualValues(t, 1, used.Load())
	require.Equal(t, "proj.sls.test", plain.only(t).Host)
}

// What goes wrong with the proxy says so, without its password, and is no
// ambiguous outcome.
func TestProxyFailures(t *testing.T) {
	proxy, _ := newProxyServer(t, "127.0.0.1:1")
	for name, tc := range map[string]struct {
		endpoint, proxy, want string
		class                 Class
	}{
		"nothing there":          {"https://sls.test", "http://user:pa55word@127.0.0.1:1", "proxyconnect", ClassRetry},
		"wrong password":         {"https://sls.test", "http://user:pa55word2@" + proxy, "407", ClassRetry},
		"wrong password, http":   {"http://sls.test", "http://user:pa55word2@" + proxy, "407", ClassConfiguration},
		"cannot reach":           {"https://sls.test", "http://user:pa55word@" + proxy, "502", ClassRetry},
		"no TLS spoken by proxy": {"https://sls.test", "https://user:pa55word@" + proxy, "", ClassRetry},
	} {
		t.Run(name, func(t *testing.T) {
			e := requireError(t, put(t, viaProxy(t, tc.endpoint, tc.proxy, "")))
			require.ErrorContains(t, e, tc.want)
			require.Contains(t, e.Mend, "proxy")
			require.Equal(t, tc.class, e.Class)
			require.False(t, e.Ambiguous)
			require.NotContains(t, e.Error(), "pa55word")
		})
	}
}

func TestProxyOption(t *testing.T) {
	request := func(host string) *http.Request {
		return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host, nil)
	}
	for _, value := range []string{"http://proxy:3128", "HTTPS://u:p@proxy:3128/"} {
		u, err := newProxy(value)(request("127.0.0.1"))
		require.NoError(t, err)
		require.Equal(t, "proxy:3128", u.Host, "what is configured holds for addresses, too")
	}
	for _, value := range []string{"none", "NONE"} {
		u, err := newProxy(value)(request("sls.test"))
		require.NoError(t, err)
		require.Nil(t, u)
	}
	require.Nil(t, newProxy(""))
	require.Nil(t, newProxy("Environment"))
	for _, value := range []string{"proxy:3128", "off", "socks5://proxy", "http://", "http://u:pa55word@h/path", "http://u:pa55\nword@h", "http://u:pa55word@h:x"} {
		var c ConnectionConfig
		err := option.Parse(option.Map{"endpoint": "h", "proxy": value}, c.Options())
		require.ErrorContains(t, err, "option proxy", value)
		require.NotContains(t, err.Error(), "pa55word")
		_, err = newProxy(value)(request("sls.test"))
		require.ErrorContains(t, err, "option proxy", value)
		require.NotContains(t, err.Error(), "pa55word")
	}
}

// Of a mixed list only the names may go through the environment's proxy.
func TestEnvironmentProxy(t *testing.T) {
	list, err := parseEndpoints("http://10.0.0.1:80,sls.test")
	require.NoError(t, err)
	proxy := environmentProxy(list)
	u, err := proxy(&http.Request{URL: mustURL(t, "http://10.0.0.1:80/x")})
	require.NoError(t, err)
	require.Nil(t, u)
	u, err = proxy(&http.Request{URL: mustURL(t, "http://proj.sls.test/x")})
	require.NoError(t, err)
	require.NotNil(t, u)
	require.Nil(t, environmentProxy(list[:1]))
}

func TestWarnings(t *testing.T) {
	c := ConnectionConfig{Endpoints: strings.Split("https://a,b,http://127.0.0.1:1,http://[::1],http://localhost:80,http://[::ffff:127.0.0.1],ftp://x", ",")}
	require.Empty(t, c.Warnings())
	c.Endpoints = []string{"http://a.test", "http://10.0.0.1", "http://[fe80::1]:80", "https://b"}
	require.Len(t, c.Warnings(), 3)
	require.Contains(t, c.Warnings()[0], "option endpoint: http://a.test is plain http")
}
