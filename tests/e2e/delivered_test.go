package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
)

// sluggish is an HTTP output's far end: slow, and out of service for one request in
// three. It notes what it has taken.
type sluggish struct {
	*httptest.Server
	mu    sync.Mutex // guards what follows
	rnd   *rand.Rand
	taken map[string]int
	grown chan struct{} // closed and replaced when taken grows
}

func newSluggish(t *testing.T) *sluggish {
	s := &sluggish{rnd: rand.New(rand.NewPCG(3, 4)), taken: map[string]int{}, grown: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *sluggish) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	bad, delay := s.rnd.IntN(3) == 0, time.Duration(s.rnd.IntN(1500))*time.Millisecond
	s.mu.Unlock()
	<-time.After(delay)
	if bad {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		var record struct{ N string }
		if json.Unmarshal(lines.Bytes(), &record) == nil {
			s.taken[record.N]++
		}
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// counts are the records taken, the first time and again.
func (s *sluggish) counts() (distinct, again int, grown <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.taken {
		again += n - 1
	}
	return len(s.taken), again, s.grown
}

// await waits until n different records have been taken.
func (s *sluggish) await(t *testing.T, n int, log fmt.Stringer) {
	t.Helper()
	give := time.After(timeout)
	for {
		have, _, grown := s.counts()
		if have >= n {
			return
		}
		select {
		case <-grown:
		case <-give:
			t.Fatalf("%d of %d records have come out, log:\n%s", have, n, log)
		}
	}
}

// A real Fluent Bit that keeps its chunks in memory reads a logstore into a slow
// output and is killed ten times: with checkpoint delivered every record comes out.
func TestFluentBitKilledWhileConsuming(t *testing.T) {
	t.Parallel() // it mostly waits for Fluent Bit to count its chunks
	const kills, perLife, shards = 10, 3_000, 4
	for _, host := range hosts[1:] {
		c, far := newCloud(t, shards), newSluggish(t)
		_, port, err := net.SplitHostPort(far.Listener.Addr().String())
		require.NoError(t, err)
		conf := consumingPipeline(port, c.props("checkpoint", "delivered", "checkpoint_interval", "3s",
			"handoff_delay", "1200ms", "heartbeat_timeout", "10s", "consumer_group", "slow", "consumer", "only", "buffer_size", "256k"))
		rnd := rand.New(rand.NewPCG(5, 6))
		written, barriers := 0, 0
		for life := range kills + 1 {
			writeNumbered(t, c, written, perLife)
			written += perLife
			e, err := host.(*fluentBit).start(t.Context(), conf)
			require.NoError(t, err)
			if life == kills {
				far.await(t, written, e.log)
				c.await(t, func() bool { return c.caughtUp("slow") })
				stop(t, e.Stop)
				break
			}
			if life%2 == 1 { // let a barrier come to its end, and kill behind it
				had := len(c.CheckpointHistory(project, logstore, "slow"))
				c.await(t, func() bool { return len(c.CheckpointHistory(project, logstore, "slow")) > had })
				barriers++
			}
			have, _, _ := far.counts()
			far.await(t, have+rnd.IntN(min(perLife/4, written-have)), e.log)
			require.NoError(t, e.Kill())
		}
		distinct, again, _ := far.counts()
		fmt.Printf("report: %s killed %d times with memory storage, a slow output and checkpoint delivered: %d records, lost %d, duplicated %d, %d barriers between kills\n",
			host.Name(), kills, written, written-distinct, again, barriers)
	}
}

// consumingPipeline is in_sls into an HTTP output, chunks in memory.
func consumingPipeline(port string, props map[string]string) string {
	free := httptest.NewServer(nil) // the port is free again when it is closed
	free.Close()
	monitor := free.Listener.Addr().String()
	in := section(with(props, map[string]string{"name": "sls", "tag": "slow", "monitor_url": "http://" + monitor}))
	out := section{
		"name": "http", "match": "*", "host": "127.0.0.1", "port": port, "format": "json_lines", "json_date_key": "false",
		"retry_limit": "no_limits",
	}
	_, monitorPort, _ := net.SplitHostPort(monitor)
	return strings.Replace(pipeline(plugins.In, in, out), "service:\n", fmt.Sprintf(
		"service:\n  http_server: on\n  http_listen: 127.0.0.1\n  http_port: %s\n  storage.metrics: on\n  scheduler.base: 1\n  scheduler.cap: 1\n",
		monitorPort), 1)
}

// writeNumbered stores n logs, ten to a group, with numbers from from.
func writeNumbered(t *testing.T, c *cloud, from, n int) {
	t.Helper()
	client, err := sls.New(sls.Config{Endpoint: c.endpoint, Credentials: sdk.NewStaticCredentialsProvider(keyID, keySecret, "")})
	require.NoError(t, err)
	defer client.Close()
	const perGroup = 10
	for i := from; i < from+n; i += perGroup {
		g := &sdk.LogGroup{}
		for k := range perGroup {
			now := uint32(time.Now().Unix())
			g.Logs = append(g.Logs, &sdk.Log{Time: &now, Contents: []*sdk.LogContent{
				{Key: proto.String("N"), Value: proto.String(fmt.Sprint(i + k))},
				{Key: proto.String("text"), Value: proto.String(strings.Repeat("x", 150))},
			}})
		}
		raw, err := g.Marshal()
		require.NoError(t, err)
		require.NoError(t, client.Logstore(project, logstore).PutLogs(t.Context(), sls.Body{Data: raw, RawSize: len(raw), Codec: sls.None}, ""))
	}
}
