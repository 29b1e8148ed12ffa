package rivals

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aliyun/aliyun-log-go-sdk/producer"
	"github.com/go-kit/kit/log"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/bench/rig"
)

// newSDKProducer is the SDK's producer at its fastest: whole chunks as lists, so
// that its lock is taken once a chunk; a list is a batch and goes out at once,
// and has no larger slice of pointers than it needs; no log, no metrics, no pack
// id, and none of the memory limit's polling.
func newSDKProducer(b *testing.B, endpoint string, chunk rig.Chunk) *producer.Producer {
	b.Helper()
	config := producer.GetDefaultProducerConfig()
	config.Endpoint = "http://sls.bench"
	config.AccessKeyID, config.AccessKeySecret = rig.KeyID, rig.KeySecret
	config.HTTPClient = throughProxy(endpoint)
	config.Logger = log.NewNopLogger()
	config.DisableRuntimeMetrics = true
	config.GeneratePackId = false
	config.MaxBatchCount = listSize(chunk)
	config.MaxBatchSize = int64(len(chunk.Bytes) / 8)
	config.LingerMs = 100
	config.MaxIoWorkerCount = 8
	config.TotalSizeLnBytes = 1 << 30
	p, err := producer.NewProducer(config)
	require.NoError(b, err)
	p.Start()
	return p
}

// listSize is how many logs of a chunk go into one list: all of them, or an equal
// part where a log group may not hold all. A small rest would not be sent at once,
// and the next list would join it in a group that is then too large.
func listSize(chunk rig.Chunk) int {
	const most = 40960
	lists := (chunk.Records + most - 1) / most
	return (chunk.Records + lists - 1) / lists
}

// answers counts what becomes of the lists, and bounds how many are under way, as
// the engine's flushes do: what piles up is garbage collected at a higher price.
type answers struct {
	slots  chan struct{}
	wg     sync.WaitGroup
	failed atomic.Int64
}

func (a *answers) take() {
	a.slots <- struct{}{}
	a.wg.Add(1)
}

func (a *answers) done() {
	<-a.slots
	a.wg.Done()
}

// Success implements producer.CallBack.
func (a *answers) Success(*producer.Result) { a.done() }

// Fail implements producer.CallBack.
func (a *answers) Fail(*producer.Result) {
	a.failed.Add(1)
	a.done()
}

// BenchmarkSend is the rival of the engine's benchmark of the same name: the same
// chunks to the same emulator, through fluent-bit-go's decoder and the SDK's
// producer.
func BenchmarkSend(b *testing.B) {
	lab := rig.Open(b)
	lab.Delay(0)
	for _, set := range rig.Sets(b, rig.ChunkSize) {
		b.Run(set.Name, func(b *testing.B) {
			p := newSDKProducer(b, lab.Endpoint, set)
			defer p.SafeClose()
			a := &answers{slots: make(chan struct{}, 4)}
			send := func() {
				logs := decode(set)
				for len(logs) > 0 {
					n := min(len(logs), listSize(set))
					a.take()
					require.NoError(b, p.SendLogListWithCallBack(rig.Project, rig.Written, "access", "10.0.0.1", logs[:n], a))
					logs = logs[n:]
				}
			}
			for range 2 {
				send()
			}
			a.wg.Wait()
			before, chunks := lab.Counts(), 0
			begin := rig.CPU()
			for b.Loop() {
				send()
				chunks++
			}
			a.wg.Wait()
			cpu := rig.CPU() - begin
			require.Zero(b, a.failed.Load())
			lab.Delivered(before, chunks*set.Records)
			b.ReportMetric(cpu.Seconds()*1e9/float64(chunks*len(set.Bytes)), "cpu-s/GB")
		})
	}
}
