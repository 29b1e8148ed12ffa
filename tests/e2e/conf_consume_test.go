package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// soon makes a barrier come at once instead of once in a while.
const soon = "checkpoint_interval: 1s"

func TestConfConsumeToFile(t *testing.T) {
	eachRealHost(t, []string{"consume-to-file.yaml", "consume-to-file.conf"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 2)
		c.write(t, "shop", map[string]string{"message": "one"}, map[string]string{"message": "two"})
		r := try(t, file).environ(c)
		e := r.start(t, f)
		var lines []string
		poll(t, "two lines", func() bool {
			text, _ := os.ReadFile(filepath.Join(r.dir, "log/from-sls/logs.jsonl")) // not there at first
			lines = strings.Split(string(text), "\n")
			return len(lines) > 2
		})
		c.await(t, func() bool { return c.caughtUp("to-file") })
		stop(t, e.Stop)
		for i, message := range []string{"one", "two"} {
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(lines[i]), &got))
			require.Equal(t, map[string]any{
				"message": message, "__topic__": "shop", "__source__": "10.0.0.7", "__tag__:env": "prod",
			}, got)
		}
	})
}

func TestConfReplicateLogstore(t *testing.T) {
	eachRealHost(t, []string{"replicate-logstore.yaml", "replicate-logstore.conf"}, func(t *testing.T, f *fluentBit, file string) {
		const groups = 30
		c := newCloud(t, 2)
		c.CreateLogstore(project, "copy", 2)
		for g := range groups {
			writeGroup(t, c, g)
		}
		writeOddGroups(t, c)
		old := "checkpoint_interval: 60s"
		now := soon
		if filepath.Ext(file) == ".conf" {
			old, now = "checkpoint_interval 60s", "checkpoint_interval 1s"
		}
		e := try(t, file, old, now).environ(c).start(t, f)
		c.await(t, func() bool { return c.caughtUp("replicate") })
		stop(t, e.Stop)
		requireCopied(t, c)
	})
}

// Only what was received in the range is copied; the group of the range is at its end.
func TestConfBackfillRange(t *testing.T) {
	eachRealHost(t, []string{"backfill-range.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 2)
		c.CreateLogstore(project, "copy", 1)
		now := time.Now()
		for _, ago := range []time.Duration{12 * time.Minute, 8 * time.Minute, 0} {
			c.SetClockOffset(-ago)
			for i := range 4 {
				c.write(t, "shop", map[string]string{"n": fmt.Sprint(ago, " ", i)})
			}
		}
		from := strconv.FormatInt(now.Add(-10*time.Minute).Unix(), 10)
		to := strconv.FormatInt(now.Add(-5*time.Minute).Unix(), 10)
		e := try(t, file, "checkpoint_interval: 30s", soon).environ(c, "BACKFILL_FROM="+from, "BACKFILL_TO="+to).start(t, f)
		c.await(t, func() bool { return c.LogCount(project, "copy") >= 4 })
		poll(t, "the end of the reading", func() bool { return strings.Contains(e.Log(), "the reading has ended") })
		stop(t, e.Stop)
		require.Equal(t, []string{"8m0s 0", "8m0s 1", "8m0s 2", "8m0s 3"}, c.contents("copy", "n"))
		require.NotEmpty(t, c.Checkpoints(project, logstore, "backfill-"+from+"-"+to))
	})
}

// Each logstore of the pattern has a file of its own, also one that comes later.
func TestConfConsumeManyLogstores(t *testing.T) {
	eachRealHost(t, []string{"consume-many-logstores.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 1)
		write := func(logstore string) {
			c.CreateLogstore(project, logstore, 2)
			raw := numberedGroup(t, "", 0, 3)
			_, _, err := c.Append(project, logstore, c.Shards(project, logstore)[1].BeginKey, raw)
			require.NoError(t, err)
		}
		write("app-one")
		write("app-two")
		write("other")
		r := try(t, file, "logstore_pattern: app-.*", "logstore_pattern: app-.*\n      discovery_interval: 1s").environ(c)
		e := r.start(t, f)
		lines := func(logstore string) int {
			text, _ := os.ReadFile(filepath.Join(r.dir, "log/from-sls", logstore)) // not there at first
			return strings.Count(string(text), "\n")
		}
		poll(t, "two files", func() bool { return lines("app-one") == 3 && lines("app-two") == 3 })
		write("app-three")
		poll(t, "a third file", func() bool { return lines("app-three") == 3 })
		stop(t, e.Stop)
		files, err := filepath.Glob(filepath.Join(r.dir, "log/from-sls/*"))
		require.NoError(t, err)
		require.Len(t, files, 3)
	})
}

// Dropped, masked, renamed, routed by what a record says.
func TestConfCleanAndRoute(t *testing.T) {
	eachRealHost(t, []string{"clean-and-route.yaml"}, func(t *testing.T, f *fluentBit, file string) {
		c := newCloud(t, 1)
		c.CreateLogstore(project, "copy", 1)
		c.CreateLogstore(project, "copy-errors", 1)
		c.write(t, "shop",
			map[string]string{"path": "/healthz", "msg": "dropped by grep"},
			map[string]string{"level": "trace", "msg": "dropped by lua"},
			map[string]string{
				"level": "info", "path": "/healthz/x", "Password": "p", "token": "t",
				"msg": "call 13812345678 not 213812345678, or li.lei@mail.example.com",
			},
			map[string]string{"level": "error", "msg": "failed"},
		)
		e := try(t, file, "checkpoint_interval: 60s", soon).environ(c).start(t, f)
		c.await(t, func() bool { return c.caughtUp("clean-and-route") })
		stop(t, e.Stop)
		clean, failed := c.only(t, "copy"), c.only(t, "copy-errors")
		require.Equal(t, map[string]string{
			"level": "info", "path": "/healthz/x", "env": "prod",
			"message": "call 138****5678 not 213812345678, or l***@mail.example.com",
		}, clean)
		require.Equal(t, map[string]string{"level": "error", "message": "failed", "env": "prod"}, failed)
	})
}

// only returns the contents of the only log of a logstore, that has kept where it is from.
func (c *cloud) only(t *testing.T, logstore string) map[string]string {
	t.Helper()
	logs := c.Logs(project, logstore)
	require.Len(t, logs, 1, logstore)
	require.Equal(t, "shop", logs[0].Topic)
	require.Equal(t, "10.0.0.7", logs[0].Source)
	contents := map[string]string{}
	for _, content := range logs[0].Contents {
		contents[content.Key] = content.Value
	}
	return contents
}
