package slsfake

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	consumer "github.com/aliyun/aliyun-log-go-sdk/consumer"
	"github.com/aliyun/aliyun-log-go-sdk/producer"
	"github.com/go-kit/kit/log"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
)

// The SDK's own producer and consumer library, unchanged: only the HTTP
// client's dialer points at the emulator. They run in virtual time.

const sdkEndpoint = "http://emu.local"

// sdkClient is the client both are given; the caller ends its connections.
func sdkClient(s *Server) *http.Client { return &http.Client{Transport: s.Transport()} }

func sdkProducer(t *testing.T, hc *http.Client, version sdk.AuthVersionType, codec int) *producer.Producer {
	cfg := producer.GetDefaultProducerConfig()
	cfg.Endpoint, cfg.AccessKeyID, cfg.AccessKeySecret = sdkEndpoint, "testkey", "testsecret"
	cfg.HTTPClient, cfg.AuthVersion, cfg.Region = hc, version, "cn-test"
	cfg.CompressType, cfg.LingerMs = codec, 100
	cfg.MaxBatchCount = 64
	cfg.GeneratePackId = true
	cfg.MaxIoWorkerCount = 1 // SDK clients race with themselves on concurrent first use
	cfg.DisableRuntimeMetrics = true
	cfg.Logger = log.NewNopLogger() // the default one writes to stdout
	p, err := producer.NewProducer(cfg)
	require.NoError(t, err)
	return p
}

// sink collects what SDK consumers process.
type sink struct {
	mu  sync.Mutex
	got map[string]int
	by  map[string]map[int]bool // consumer -> shards
	new chan struct{}
}

func newSink() *sink {
	return &sink{got: map[string]int{}, by: map[string]map[int]bool{}, new: make(chan struct{}, 1)}
}

func (k *sink) take(name string, shard int, list *sdk.LogGroupList) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by[name] == nil {
		k.by[name] = map[int]bool{}
	}
	k.by[name][shard] = true
	for _, g := range list.LogGroups {
		for _, l := range g.Logs {
			k.got[l.Contents[0].GetValue()]++
		}
	}
	select {
	case k.new <- struct{}{}:
	default:
	}
}

// await returns once n different logs came.
func (k *sink) await(n int) {
	for {
		k.mu.Lock()
		have := len(k.got)
		k.mu.Unlock()
		if have >= n {
			return
		}
		<-k.new
	}
}

func sdkConsumer(hc *http.Client, version sdk.AuthVersionType, codec int, name string, k *sink) *consumer.ConsumerWorker {
	w := consumer.InitConsumerWorkerWithCheckpointTracker(consumer.LogHubConfig{
		Endpoint: sdkEndpoint, AccessKeyID: "testkey", AccessKeySecret: "testsecret",
		Project: "proj", Logstore: "store", ConsumerGroupName: "group", ConsumerName: name,
		CursorPosition: consumer.BEGIN_CURSOR, HeartbeatIntervalInSecond: 2, HeartbeatTimeoutInSecond: 6,
		HTTPClient: hc, AuthVersion: version, Region: "cn-test", CompressType: codec,
		InOrder: true, AutoCommitIntervalInMS: 1000, Logger: log.NewNopLogger(), DisableRuntimeMetrics: true,
	}, func(shard int, list *sdk.LogGroupList, cp consumer.CheckPointTracker) (string, error) {
		k.take(name, shard, list)
		return "", cp.SaveCheckPoint(false)
	})
	w.Start()
	return w
}

func TestSDKProducerAndConsumer(t *testing.T) {
	for _, tc := range []struct {
		version sdk.AuthVersionType
		codec   int
	}{{sdk.AuthV1, sdk.Compress_LZ4}, {sdk.AuthV4, sdk.Compress_ZSTD}} {
		t.Run(fmt.Sprint(tc.version, tc.codec), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runSDK(t, tc.version, tc.codec) })
		})
	}
}

func runSDK(t *testing.T, version sdk.AuthVersionType, codec int) {
	const n = 500
	// The SDK's process-wide zstd codec holds channels, which belong to the
	// bubble that makes them: each run has one of its own.
	require.NoError(t, sdk.SetZstdCompressor(sdk.NewZstdCompressor(zstd.SpeedFastest)))
	s := New(Config{Region: "cn-test"})
	defer s.Close()
	s.CreateLogstore("proj", "store", 1)
	hc := sdkClient(s)
	defer hc.CloseIdleConnections()

	p := sdkProducer(t, hc, version, codec)
	p.Start()
	send := func(from, to int) {
		for i := from; i < to; i++ {
			l := producer.GenerateLog(uint32(time.Now().Unix()), map[string]string{"n": fmt.Sprint(i)})
			require.NoError(t, p.HashSendLog("proj", "store", fmt.Sprint(i), "topic", "source", l))
		}
		<-time.After(time.Second) // virtual time: the producer's linger has no other sign
	}
	send(0, n)
	require.Equal(t, n, s.LogCount("proj", "store"))

	k := newSink()
	a := sdkConsumer(hc, version, codec, "a", k)
	k.await(n)
	// A split under way: children wait until the parent is checkpointed to its
	// end, then a second consumer takes over one of them.
	require.NoError(t, s.SplitShard("proj", "store", 0, ""))
	send(n, 2*n)
	k.await(2 * n)
	b := sdkConsumer(hc, version, codec, "b", k)
	<-time.After(20 * time.Second) // virtual time: several heartbeats, so that a hands over
	send(2*n, 3*n)
	k.await(3 * n)
	<-time.After(10 * time.Second) // virtual time: the auto commit

	members := s.ConsumerGroups("proj", "store")[0].Members
	require.Len(t, members, 2)
	require.Len(t, members[0].Holds, 1)
	require.Len(t, members[1].Holds, 1)
	for id, sh := range s.Shards("proj", "store") {
		require.Equal(t, sh.End, s.Checkpoints("proj", "store", "group")[id].Number, "shard %d", id)
	}
	a.StopAndWait()
	b.StopAndWait()
	p.SafeClose()
	require.Equal(t, map[int]bool{0: true, 1: true, 2: true}, k.by["a"])
	require.Len(t, k.by["b"], 1)
	for i := range 3 * n {
		require.Equal(t, 1, k.got[fmt.Sprint(i)], "log %d", i)
	}
	for l := range s.EachLog("proj", "store") {
		require.Equal(t, "topic", l.Topic)
		require.Equal(t, "source", l.Source)
		require.NotEmpty(t, l.Tags["__pack_id__"])
		require.NotEmpty(t, l.HashKey)
	}
	<-time.After(10 * time.Second) // virtual time: heartbeat loops end by themselves, nothing awaits them
	for op, o := range s.Stats().Ops {
		require.Empty(t, o.ByCode, op)
	}
}

// The ingest processor that the SDK names, on both routes and with both signatures.
func TestSDKProcessor(t *testing.T) {
	for _, version := range []sdk.AuthVersionType{sdk.AuthV1, sdk.AuthV4} {
		s := New(Config{Region: "cn-test"})
		s.CreateLogstore("proj", "store", 1)
		hc := sdkClient(s)
		client := sdk.CreateNormalInterfaceV2(sdkEndpoint, sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
		client.SetHTTPClient(hc)
		client.SetAuthVersion(version)
		client.SetRegion("cn-test")
		key := lastKey
		for _, hashKey := range []*string{nil, &key} {
			require.NoError(t, client.PostLogStoreLogsV2("proj", "store", &sdk.PostLogStoreLogsRequest{
				LogGroup:  &sdk.LogGroup{Logs: []*sdk.Log{producer.GenerateLog(1, map[string]string{"k": "v"})}},
				HashKey:   hashKey,
				Processor: "mask & 日志",
			}))
		}
		n := 0
		for g := range s.Groups("proj", "store") {
			require.Equal(t, "mask & 日志", g.Processor)
			require.Equal(t, []string{"", key}[n], g.HashKey)
			n++
		}
		require.Equal(t, 2, n, version)
		hc.CloseIdleConnections()
		s.Close()
	}
}
