package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/flbhost"
)

// numberedGroup is a log group with a topic, whose logs have the numbers from one on as N.
func numberedGroup(t *testing.T, topic string, from, n int) []byte {
	t.Helper()
	g := &sdk.LogGroup{Topic: &topic}
	for i := range n {
		now := uint32(time.Now().Unix())
		g.Logs = append(g.Logs, &sdk.Log{Time: &now, Contents: []*sdk.LogContent{
			{Key: proto.String("N"), Value: proto.String(strconv.Itoa(from + i))},
		}})
	}
	raw, err := g.Marshal()
	require.NoError(t, err)
	return raw
}

// writeTopics stores groups of ten logs on one shard, whose topics take turns.
func writeTopics(t *testing.T, c *cloud, groups int, topics ...string) {
	t.Helper()
	for i := range groups {
		raw := numberedGroup(t, topics[i%len(topics)], i*10, 10)
		_, _, err := c.Append(project, logstore, c.Shards(project, logstore)[0].BeginKey, raw)
		require.NoError(t, err)
	}
}

// numbersOf are those of the groups with one of some topics, in the order they were written.
func numbersOf(groups, topics, topic int) (all []int) {
	for i := topic; i < groups; i += topics {
		for k := range 10 {
			all = append(all, i*10+k)
		}
	}
	return all
}

// Each log group goes under the tag of its own, in the order of its shard; without direct
// hand-over the section does not start, and says why.
func TestTagTemplate(t *testing.T) {
	t.Parallel()
	c := newCloud(t, 1)
	h, err := flbhost.Start(t.Context(), hostBin, flbhost.Options{})
	require.NoError(t, err)
	in, err := h.Load(raced.In)
	require.NoError(t, err)
	reader, err := h.Init(in, c.props("tag_template", "sls.$logstore.$topic|none"))
	require.NoError(t, err)
	var mu sync.Mutex
	got, total := map[string][]int{}, 0
	reader.OnTagged(func(tag string, buf []byte, _ time.Time) {
		events, err := decodeEvents(buf)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, e := range events {
			n, err := strconv.Atoi(fmt.Sprint(e.Record["N"]))
			if err != nil {
				t.Error(err)
			}
			got[tag] = append(got[tag], n)
			total++
		}
	})
	const groups = 90
	writeTopics(t, c, groups, "Orders", "../etc", "")
	c.await(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return total == groups*10
	})
	prefix := "sls." + logstore + "."
	require.Equal(t, map[string][]int{
		prefix + "Orders": numbersOf(groups, 3, 0), prefix + "etc": numbersOf(groups, 3, 1), prefix + "none": numbersOf(groups, 3, 2),
	}, got)
	require.NoError(t, h.Exit(t.Context()))

	log := &logBuffer{}
	h, err = flbhost.Start(t.Context(), hostBin, flbhost.Options{NoAppend: true, OnLog: log.line})
	require.NoError(t, err)
	in, err = h.Load(raced.In)
	require.NoError(t, err)
	_, err = h.Init(in, c.props("tag_template", "sls.$logstore"))
	require.Error(t, err)
	require.Contains(t, log.String(), "option tag_template: needs direct hand-over")
	require.NoError(t, h.Exit(t.Context()))
}

// Under a real Fluent Bit outputs match the tags, and nothing goes under the section's own.
func TestFluentBitTagTemplate(t *testing.T) {
	t.Parallel()
	for _, f := range realHosts() {
		c, dir := newCloud(t, 1), t.TempDir()
		in := section(with(c.props("tag_template", "sls.$topic|none"), map[string]string{"name": "sls", "tag": "own"}))
		conf := pipeline(plugins.In, in, section{"name": "file", "match": "*", "path": dir, "format": "template", "template": "{N}"})
		const groups = 300
		writeTopics(t, c, groups, "a", "b", "")
		e, err := f.start(t.Context(), conf)
		require.NoError(t, err)
		files := []string{"sls.a", "sls.b", "sls.none"}
		read := func(file string) (numbers []int) {
			text, _ := os.ReadFile(filepath.Join(dir, file)) // not there at first
			for line := range strings.Lines(string(text)) {
				n, err := strconv.Atoi(strings.TrimSpace(line))
				if err != nil {
					return nil // a line half written
				}
				numbers = append(numbers, n)
			}
			return numbers
		}
		poll(t, "all files", func() bool {
			return !slices.ContainsFunc(files, func(file string) bool { return len(read(file)) < groups*10/3 })
		})
		stop(t, e.Stop)
		for i, file := range files {
			require.Equal(t, numbersOf(groups, 3, i), read(file), f.Name())
		}
		require.NoFileExists(t, filepath.Join(dir, "own"))
	}
}
