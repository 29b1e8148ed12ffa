package slsfake_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A consumer that falls silent keeps its shard for the group's timeout, to the second.
func TestSilentConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := slsfake.New(slsfake.Config{}) // inside the bubble
		defer s.Close()
		s.CreateLogstore("proj", "store", 1)
		transport := s.Transport()
		defer transport.CloseIdleConnections() // else the bubble never ends
		client := sdk.CreateNormalInterfaceV2("http://emu.local",
			sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
		client.SetHTTPClient(&http.Client{Transport: transport})

		require.NoError(t, client.CreateConsumerGroup("proj", "store",
			sdk.ConsumerGroup{ConsumerGroupName: "group", Timeout: 3600}))
		heartbeat := func(consumer string) []int {
			held, err := client.HeartBeat("proj", "store", "group", consumer, nil)
			require.NoError(t, err)
			return held
		}
		require.Equal(t, []int{0}, heartbeat("a"))
		<-time.After(time.Hour - time.Second) // takes no time
		require.Empty(t, heartbeat("b"))
		<-time.After(time.Second)
		require.Equal(t, []int{0}, heartbeat("b"))
	})
}
