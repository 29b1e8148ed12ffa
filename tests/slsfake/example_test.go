package slsfake_test

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/aliyun/aliyun-log-go-sdk/producer"

	"fluent-bit-sls/tests/slsfake"
)

// The SDK's client writes, the server shows what came.
func ExampleServer() {
	s := slsfake.New(slsfake.Config{})
	defer s.Close()
	s.CreateLogstore("proj", "store", 2)

	transport := s.Transport() // in memory, whatever the endpoint is called
	defer transport.CloseIdleConnections()
	client := sdk.CreateNormalInterfaceV2("http://emu.local",
		sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
	client.SetHTTPClient(&http.Client{Transport: transport})

	err := client.PutLogs("proj", "store", &sdk.LogGroup{Logs: []*sdk.Log{
		producer.GenerateLog(1700000000, map[string]string{"level": "info"}),
	}})
	fmt.Println(err)
	for _, l := range s.Logs("proj", "store") {
		fmt.Println(l.Shard, l.Time, l.Contents, l.AccessKeyID)
	}
	// Output:
	// <nil>
	// 0 1700000000 [{level info}] testkey
}

// The shard's quota is used up once, the service is busy once: the SDK's client
// reports the one and retries the other.
func ExampleServer_Hook() {
	s := slsfake.New(slsfake.Config{})
	defer s.Close()
	s.CreateLogstore("proj", "store", 2)
	client, done := dial(s)
	defer done()

	remove := s.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
		switch c.N {
		case 1:
			c.Fail(403, "ShardWriteQuotaExceed", "slow down")
		case 2:
			c.Fail(503, "ServerBusy", "come again")
		}
	})
	defer remove()

	for range 2 {
		err := client.PutLogs("proj", "store", oneLog())
		var refused *sdk.Error
		if errors.As(err, &refused) {
			fmt.Println(refused.HTTPCode, refused.Code)
		}
	}
	fmt.Println(s.Stats().Ops[slsfake.OpPutLogs].ByStatus, s.LogCount("proj", "store"))
	// Output:
	// 403 ShardWriteQuotaExceed
	// map[200:1 403:1 503:1] 1
}

// Who holds what, and every checkpoint ever written.
func ExampleServer_CheckpointHistory() {
	s := slsfake.New(slsfake.Config{})
	defer s.Close()
	s.CreateLogstore("proj", "store", 2)
	client, done := dial(s)
	defer done()

	group := sdk.ConsumerGroup{ConsumerGroupName: "group", Timeout: 60}
	if err := client.CreateConsumerGroup("proj", "store", group); err != nil {
		fmt.Println(err)
	}
	held, err := client.HeartBeat("proj", "store", "group", "a", nil)
	fmt.Println(held, err)
	begin := slsfake.EncodeCursor(s.Shards("proj", "store")[1].Begin)
	fmt.Println(client.UpdateCheckpoint("proj", "store", "group", "a", 1, begin, false))
	fmt.Println(client.UpdateCheckpoint("proj", "store", "group", "b", 1, begin, true))

	for _, m := range s.ConsumerGroups("proj", "store")[0].Members {
		fmt.Println(m.Name, "holds", m.Holds)
	}
	for _, w := range s.CheckpointHistory("proj", "store", "group") {
		fmt.Printf("shard %d: %s wrote, %s held it, forced %v\n", w.Shard, w.Consumer, w.Owner, w.Force)
	}
	// Output:
	// [0 1] <nil>
	// <nil>
	// <nil>
	// a holds [0 1]
	// shard 1: a wrote, a held it, forced false
	// shard 1: b wrote, a held it, forced true
}

// Hooks that refuse, cut and slow down calls.
func ExampleCall() {
	s := slsfake.New(slsfake.Config{})
	defer s.Close()

	// The first three writes hit the shard's quota.
	s.Hook(slsfake.OpPutLogs, slsfake.First(3, func(c *slsfake.Call) {
		c.Fail(403, "ShardWriteQuotaExceed", "slow down")
	}))

	// Every tenth write is accepted, but the connection breaks before the answer.
	s.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
		if c.N%10 == 0 {
			c.CloseAfter()
		}
	})

	// Shard 1 answers slowly until remove is called.
	remove := s.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
		if c.Shard == 1 {
			c.Delay(2 * time.Second)
			c.SlowBody(64 << 10) // bytes per second
		}
	})
	remove()
	// Output:
}

// dial gives the SDK's client of s, and what ends its connections.
func dial(s *slsfake.Server) (client sdk.ClientInterface, done func()) {
	transport := s.Transport()
	client = sdk.CreateNormalInterfaceV2("http://emu.local",
		sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
	client.SetHTTPClient(&http.Client{Transport: transport})
	return client, transport.CloseIdleConnections
}

func oneLog() *sdk.LogGroup {
	return &sdk.LogGroup{Logs: []*sdk.Log{producer.GenerateLog(1700000000, map[string]string{"k": "v"})}}
}
