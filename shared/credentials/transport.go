package credentials

import (
	"net/http"
	"net/url"
	"sync"
)

// metadataHost is the fixed address of the metadata service.
const metadataHost = "100.100.100.200"

// tameTransport mends http.DefaultTransport, which credentials-go clones for
// each of its requests; nothing else in a plugin uses it. It is the one way in:
// no option of credentials-go leads there.
//
//   - A clone is dropped with its idle connection, which with two goroutines
//     would stay for 90 s after each fetch, and after Close.
//   - A proxy from the environment would be asked for the instance's role, and
//     would answer with its own.
var tameTransport = sync.OnceFunc(func() {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return
	}
	t.DisableKeepAlives = true
	t.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == metadataHost {
			return nil, nil
		}
		return http.ProxyFromEnvironment(r)
	}
})
