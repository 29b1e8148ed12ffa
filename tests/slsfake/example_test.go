package slsfake_test

import (
	"fmt"
	"net/http"

	sdk "github.com/aliyun/aliyun-log-go-sdk"

	"fluent-bit-sls/tests/slsfake"
)

// A call that fails once: the SDK retries it.
func Example() {
	s := slsfake.New(slsfake.Config{})
	defer s.Close()
	s.CreateLogstore("proj", "store", 2)
	s.Hook(slsfake.OpListShards, slsfake.First(1, func(c *slsfake.Call) {
		c.Fail(503, "ServerBusy", "come again")
	}))

	hc := &http.Client{Transport: s.Transport()}
	defer hc.CloseIdleConnections()
	client := sdk.CreateNormalInterfaceV2("http://emu.local", sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
	client.SetHTTPClient(hc)
	shards, err := client.ListShards("proj", "store")
	fmt.Println(len(shards), err, s.Stats().Ops[slsfake.OpListShards].ByStatus)
	// Output: 2 <nil> map[200:1 503:1]
}
