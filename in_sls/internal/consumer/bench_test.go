package consumer_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/consumer"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/bench/rig"
)

// The engine's half of what `make bench` measures of the input; its rival is in
// tests/bench/rivals. Options are the defaults.

// newConsumer makes a consumer of a logstore, which has started. The function
// ends it.
func newConsumer(b *testing.B, endpoint, logstore string) (c *consumer.Consumer, stop func()) {
	b.Helper()
	var cfg consumer.Config
	given := option.Map{
		"project": rig.Project, "logstore": logstore,
		"consumer": fmt.Sprint("engine-", time.Now().UnixNano()),
	}
	require.NoError(b, option.Parse(given, cfg.Options()))
	client, err := sls.New(sls.Config{
		Endpoint: endpoint, MaxConns: 64,
		Credentials: sdk.NewStaticCredentialsProvider(rig.KeyID, rig.KeySecret, ""),
	})
	require.NoError(b, err)
	c, err = consumer.New(cfg, client, slog.New(slog.NewTextHandler(io.Discard, nil)))
	require.NoError(b, err)
	c.Start()
	return c, func() {
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
		defer cancel()
		require.NoError(b, c.Stop(ctx))
		client.Close()
	}
}

// collectEvery is how often the benchmarks collect. The engine does so once a
// second, and 16 MB at a time: draining at that pace would measure the pace.
const collectEvery = 10 * time.Millisecond

// BenchmarkDrain is the CPU time from an empty consumer to the last event of a full
// logstore in the buffer that goes to the host: joining, heartbeats, pulls,
// decoding, hand-over and checkpoints. The emulator's is not in it, where it is
// another process.
func BenchmarkDrain(b *testing.B) {
	lab := rig.Open(b)
	for _, set := range []string{"access", "kubernetes", "short"} {
		b.Run(set, func(b *testing.B) {
			for b.Loop() {
				filled := lab.Fill(rig.DrainFill(set))
				begin := rig.CPU()
				c, stop := newConsumer(b, lab.Endpoint, rig.DrainFill(set).Logstore)
				tick := time.NewTicker(collectEvery)
				deadline := time.Now().Add(time.Minute)
				var events []byte
				for c.Stats().Records < filled.Records {
					require.True(b, time.Now().Before(deadline), "%d of %d records after a minute", c.Stats().Records, filled.Records)
					<-tick.C
					events = c.Collect(events[:0])
				}
				cpu := rig.CPU() - begin
				tick.Stop()
				require.Equal(b, filled.Records, c.Stats().Records)
				stop()
				b.ReportMetric(cpu.Seconds()*1e9/float64(filled.RawBytes), "cpu-s/GB")
			}
		})
	}
}

// fullFor is how long BenchmarkFull watches: much longer than filling takes.
const fullFor = 20 * time.Second

// BenchmarkFull measures the resident size of a process that reads 64 full shards
// and from which nobody ever collects. It needs a process of its own, and
// -benchtime 1x.
func BenchmarkFull(b *testing.B) {
	for _, set := range []string{"access", "kubernetes", "short"} {
		b.Run(set, func(b *testing.B) {
			lab := rig.Open(b)
			fill := rig.Fill{Logstore: "full-" + set, Set: set, Shards: 64, Copies: 2}
			lab.Fill(fill)
			for b.Loop() {
				peak := rig.WatchRSS()
				c, stop := newConsumer(b, lab.Endpoint, fill.Logstore)
				<-time.After(fullFor)
				most, err := peak()
				require.NoError(b, err)
				require.EqualValues(b, 64, c.Stats().ShardsHeld)
				require.Zero(b, c.Stats().Records)
				b.ReportMetric(float64(most)/1e6, "resident-MB")
				b.ReportMetric(float64(c.Stats().PulledBytes)/1e6, "pulled-MB")
				stop()
			}
		})
	}
}
