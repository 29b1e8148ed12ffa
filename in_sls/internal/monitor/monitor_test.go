package monitor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/handover"
)

// page is what Fluent Bit 5.1.1 answers, shortened.
const page = `# HELP fluentbit_uptime Number of seconds that Fluent Bit has been running.
# TYPE fluentbit_uptime counter
fluentbit_uptime{hostname="vm"} 13
# HELP fluentbit_input_records_total Number of input records.
# TYPE fluentbit_input_records_total counter
fluentbit_input_records_total{name="sls.0"} 120 1795233760000
fluentbit_input_records_total{name="tail.1"} 7
fluentbit_input_storage_chunks{name="sls.0"} 3
fluentbit_input_storage_chunks{name="sls.01"} 64
fluentbit_input_storage_chunks{name="tail.1"} 32
fluentbit_input_storage_chunks{name="emitter_for_rewrite_tag.0"} 1
fluentbit_input_storage_chunks{name="my \"own\"",x="y"} 16
fluentbit_input_storage_chunks_up{name="sls.0"} 3
`

func TestReport(t *testing.T) {
	answer, status := page, http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/v2/metrics/prometheus", r.URL.Path)
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, answer)
	}))
	defer srv.Close()
	e := New(srv.URL+"/", "sls.0", []string{`my "own"`})
	defer e.Close()
	got, err := e.Report(t.Context())
	require.NoError(t, err)
	require.Equal(t, handover.Report{Uptime: 13, Records: 120, Chunks: 20}, got)

	require.False(t, got.Empty, "not known")
	for value, empty := range map[string]bool{"0": true, "1": false, "NaN": false} {
		answer = page + "fluentbit_storage_chunks " + value + "\n"
		got, err = e.Report(t.Context())
		require.NoError(t, err)
		require.Equal(t, empty, got.Empty, value)
	}

	answer = strings.ReplaceAll(page, "fluentbit_input_storage_chunks{", "other{")
	_, err = e.Report(t.Context())
	require.ErrorContains(t, err, "storage.metrics on")
	answer = ""
	_, err = e.Report(t.Context())
	require.ErrorContains(t, err, "fluentbit_uptime")
	status = http.StatusNotFound
	_, err = e.Report(t.Context())
	require.ErrorContains(t, err, "404")
	srv.Close()
	_, err = e.Report(t.Context())
	require.ErrorContains(t, err, "http_server on")
}

// An answer longer than what is read of it is an error: the rest may hold chunks.
func TestReportThatIsTooLong(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, strings.ReplaceAll(page, "} 3\n", "} 0\n"), strings.Repeat("# padding\n", maxReport/10),
			"fluentbit_input_storage_chunks{name=\"emitter_for_multiline.0\"} 5\n")
	}))
	defer srv.Close()
	e := New(srv.URL, "sls.0", nil)
	defer e.Close()
	_, err := e.Report(t.Context())
	require.ErrorContains(t, err, "more than 16 MiB")
}

// A name that Fluent Bit does not have is an error, not an input without chunks. Else a
// checkpoint would be written while an emitter still holds records.
func TestInputsToWaitForHaveToBeThere(t *testing.T) {
	_, err := New("http://x", "sls.0", []string{`my "own"`, "re_emit"}).parse(strings.NewReader(page))
	require.EqualError(t, err, `no chunks of the input "re_emit" in the answer; option monitor_inputs names what Fluent Bit does not have`)
}

// FuzzParse: an answer means zero chunks only if it says so.
func FuzzParse(f *testing.F) {
	f.Add(page)
	f.Add("fluentbit_uptime 1\nfluentbit_input_storage_chunks{name=\"sls.0\"} NaN")
	f.Add(`a{name="\`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := New("http://x", "sls.0", nil).parse(strings.NewReader(text))
		if err != nil {
			require.Zero(t, r)
			return
		}
		require.GreaterOrEqual(t, r.Chunks, 0)
		require.Contains(t, text, "fluentbit_input_storage_chunks{")
		require.Contains(t, text, "fluentbit_uptime")
	})
}
