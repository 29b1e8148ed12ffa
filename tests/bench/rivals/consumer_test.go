package rivals

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	consumer "github.com/aliyun/aliyun-log-go-sdk/consumer"
	"github.com/go-kit/kit/log"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/bench/rig"
)

// BenchmarkDrain is the rival of the input engine's benchmark of the same name:
// the SDK's consumer library, at the settings that keep it from idling, reads a
// full logstore and does nothing with the logs. The shards are few enough to be
// drained without a pause between pulls; the half second after the last one is
// outside.
func BenchmarkDrain(b *testing.B) {
	lab := rig.Open(b)
	for _, set := range []string{"access", "kubernetes", "short"} {
		b.Run(set, func(b *testing.B) {
			for b.Loop() {
				filled := lab.Fill(rig.DrainFill(set))
				var left atomic.Int64
				left.Store(filled.Records)
				done := make(chan struct{})
				begin := rig.CPU()
				w := consumer.InitConsumerWorkerWithCheckpointTracker(consumer.LogHubConfig{
					Endpoint: "http://sls.bench", AccessKeyID: rig.KeyID, AccessKeySecret: rig.KeySecret,
					Project: rig.Project, Logstore: rig.DrainFill(set).Logstore,
					ConsumerGroupName: "sdk", ConsumerName: fmt.Sprint("sdk-", time.Now().UnixNano()),
					CursorPosition: consumer.BEGIN_CURSOR, MaxFetchLogGroupCount: 1000, DataFetchIntervalInMs: 1,
					HeartbeatIntervalInSecond: 20, HTTPClient: throughProxy(lab.Endpoint),
					Logger: log.NewNopLogger(), DisableRuntimeMetrics: true, CompressType: sdk.Compress_LZ4,
				}, func(_ int, list *sdk.LogGroupList, _ consumer.CheckPointTracker) (string, error) {
					n := int64(0)
					for _, g := range list.LogGroups {
						n += int64(len(g.Logs))
					}
					if n > 0 && left.Add(-n) == 0 {
						close(done)
					}
					return "", nil
				})
				w.Start()
				select {
				case <-done:
				case <-time.After(time.Minute):
					b.Fatalf("%d logs left after a minute", left.Load())
				}
				cpu := rig.CPU() - begin
				w.StopAndWait()
				require.Zero(b, left.Load())
				b.ReportMetric(cpu.Seconds()*1e9/float64(filled.RawBytes), "cpu-s/GB")
			}
		})
	}
}
