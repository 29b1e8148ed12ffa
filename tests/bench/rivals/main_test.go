package rivals

import (
	"net/http"
	"time"
)

// throughProxy is an HTTP client for the SDK, which puts the project in front of
// whatever host it is given: the connection goes to the emulator all the same.
// Like the engine's it keeps as many connections as it has requests in flight.
func throughProxy(endpoint string) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext:         dialer(endpoint),
			MaxIdleConnsPerHost: 64,
			DisableCompression:  true,
		},
	}
}
