package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/aliyun/aliyun-log-go-sdk/producer"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"fluent-bit-sls/tests/slsfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	var out bytes.Buffer
	set, err := parse([]string{
		"--listen", "127.0.0.1:8089", "--project", "demo", "--logstore", "app, web", "--logstore", "db",
		"--shards", "4", "--access-key-id", "id", "--access-key-secret", "sec", "--quota", "on",
	}, &out)
	require.NoError(t, err)
	require.Equal(t, names{"app", "web", "db"}, set.logstores)
	require.Equal(t, slsfake.ProductionQuota(), set.config.Quota)
	require.Equal(t, []any{"demo", 4, "id", "sec"},
		[]any{set.project, set.shards, set.config.AccessKeyID, set.config.AccessKeySecret})

	set, err = parse(nil, &out)
	require.NoError(t, err)
	require.Equal(t, names{"app"}, set.logstores)
	require.Zero(t, set.config.Quota)

	for _, args := range []string{
		"--quota maybe", "--quota", "--shards 0", "--shards x", "--logstore a,,b", "stray", "--nonsense 1",
	} {
		_, err := parse(strings.Fields(args), &out)
		require.Error(t, err, args)
	}
	_, err = parse([]string{"-h"}, &out)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, out.String(), "logstore to create")
	require.Error(t, run(t.Context(), []string{"--listen", "0.0.0.0:0"}, &out))
	require.ErrorContains(t, run(t.Context(), []string{"--listen", "127.0.0.1:0", "--index", "none"}, &out), "--index")
}

// banners hands over what run prints until it is stopped.
type banners struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan string
}

func (b *banners) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text.Len() == 0 {
		b.ready <- string(p)
	}
	return b.text.Write(p)
}

// The printed endpoint and keys are all that the SDK needs.
func TestServesUntilStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &banners{ready: make(chan string, 1)}
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--project", "p", "--logstore", "one,two", "--index", "two", "--shards", "3"}, out)
	}()
	printed := map[string]string{}
	for line := range strings.Lines(<-out.ready) {
		f := strings.Fields(line)
		printed[f[0]] = f[1]
	}
	proxy := &http.Transport{} // a client whose names resolve to the endpoint
	proxy.DialContext = dialer(strings.TrimPrefix(printed["endpoint"], "http://"))
	defer proxy.CloseIdleConnections()
	c := sdk.CreateNormalInterfaceV2("http://emu.local",
		sdk.NewStaticCredentialsProvider(printed["access_key_id"], printed["access_key_secret"], ""))
	c.SetHTTPClient(&http.Client{Transport: proxy})
	shards, err := c.ListShards("p", "two")
	require.NoError(t, err)
	require.Len(t, shards, 3)
	names, err := c.ListLogStore("p")
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, names)
	projects, err := c.ListProject() // emu.local may be a project, an address is none
	require.ErrorContains(t, err, "ProjectNotExist", projects)
	_, err = c.GetLogs("p", "two", "", 0, 1, "", 1, 0, false)
	require.NoError(t, err)
	_, err = c.GetLogs("p", "one", "", 0, 1, "", 1, 0, false)
	require.ErrorContains(t, err, "IndexConfigNotExist")

	stop()
	require.NoError(t, <-ended)
	require.Regexp(t, `ListShards +1 +200:1 `, out.text.String())
	require.Regexp(t, `p/two +0 logs`, out.text.String())
}

// With --data a restart finds what was written, and says so.
func TestDataOverARestart(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		ctx, stop := context.WithCancel(t.Context())
		out := &banners{ready: make(chan string, 1)}
		ended := make(chan error, 1)
		go func() {
			ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--project", "p", "--shards", "1", "--data", dir}, out)
		}()
		endpoint := strings.Fields(<-out.ready)[1]
		transport := &http.Transport{DialContext: dialer(strings.TrimPrefix(endpoint, "http://"))}
		c := sdk.CreateNormalInterfaceV2("http://emu.local", sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
		c.SetHTTPClient(&http.Client{Transport: transport})
		require.NoError(t, c.PutLogs("p", "app", &sdk.LogGroup{Logs: []*sdk.Log{producer.GenerateLog(1700000000, map[string]string{"k": "v"})}}))
		transport.CloseIdleConnections()
		stop()
		require.NoError(t, <-ended)
		require.Contains(t, out.text.String(), fmt.Sprintf("data               %s: %d logstores, %d logs\n", dir, min(1, round), round))
		require.Contains(t, out.text.String(), "page               "+endpoint+"/_slsfake/\n")
		require.Regexp(t, fmt.Sprintf(`p/app +%d logs`, round+1), out.text.String())
	}
	name := filepath.Join(dir, "slsfake.log")
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, whole[:len(whole)-5], 0o600))
	var out bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, run(ctx, []string{"--listen", "127.0.0.1:0", "--project", "p", "--data", dir}, &out))
	require.Regexp(t, `1 logstores, 2 logs\n +the last [0-9]+ bytes were not written to their end and are left out\n`, out.String())
	require.ErrorContains(t, run(ctx, []string{"--data", name}, &out), "not a directory")
}
