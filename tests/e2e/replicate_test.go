package e2e

import (
	"fmt"
	"maps"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/demo"
)

// census counts the logs of a logstore, each as all of it that replication has to keep.
func census(t *testing.T, c *cloud, logstore string) map[string]int {
	t.Helper()
	all := map[string]int{}
	for stored := range c.Groups(project, logstore) {
		var g sdk.LogGroup
		require.NoError(t, g.Unmarshal(stored.Data))
		for _, l := range g.Logs {
			one := sdk.LogGroup{LogTags: g.LogTags, Logs: []*sdk.Log{l}}
			all[fmt.Sprintf("topic %q source %q %v", g.GetTopic(), g.GetSource(), &one)]++
		}
	}
	return all
}

// requireCopied asserts that the logstore "copy" has the logs of the other, and nothing else.
func requireCopied(t *testing.T, c *cloud) {
	t.Helper()
	want, got := census(t, c, logstore), census(t, c, "copy")
	require.NotEmpty(t, want)
	for l, n := range want {
		require.Equal(t, n, got[l], l)
	}
	require.Len(t, got, len(want))
}

// Logstore to logstore through one Fluent Bit: topic, source, tags, times and
// contents are equal for every log.
func TestReplicationIsLossless(t *testing.T) {
	const groups = 60
	from := map[string]string{"include_meta": "on", "meta_in": "metadata", "consumer_group": "replicator"}
	to := map[string]string{"logstore": "copy", "restore_meta": "metadata", "topic": "of the section"}
	run := map[string]func(t *testing.T, c *cloud){
		"flbhost": func(t *testing.T, c *cloud) {
			h, log := startHost(t)
			out, err := h.Load(plugins.Out)
			require.NoError(t, err)
			in, err := h.Load(plugins.In)
			require.NoError(t, err)
			writer, err := h.Init(out, with(c.props(), to))
			require.NoError(t, err, log)
			reader, err := h.Init(in, with(c.props(), from))
			require.NoError(t, err, log)
			reader.OnCollect(func(buf []byte) {
				result, err := writer.Flush(t.Context(), "copy", buf)
				if err != nil || int(result) != 1 {
					log.line(fmt.Sprint("flush: ", result, err))
				}
			})
			awaitCopy(t, c, log)
			stop(t, h.Exit)
		},
	}
	for _, host := range hosts[1:] {
		run[host.Name()] = func(t *testing.T, c *cloud) {
			in := section(with(with(c.props(), from), map[string]string{"name": "sls", "tag": "copy"}))
			out := section(with(with(c.props(), to), map[string]string{"name": "sls", "match": "*", "workers": "2"}))
			e, err := host.(*fluentBit).start(t.Context(), pipeline(plugins.Out+"\n  - "+plugins.In, in, out))
			require.NoError(t, err)
			defer func() { _ = e.Kill() }()
			awaitCopy(t, c, e.log)
			stop(t, e.Stop)
		}
	}
	for name, replicate := range run {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, 3)
			c.CreateLogstore(project, "copy", 2)
			for g := range groups {
				writeGroup(t, c, g)
			}
			writeOddGroups(t, c)
			replicate(t, c)
			requireCopied(t, c)
		})
	}
}

func with(props, more map[string]string) map[string]string {
	maps.Copy(props, more)
	return props
}

func awaitCopy(t *testing.T, c *cloud, log fmt.Stringer) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(log)
		}
	}()
	want := c.LogCount(project, logstore)
	c.await(t, func() bool { return c.LogCount(project, "copy") >= want })
}

// writeOddGroups stores log groups that are easily copied incompletely.
func writeOddGroups(t *testing.T, c *cloud) {
	t.Helper()
	content := func(pairs ...string) (contents []*sdk.LogContent) {
		for i := 0; i < len(pairs); i += 2 {
			contents = append(contents, &sdk.LogContent{Key: &pairs[i], Value: &pairs[i+1]})
		}
		return contents
	}
	tags := func(pairs ...string) (tags []*sdk.LogTag) {
		for i := 0; i < len(pairs); i += 2 {
			tags = append(tags, &sdk.LogTag{Key: &pairs[i], Value: &pairs[i+1]})
		}
		return tags
	}
	now := uint32(time.Now().Unix())
	zero, some := uint32(0), uint32(5)
	reserved := content("__time__", "7", "__topic__", "no topic", "__source__", "no source", "__tag__:namespace", "no tag",
		"__time_ns_part__", "9", "__pack_meta__", "x", "__id__", "1|2|3", "__metadata__.m", "m", "__record__.__topic__", "r")
	logs := []*sdk.Log{
		{Time: &now, Contents: reserved},
		{Time: &now, TimeNs: &zero, Contents: reserved},
		{Time: &now, TimeNs: &some, Contents: content("twice", "1", "twice", "2", "empty", "", "", "no key", "日志", "é")},
		{Time: &now},
	}
	topic, source, empty := "orders", "10.0.0.9", ""
	many := make([]string, 0, 80)
	for i := range 40 {
		many = append(many, fmt.Sprint("t", i), "")
	}
	for _, g := range []*sdk.LogGroup{
		{Logs: logs},
		{Logs: logs, Topic: &empty, Source: &empty},
		{Logs: logs, Topic: &topic},
		{Logs: logs, Source: &source},
		{Logs: logs, LogTags: tags("a", "1", "a", "2", "a", "1")},
		{Logs: logs, Topic: &topic, Source: &source, LogTags: tags(many...)},
	} {
		data, err := g.Marshal()
		require.NoError(t, err)
		_, _, err = c.Append(project, logstore, "", data)
		require.NoError(t, err)
	}
}

// writeGroup stores a log group of its own topic, source and tags, through the
// emulator's front door.
func writeGroup(t *testing.T, c *cloud, g int) {
	t.Helper()
	var body []byte
	for i := range 20 {
		at := time.Now().Add(-time.Duration(i) * time.Minute)
		var event demo.ChunkBuilder
		event.Add(at, fmt.Appendf(nil, "group %d log %d", g, i))
		var r loggroup.Reader
		r.Reset(event.Chunk(), loggroup.EncodeOptions{})
		var err error
		body, err = r.Next(body)
		require.NoError(t, err)
	}
	topic := []string{"", "nginx", "日志"}[g%3]
	tags := []loggroup.Tag{{Key: "env", Value: fmt.Sprint(g % 4)}, {Key: "host", Value: "h"}}[:g%3]
	body = loggroup.AppendGroupFields(body, topic, fmt.Sprintf("10.0.0.%d", g%7), tags)
	client, err := sls.New(sls.Config{
		Endpoint: c.endpoint, Credentials: sdk.NewStaticCredentialsProvider(keyID, keySecret, ""), SignVersion: sls.SignV1,
	})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Logstore(project, logstore).PutLogs(t.Context(),
		sls.Body{Data: body, RawSize: len(body), Codec: sls.None}, ""))
}
