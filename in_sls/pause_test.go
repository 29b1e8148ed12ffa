package main

import (
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/consumer"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// A pause and a resume mean the section on whose thread they come, and no other: a paused
// input keeps what it was given in its ring buffer, and another one goes on. On a thread of
// none they mean all.
func TestPauseMeansOneSection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := slsfake.New(slsfake.Config{})
		t.Cleanup(srv.Close)
		srv.CreateLogstore("demo", "app", 1)
		srv.AddKey("id", "secret", "")
		client, err := sls.New(sls.Config{
			Endpoint:    "http://sls.test",
			Credentials: sdk.NewStaticCredentialsProvider("id", "secret", ""),
			Transport:   srv.Transport(),
		})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		put := func() {
			raw := []byte{0x0a, 0x0a, 0x08, 0x01, 0x12, 0x06, 0x0a, 0x01, 'k', 0x12, 0x01, 'v'} // a log group of one log
			body := sls.Body{Data: sls.Compress(sls.LZ4, nil, raw), RawSize: len(raw), Codec: sls.LZ4}
			require.NoError(t, client.Logstore("demo", "app").PutLogs(t.Context(), body, ""))
			<-time.After(2 * time.Second)
			synctest.Wait()
		}
		var all table
		for i := range 2 {
			cfg := consumer.Config{DefaultConsumer: strconv.Itoa(i)}
			props := option.Map{"project": "demo", "logstore": "app", "consumer_group": "none"}
			require.NoError(t, option.Parse(props, cfg.Options()))
			c, err := consumer.New(cfg, client, slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			c.Start()
			t.Cleanup(func() { _ = c.Stop(t.Context()) })
			all.live = append(all.live, &instance{consumer: c, thread: uintptr(i + 1)})
		}
		handsOver := func(first, second bool, why string) {
			t.Helper()
			put()
			for n, want := range []bool{first, second} {
				require.Equal(t, want, len(all.live[n].collect()) > 0, "%s: section %d", why, n)
			}
		}
		const first, second, other = 1, 2, 3
		handsOver(true, true, "none is paused")
		all.pause(first)
		handsOver(false, true, "one is paused")
		all.pause(second)
		all.pause(second) // for another reason
		handsOver(false, false, "both are paused")
		all.resume(first)
		handsOver(true, false, "the other is paused")
		all.resume(second)
		all.resume(second)
		handsOver(true, true, "none is paused")
		all.pause(other)
		handsOver(false, false, "all are paused")
		all.resume(other)
		handsOver(true, true, "none is paused")
	})
}
