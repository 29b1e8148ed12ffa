package slsfake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/aliyun/aliyun-log-go-sdk/producer"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/browser"
	"fluent-bit-sls/tests/slsfake"
)

// The page in a browser: a log shows as it comes, as text; so do lag, a refused request
// and a fault that is switched on; and nothing else is asked for.
func TestPageInABrowser(t *testing.T) {
	bin, err := browser.Find()
	if err != nil {
		fmt.Println("report: the emulator's page was not opened in a browser:", err)
		return
	}
	s := slsfake.New(slsfake.Config{})
	defer s.Close()
	s.CreateLogstore("proj", "store", 2)
	url, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	b, err := browser.Start(context.Background(), bin, t.TempDir())
	require.NoError(t, err)
	defer b.Close()
	client, done := dial(s)
	defer done()
	write := func(logstore, value string) error {
		return client.PutLogs("proj", logstore, &sdk.LogGroup{Logs: []*sdk.Log{
			producer.GenerateLog(1700000000, map[string]string{"level": value}),
		}})
	}
	require.NoError(t, write("store", "before the page"))
	require.NoError(t, client.CreateConsumerGroup("proj", "store", sdk.ConsumerGroup{ConsumerGroupName: "readers", Timeout: 60}))

	for _, view := range []browser.View{{Width: 1280, Height: 900}, {Width: 360, Height: 640, Dark: true}} {
		p, err := b.Open(url+"/_slsfake/", view)
		require.NoError(t, err)
		shows := func(id, text string) {
			t.Helper()
			want, err := json.Marshal(text)
			require.NoError(t, err)
			require.NoError(t, p.Wait("document.getElementById('"+id+"').innerText.includes("+string(want)+")"), "%v", p.Problems())
		}
		shows("live", "live")
		shows("projects", "proj / store")
		shows("projects", "Consumer group readers, 0 consumers")
		shows("logs", "before the page")
		const hostile = `<img src=x onerror="document.title='broken'">`
		require.NoError(t, write("store", hostile))
		shows("logs", hostile)

		require.Error(t, write("absent", "x"))
		shows("refused", "logstore absent does not exist")

		require.NoError(t, p.Eval(`document.querySelector('[data-name="writes: shard quota used up"]').click()`, nil))
		require.NoError(t, p.Wait("setFaults.length === 1"))
		require.Error(t, write("store", "refused by the switch"))
		shows("refused", "ShardWriteQuotaExceed")
		shows("switches", "1 time")
		require.NoError(t, p.Eval(`document.querySelector('[data-name="writes: shard quota used up"]').click()`, nil))
		require.NoError(t, p.Wait("setFaults.length === 0"))
		require.Empty(t, s.Faults())

		// As SLS says it: a client that reads what is missing finds it.
		require.NoError(t, p.Eval(`document.querySelector('[data-name="writes: a permission is missing"]').click()`, nil))
		require.NoError(t, p.Wait("setFaults.length === 1"))
		require.ErrorContains(t, write("store", "without the permission"), "denied by sts or ram, action: log:PostLogStoreLogs, resource: acs:log:")
		require.NoError(t, p.Eval(`document.querySelector('[data-name="writes: a permission is missing"]').click()`, nil))
		require.NoError(t, p.Wait("setFaults.length === 0"))
		require.NoError(t, write("store", "taken again"))
		shows("logs", "taken again")

		_, err = s.AddFault(slsfake.Fault{Op: slsfake.OpPullLogs, FailHTML: 500})
		require.NoError(t, err)
		require.NoError(t, write("store", "so that it looks again"))
		shows("others", `"op":"PullLogs"`)
		require.NoError(t, p.Eval(`document.querySelector('#others button').click()`, nil))
		require.NoError(t, p.Wait("setFaults.length === 0"))

		var width float64
		require.NoError(t, p.Eval("document.documentElement.scrollWidth", &width))
		require.LessOrEqual(t, width, float64(view.Width), "nothing is wider than the window")
		var title string
		require.NoError(t, p.Eval("document.title", &title))
		require.Equal(t, "slsfake", title)
		if dir := os.Getenv("SLS_SCREENSHOTS"); dir != "" {
			shot, err := p.Screenshot()
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(view.Width, ".png")), shot, 0o600))
		}
		for _, asked := range p.Requests() {
			require.True(t, strings.HasPrefix(asked, url+"/_slsfake/") || asked == "data:,", asked)
		}
		require.Empty(t, p.Problems())
		p.Close()
	}
	resp, err := http.Get(url + "/_slsfake/") //nolint:noctx // this machine
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	http.DefaultClient.CloseIdleConnections()
}
