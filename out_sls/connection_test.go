package main

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// connected is a client with the options of a section, in front of an emulator for
// each host, and nil where nothing listens.
func connected(t *testing.T, hosts map[string]*slsfake.Server, set option.Map) sls.Logstore {
	t.Helper()
	props := option.Map{"project": "proj", "logstore": "app", "access_key_id": "testkey", "access_key_secret": "testsecret"}
	maps.Copy(props, set)
	var c config
	require.NoError(t, errors.Join(option.Parse(props, c.options()), c.conn.Validate()))
	cfg := c.conn.ClientConfig("agent/1", 2, nil)
	cfg.Transport = &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		for host, fake := range hosts {
			if fake != nil && strings.HasPrefix(addr, "proj."+host+":") {
				return fake.DialContext(ctx, network, addr)
			}
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}}
	client, err := sls.New(cfg)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client.Logstore("proj", "app")
}

func emulator(t *testing.T) *slsfake.Server {
	t.Helper()
	s := slsfake.New(slsfake.Config{Region: "cn-test"})
	t.Cleanup(s.Close)
	s.CreateLogstore("proj", "app", 1)
	return s
}

// oneLog is a log group of one log.
var oneLog = sls.Body{Data: []byte("\x0a\x0a\x08\x01\x12\x06\x0a\x01k\x12\x01v"), RawSize: 12, Codec: sls.None}

// The options about the connection are those of the client: with any of them another,
// the emulator would refuse, not be found, or be waited for.
func TestConnectionOptionsReachTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := emulator(t)
		l := connected(t, map[string]*slsfake.Server{"internal.test": nil, "public.test": fake}, option.Map{
			"endpoint": "http://internal.test, http://public.test", "sign_version": "v4", "region": "cn-test", "request_timeout": "2s",
		})
		require.NoError(t, l.PutLogs(t.Context(), oneLog, ""))
		for g := range fake.Groups("proj", "app") {
			require.Equal(t, "agent/1", g.UserAgent)
		}
		require.Equal(t, 1, fake.LogCount("proj", "app"))
		fake.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			require.True(t, strings.HasPrefix(c.Header.Get("Authorization"), "SLS4"))
			c.Delay(time.Hour)
		})
		begin := time.Now()
		require.Error(t, l.PutLogs(t.Context(), oneLog, ""))
		require.Equal(t, 2*time.Second, time.Since(begin))
	})
}

// Each endpoint of the list is given the same number of failures before the next one
// is used, and the first one is used again when it answers.
func TestEveryEndpointHasItsStreak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"internal.test", "public.test", "accelerated.test"}
		hosts, came := map[string]*slsfake.Server{}, map[string]int{}
		for _, name := range names {
			hosts[name] = emulator(t)
			hosts[name].Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
				if came[name]++; name != "accelerated.test" && came[name] < 5 {
					c.Fail(503, "ServerBusy", "")
				}
			})
		}
		l := connected(t, hosts, option.Map{"endpoint": "http://internal.test,http://public.test,http://accelerated.test"})
		for range 6 {
			require.Error(t, l.PutLogs(t.Context(), oneLog, ""))
		}
		require.NoError(t, l.PutLogs(t.Context(), oneLog, ""))
		require.Equal(t, map[string]int{"internal.test": 3, "public.test": 3, "accelerated.test": 1}, came)
		for range 2 { // one probe fails, the next one is answered
			<-time.After(2 * time.Minute)
			_ = l.PutLogs(t.Context(), oneLog, "")
		}
		require.NoError(t, l.PutLogs(t.Context(), oneLog, ""))
		require.Equal(t, map[string]int{"internal.test": 6, "public.test": 3, "accelerated.test": 1}, came)
	})
}
