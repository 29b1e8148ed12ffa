package sls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Values of the option proxy that are no URL.
const (
	proxyEnvironment = "environment"
	proxyNone        = "none"
)

// proxyFunc chooses the proxy of a request; nil, nil is none.
type proxyFunc = func(*http.Request) (*url.URL, error)

// splitProxy reads an option value: a URL, or nil and which of the two words.
func splitProxy(value string) (*url.URL, string, error) {
	switch word := strings.ToLower(value); word {
	case "", proxyEnvironment:
		return nil, proxyEnvironment, nil
	case proxyNone:
		return nil, word, nil
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		// url.Parse's error repeats the value, and with it the password.
		return nil, "", errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		return nil, "", errors.New("not an http or https URL")
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return nil, "", errors.New("a path or query does not belong here")
	}
	return u, "", nil
}

func checkProxy(value string) error {
	_, _, err := splitProxy(value)
	return err
}

// newProxy is the function for an option value; nil for the environment's. A
// value that checkProxy refuses lets no request pass.
func newProxy(value string) proxyFunc {
	u, word, err := splitProxy(value)
	switch {
	case err != nil:
		err = fmt.Errorf("option proxy: %w", err)
		return func(*http.Request) (*url.URL, error) { return nil, err }
	case word == proxyEnvironment:
		return nil
	}
	return func(*http.Request) (*url.URL, error) { return u, nil }
}

// environmentProxy follows HTTPS_PROXY, HTTP_PROXY and NO_PROXY, but not for
// endpoints that are addresses: an address is where the connection must go. It is
// nil when all are.
func environmentProxy(list []endpoint) proxyFunc {
	direct := make(map[string]bool)
	for _, ep := range list {
		if ep.direct {
			direct[ep.host] = true
		}
	}
	if len(direct) == len(list) {
		return nil
	}
	return func(r *http.Request) (*url.URL, error) {
		if direct[r.URL.Host] {
			return nil, nil
		}
		return http.ProxyFromEnvironment(r)
	}
}

// proxyError is a proxy's refusal to connect: nothing was sent.
type proxyError struct{ status string }

func (e *proxyError) Error() string { return "the proxy refused to connect: " + e.status }

// checkProxyAnswer turns a refusal into an error that says whose it is.
func checkProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{shorten(resp.Status, maxForeign)}
}
