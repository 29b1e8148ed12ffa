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

// stored is all of a log that replication has to keep.
type storedLog struct {
	topic, source, tags, contents string
	time                          int64
}

func census(c *cloud, logstore string) map[storedLog]int {
	all := map[storedLog]int{}
	for l := range c.EachLog(project, logstore) {
		s := storedLog{topic: l.Topic, source: l.Source, tags: fmt.Sprint(l.Tags), contents: fmt.Sprint(l.Contents), time: int64(l.Time) * 1e9}
		if l.TimeNs != nil {
			s.time += int64(*l.TimeNs)
		}
		all[s]++
	}
	return all
}

// Logstore to logstore through one Fluent Bit: topic, source, tags, times and
// contents are equal for every log.
func TestReplicationIsLossless(t *testing.T) {
	const groups = 60
	from := map[string]string{"include_meta": "on", "consumer_group": "replicator"}
	to := map[string]string{"logstore": "copy", "restore_meta": "on"}
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
			replicate(t, c)
			want, got := census(c, logstore), census(c, "copy")
			require.Len(t, want, c.LogCount(project, logstore))
			require.True(t, maps.Equal(want, got), "the copy differs: %d logs, %d of them in the copy", len(want), len(got))
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
		r.Reset(event.Chunk(), loggroup.EncodeOptions{TimeNs: g%2 == 0})
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
