package rivals

import (
	"net/http"
	"testing"
	"time"

	"fluent-bit-sls/tests/bench/rig"
)

// cpuPer reports what work, called n times, has cost the process.
func cpuPer(b *testing.B, n int, work func()) {
	b.Helper()
	for range 3 {
		work() // fills the pools
	}
	begin := rig.CPU()
	for range n {
		work()
	}
	b.ReportMetric(float64(rig.CPU()-begin)/float64(n), "cpu-ns/chunk")
}

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
