package sls

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// changed sends every request with another query than was signed.
type changed struct {
	http.RoundTripper
	change func(query string) string
}

func (c changed) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.RawQuery = c.change(r.URL.RawQuery)
	return c.RoundTripper.RoundTrip(r)
}

// The emulator gets the processor on both routes, and refuses one that was not signed.
func TestProcessorIsSentAndSigned(t *testing.T) {
	const name, key = "mask-pii & 日志", "ffffffffffffffffffffffffffffffff"
	for _, version := range []string{SignV1, SignV4} {
		for _, hashKey := range []string{"", key} {
			fake := newFake(t)
			raw := encodeGroup(t, "v")
			b := Body{Data: raw, RawSize: len(raw), Codec: None, Processor: name}
			require.NoError(t, fakeClient(t, fake, version).Logstore("proj", "store").PutLogs(t.Context(), b, hashKey))
			for g := range fake.Groups("proj", "store") {
				require.Equal(t, name, g.Processor)
				require.Equal(t, hashKey, g.HashKey)
			}
			for what, change := range map[string]func(string) string{
				"another": func(q string) string { return strings.Replace(q, "mask", "keep", 1) },
				"none": func(q string) string {
					rest, _, _ := strings.Cut(q, "processor=")
					return strings.TrimSuffix(rest, "&")
				},
			} {
				c := newClient(t, "http://sls.test", func(cfg *Config) {
					cfg.Transport = changed{fake.Transport(), change}
					cfg.SignVersion, cfg.Region = version, testRegion
				})
				e := requireError(t, c.Logstore("proj", "store").PutLogs(t.Context(), b, hashKey))
				require.Equal(t, "SignatureNotMatch", e.Code, "%s %s", version, what)
			}
			require.Equal(t, 1, fake.LogCount("proj", "store"))
		}
	}
}
