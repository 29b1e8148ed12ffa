package producer

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/memory"
	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/bench/rig"
)

// hanging takes requests and answers none.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// BenchmarkDestinations is the CPU time from a chunk of one record for each of many
// destinations until all of them wait in their queues, and until the flush has given
// them up again: the least of several, as the collector works in some of them.
func BenchmarkDestinations(b *testing.B) {
	for _, by := range []string{"topic", "logstore"} {
		for _, n := range []int{2000, 20_000, 50_000} {
			var chunk []byte
			for i := range n {
				chunk = append(chunk, eventNamed(time.Unix(1_700_000_000, 0), fmt.Sprint("app-", i), 10)...)
			}
			b.Run(fmt.Sprint(by, "/", n), func(b *testing.B) {
				for b.Loop() {
					var queued, given []time.Duration
					for range 7 {
						q, g := queueAndGiveUp(b, by, chunk)
						queued, given = append(queued, q), append(given, g)
					}
					b.ReportMetric(1e3*slices.Min(queued).Seconds(), "queue-ms")
					b.ReportMetric(1e3*slices.Min(given).Seconds(), "give-up-ms")
				}
			})
		}
	}
}

func queueAndGiveUp(b *testing.B, by string, chunk []byte) (queued, given time.Duration) {
	b.Helper()
	var cfg Config
	var to route.Config
	options := option.Map{
		"project": "pro", "logstore": "logs", by: "$n|none", "allow_destinations": "*",
		"max_destinations": "100000", "max_log_groups": "100000",
	}
	require.NoError(b, option.Parse(options, append(cfg.Options(), to.Options()...)))
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.bench", MaxConns: cfg.Concurrency, Transport: hanging{},
		Credentials: sdk.NewStaticCredentialsProvider("key", "secret", ""),
	})
	require.NoError(b, err)
	defer client.Close()
	router, err := route.New(to)
	require.NoError(b, err)
	p, err := New(cfg, router, client, slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	defer p.Stop(b.Context())
	defer p.delivery.Cancel()

	f, admission := p.memory.Begin("tag", chunk), &schedule.Admission{}
	begin := rig.CPU()
	summary, err := p.cut(b.Context(), f, admission, "tag", chunk)
	cut := rig.CPU()
	f.Abandon(func(memory.Holder) bool { return true })
	given = rig.CPU() - cut
	require.NoError(b, err)
	require.True(b, summary.Whole())
	return cut - begin, given
}
