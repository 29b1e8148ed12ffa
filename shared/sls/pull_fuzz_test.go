package sls

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// headed answers every request with those headers, a line each, and body.
type headed struct {
	status  int
	headers string
	body    []byte
}

func (h headed) RoundTrip(r *http.Request) (*http.Response, error) {
	res := &http.Response{
		StatusCode: h.status, Header: http.Header{}, ContentLength: -1, Request: r,
		Body: io.NopCloser(strings.NewReader(string(h.body))),
	}
	for line := range strings.Lines(h.headers) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		res.Header.Add(name, value)
	}
	return res, nil
}

// FuzzPull: what a pull returns is what its headers say, within the limit; anything
// else is an error whose delay can be waited for.
func FuzzPull(f *testing.F) {
	const head = "X-Log-Cursor:MTI=\nX-Log-Count:2\nX-Log-Bodyrawsize:10\nX-Log-Compresstype:"
	raw := []byte("0123456789")
	f.Add(uint16(200), head+"lz4\nX-Log-Read-Last-Cursor:-1", Compress(LZ4, nil, raw))
	f.Add(uint16(200), head+"zstd", Compress(ZSTD, nil, raw))
	f.Add(uint16(429), "Retry-After:99999999999\nDate:Fri, 31 Dec 9999 23:59:59 GMT", []byte(`{"errorCode":"ReadQuotaExceed"}`))
	f.Add(uint16(400), "X-Log-Time:-1\nRetry-After:Mon, 01 Jan 0001 00:00:00 GMT", []byte(`{"errorCode":"RequestTimeTooSkewed"}`))
	f.Fuzz(func(t *testing.T, status uint16, headers string, body []byte) {
		const limit = 1 << 20
		kept := func(size, _ int) ([]byte, error) {
			require.LessOrEqual(t, size, limit)
			return []byte("kept"), nil
		}
		answer := headed{200 + int(status)%400, headers, body}
		c := newClient(t, "http://sls.test", func(cfg *Config) { cfg.Transport = answer })
		res, err := c.Logstore("proj", "store").PullLogs(t.Context(), Pull{Cursor: "MTE=", Lend: kept, MaxRawSize: limit})
		if err != nil {
			e := requireError(t, err)
			require.True(t, e.RetryAfter >= 0 && e.RetryAfter <= time.Hour)
			require.Less(t, len(e.Error()), 4000)
			require.Zero(t, res)
			offset := c.ClockOffset()
			require.True(t, offset == 0 || offset.Abs() < 250*365*24*time.Hour)
			return
		}
		require.Equal(t, 200, answer.status)
		require.NoError(t, checkCursor(res.NextCursor))
		require.Len(t, res.Data, res.RawSize)
		require.LessOrEqual(t, res.RawSize, limit)
		if res.RawSize > 0 {
			require.Equal(t, "kept"+string(res.Data), string(res.Buf))
		}
		require.GreaterOrEqual(t, res.Groups, 0)
		require.GreaterOrEqual(t, res.LastCursor, int64(-1))
	})
}
