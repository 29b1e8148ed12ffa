package output

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/output/store"
	"fluent-bit-sls/tests/campaign/process"
	"fluent-bit-sls/tests/campaign/report"
	"fluent-bit-sls/tests/campaign/secrets"
	"fluent-bit-sls/tests/slsfake"
)

func TestSlowEndDuringAnOutageIsFound(t *testing.T) {
	for took, found := range map[time.Duration]bool{12 * time.Second: false, 12*time.Second + 1: true, 16 * time.Second: false, 16*time.Second + 1: true} {
		w := &world{failures: &report.Failures{Out: &bytes.Buffer{}}, server: slsfake.New(slsfake.Config{})}
		defer w.server.Close()
		w.server.Silence("key", true)
		l := &agent{world: w, key: secrets.Key{ID: "key"}}
		h := &host{agent: l, outage: true, workers: 4}
		if took > 13*time.Second {
			h.workers, l.feeds = 0, make([]*store.Feed, 2) // on one thread
		}
		h.endOutage(process.EndExit, took, 7)
		require.Equal(t, found, w.failures.Count() > 0, took)
		require.False(t, w.server.Silenced("key"))
		require.Equal(t, exits{count: 1, queued: 7, longest: took, bound: took.Truncate(time.Second)}, l.exits)
		require.Contains(t, describeExits([]*agent{l, {}}), "1 ends of hosts while SLS did not answer, with up to 7 flushes queued")
	}
}

func TestFlushesAreQueuedForAnOutage(t *testing.T) {
	for workers, want := range map[int]int{0: 8, 1: 8, 4: 32} {
		require.Equal(t, want, (&host{workers: workers, outage: true}).flushers())
		require.Equal(t, max(1, workers), (&host{workers: workers}).flushers())
	}
}
