package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
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

// A host that has the function for it gets records directly, another one by callback. The
// section says which way it takes, and refuses to start where it cannot.
func TestHandoverIsChosen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		host     flbhost.Options
		set, way string
	}{
		{flbhost.Options{}, "auto", "direct"},
		{flbhost.Options{}, "callback", "callback"},
		{flbhost.Options{Legacy: true}, "auto", "direct"},
		{flbhost.Options{NoAppend: true}, "auto", "callback"},
		{flbhost.Options{NoAppend: true}, "direct", ""},
	} {
		cl, log := newCloud(t, 2), &logBuffer{}
		c.host.OnLog = log.line
		h, err := flbhost.Start(t.Context(), hostBin, c.host)
		require.NoError(t, err)
		in, err := h.Load(raced.In)
		require.NoError(t, err)
		reader, err := h.Init(in, cl.props("handover", c.set))
		if c.way == "" {
			require.Error(t, err)
			require.Contains(t, log.String(), "option handover: direct needs the function flb_input_log_append")
		} else {
			require.NoError(t, err)
			require.Len(t, grep(log.String(), "started, version", "handover="+c.way), 1, log)
			got := &arrivals{seen: map[int]int{}}
			reader.OnCollect(got.events(t))
			writeNumbered(t, cl, 0, 100)
			cl.await(t, func() bool { return got.distinct() == 100 })
		}
		require.NoError(t, h.Exit(t.Context()))
	}
}

// arrivals counts records by their number N.
type arrivals struct {
	mu   sync.Mutex
	seen map[int]int
}

func (a *arrivals) events(t *testing.T) func(buf []byte) {
	return func(buf []byte) {
		events, err := decodeEvents(buf)
		if err != nil {
			t.Error(err)
		}
		for _, e := range events {
			i, err := strconv.Atoi(fmt.Sprint(e.Record["N"]))
			if err != nil {
				t.Error(err)
			}
			a.add(i)
		}
	}
}

func (a *arrivals) add(i int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen[i]++
}

func (a *arrivals) distinct() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

func (a *arrivals) again() (again int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, times := range a.seen {
		again += times - 1
	}
	return again
}

// A ring that stays full and appends that fail lose nothing and double nothing with direct
// hand-over.
func TestFullRingLosesNothing(t *testing.T) {
	t.Parallel()
	c, log := newCloud(t, 2), &logBuffer{}
	h, err := flbhost.Start(t.Context(), hostBin, flbhost.Options{OnLog: log.line})
	require.NoError(t, err)
	in, err := h.Load(raced.In)
	require.NoError(t, err)
	reader, err := h.Init(in, c.props("handover", "direct"))
	require.NoError(t, err)
	got := &arrivals{seen: map[int]int{}}
	reader.OnCollect(got.events(t))
	writeNumbered(t, c, 0, 1000)
	c.await(t, func() bool { return got.distinct() == 1000 })
	require.NoError(t, reader.FillRing(true))
	writeNumbered(t, c, 1000, 1000)
	c.await(t, func() bool { return strings.Count(log.String(), "could not enqueue records") >= 2 })
	require.NoError(t, reader.FillRing(false))
	require.NoError(t, reader.FailAppends(2))
	writeNumbered(t, c, 2000, 1000)
	require.NoError(t, reader.PostPause())
	<-time.After(1200 * time.Millisecond)
	require.NoError(t, reader.Resume())
	c.await(t, func() bool { return got.distinct() == 3000 })
	require.Zero(t, got.again())
	require.NoError(t, h.Exit(t.Context()))
}

// monitored is a pipeline with Fluent Bit's monitoring on a port of its own.
func monitored(so string, in, out section) (conf, url string) {
	free := httptest.NewServer(nil) // the port is free again when it is closed
	free.Close()
	host, port, _ := net.SplitHostPort(free.Listener.Addr().String())
	return strings.Replace(pipeline(so, in, out), "service:\n", fmt.Sprintf(
		"service:\n  http_server: on\n  http_listen: %s\n  http_port: %s\n  storage.metrics: on\n", host, port), 1), "http://" + host + ":" + port
}

// fill stores about size bytes of plain lines, evenly on all shards, and returns how many.
func (c *cloud) fill(t testing.TB, size int) (lines int) {
	t.Helper()
	const perGroup = 500
	line := strings.Repeat("0123456789abcdef", 16)
	g := &sdk.LogGroup{}
	for range perGroup {
		now := uint32(time.Now().Unix())
		g.Logs = append(g.Logs, &sdk.Log{Time: &now, Contents: []*sdk.LogContent{{Key: proto.String("content"), Value: proto.String(line)}}})
	}
	raw, err := g.Marshal()
	require.NoError(t, err)
	shards := c.Shards(project, logstore)
	for i := 0; lines*len(line) < size; i++ {
		_, _, err := c.Append(project, logstore, shards[i%len(shards)].BeginKey, raw)
		require.NoError(t, err)
		lines += perGroup
	}
	return lines
}

// peak is the largest resident size of a process so far, in MB.
func peak(t testing.TB, pid int) float64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, m)
	kb, err := strconv.Atoi(string(m[1]))
	require.NoError(t, err)
	return float64(kb) / 1e3
}

// metric reads one series of Fluent Bit's metrics, 0 when there is none.
func metricOf(ctx context.Context, url, series string) float64 {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v2/metrics/prometheus", http.NoBody)
	if err != nil {
		return 0
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), series+" "); ok {
			v, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return v
		}
	}
	return 0
}

// drain has a host read 132 MB of plain lines. It returns how long that took from its start
// and how large it has become, in MB. flbhost has no mem_buf_limit.
func drain(tb testing.TB, host Host, way, limit string) (took time.Duration, resident float64) {
	tb.Helper()
	c := newCloud(tb, 4)
	lines := c.fill(tb, 132e6)
	props := c.props("handover", way)
	ctx, cancel := context.WithTimeout(tb.Context(), timeout)
	defer cancel()
	begun := time.Now()
	if h, ok := host.(*testHost); ok {
		p, reader, err := h.start(ctx, plugins.In, props)
		require.NoError(tb, err)
		all, got := make(chan struct{}), 0
		reader.OnCollect(func(buf []byte) {
			before := got
			got += countEvents(buf)
			if before < lines && got >= lines {
				close(all)
			}
		})
		select {
		case <-all:
		case <-ctx.Done():
			require.NoError(tb, ctx.Err(), p.Log())
		}
		took, resident = time.Since(begun), peak(tb, p.Pid())
		stop(tb, p.Stop)
		return took, resident
	}
	in := section(with(props, map[string]string{"name": "sls", "tag": "x"}))
	if limit != "" {
		in["mem_buf_limit"] = limit
	}
	conf, url := monitored(plugins.In, in, section{"name": "null", "match": "*"})
	e, err := host.(*fluentBit).start(ctx, conf)
	require.NoError(tb, err)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for metricOf(ctx, url, `fluentbit_output_proc_records_total{name="null.0"}`) < float64(lines) {
		require.NoError(tb, ctx.Err(), e.Log())
		<-tick.C
	}
	took, resident = time.Since(begun), peak(tb, e.cmd.Process.Pid)
	stop(tb, e.Stop)
	return took, resident
}

// countEvents counts what begins as in_sls begins an event: an array of two, and in it one of
// two with an EventTime.
func countEvents(buf []byte) int { return bytes.Count(buf, []byte{0x92, 0x92, 0xd7, 0x00}) }

// 132 MB of plain lines are drained by a real Fluent Bit, with and without a limit on its
// memory. The figures are logged; `make bench` has bars for them.
func TestFluentBitDrains(t *testing.T) {
	for _, host := range hosts[1:] {
		for _, limit := range []string{"", "50M"} {
			for _, way := range []string{"callback", "direct"} {
				took, resident := drain(t, host, way, limit)
				t.Logf("%s, %s, mem_buf_limit %q: %.1f s, %.0f MB resident at most", host.Name(), way, limit, took.Seconds(), resident)
			}
		}
	}
}

// With checkpoint delivered an engine that holds nothing else needs no count of its chunks:
// filters that drop and re-emit, and two outputs. The figures are logged.
func TestFluentBitBarriers(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, host := range hosts[1:] {
		c := newCloud(t, 2)
		in := section(with(c.props("checkpoint", "delivered", "checkpoint_interval", "1s"), map[string]string{"name": "sls", "tag": "x"}))
		conf, url := monitored(plugins.In, in, section{"name": "null", "match": "*"})
		conf = strings.Replace(conf, "      tag: ", "      monitor_url: "+url+"\n      tag: ", 1) + `    - name: "null"
      match: y
  filters:
    - name: grep
      match: x
      exclude: N ^.*3$
    - name: rewrite_tag
      match: x
      rule: $N ^.*7$ y false
`
		e, err := host.(*fluentBit).start(t.Context(), conf)
		require.NoError(t, err)
		for i := range 25 {
			writeNumbered(t, c, i*10, 10)
			<-time.After(time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		n := metricOf(ctx, url, `fluentbit_input_sls_barrier_duration_seconds_count{name="sls.0"}`)
		sum := metricOf(ctx, url, `fluentbit_input_sls_barrier_duration_seconds_sum{name="sls.0"}`)
		require.Positive(t, n, e.Log())
		t.Logf("%s: %v barriers, %.1f s each", host.Name(), n, sum/n)
		require.Less(t, sum/n, 4.5, "less than the engine takes to count its chunks")
		require.Zero(t, strings.Count(e.Log(), "checkpoint delivered waits"))
		c.await(t, func() bool { return c.caughtUp("fluent-bit") })
		stop(t, e.Stop)
	}
}

// Single logs go through a real Fluent Bit within a fraction of a second. The figures are
// logged; `make bench` has bars for them.
func TestFluentBitLatency(t *testing.T) {
	for _, host := range hosts[1:] {
		for _, way := range []string{"callback", "direct"} {
			half, most := latency(t, host, way)
			t.Logf("%s, %s: p50 %v, p99 %v", host.Name(), way, half.Round(time.Millisecond), most.Round(time.Millisecond))
		}
	}
}

// latency stores fifty single logs a second and returns within which times a half and 99 of
// 100 were received: from a real Fluent Bit over TCP behind `flush 0.05`, from flbhost when
// they were handed over.
func latency(tb testing.TB, host Host, way string) (half, most time.Duration) {
	tb.Helper()
	const logs, warm = 600, 100
	c := newCloud(tb, 4)
	received := make(chan time.Duration, logs+warm)
	e := receiveTimes(tb, c, host, way, received)
	c.await(tb, func() bool { return len(grep(e.Log(), "started, version")) == 1 })
	shards := c.Shards(project, logstore)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := range logs + warm {
		<-tick.C
		now := uint32(time.Now().Unix())
		g := &sdk.LogGroup{Logs: []*sdk.Log{{Time: &now, Contents: []*sdk.LogContent{
			{Key: proto.String("sent"), Value: proto.String(strconv.FormatInt(time.Now().UnixNano(), 10))},
		}}}}
		raw, err := g.Marshal()
		require.NoError(tb, err)
		_, _, err = c.Append(project, logstore, shards[i%len(shards)].BeginKey, raw)
		require.NoError(tb, err)
	}
	var took []time.Duration
	for len(took) < logs+warm {
		took = append(took, <-received)
	}
	stop(tb, e.Stop)
	took = took[warm:] // not while it starts
	slices.Sort(took)
	return took[logs/2], took[logs*99/100]
}

// receiveTimes starts a host that reads c and sends how old each record is.
func receiveTimes(tb testing.TB, c *cloud, host Host, way string, received chan<- time.Duration) Running {
	tb.Helper()
	props := c.props("handover", way)
	if h, ok := host.(*testHost); ok {
		p, reader, err := h.start(tb.Context(), plugins.In, props)
		require.NoError(tb, err)
		reader.OnCollectAt(func(buf []byte, at time.Time) {
			events, err := decodeEvents(buf)
			if err != nil {
				tb.Error(err)
			}
			for _, e := range events {
				sent, err := strconv.ParseInt(fmt.Sprint(e.Record["sent"]), 10, 64)
				if err != nil {
					tb.Error(err)
				}
				received <- at.Sub(time.Unix(0, sent))
			}
		})
		return p
	}
	far, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = far.Close() })
	go serveTimes(far, received)
	_, port, _ := net.SplitHostPort(far.Addr().String())
	in := section(with(props, map[string]string{"name": "sls", "tag": "x"}))
	conf := pipeline(plugins.In, in, section{"name": "tcp", "match": "*", "host": "127.0.0.1", "port": port, "format": "json_lines"})
	e, err := host.(*fluentBit).start(tb.Context(), strings.Replace(conf, "flush: 0.5", "flush: 0.05", 1))
	require.NoError(tb, err)
	return e
}

// serveTimes sends how old each record is that comes.
func serveTimes(l net.Listener, took chan<- time.Duration) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				var record struct {
					Sent int64 `json:",string"`
				}
				if json.Unmarshal(lines.Bytes(), &record) == nil && record.Sent > 0 {
					took <- time.Since(time.Unix(0, record.Sent))
				}
			}
		}()
	}
}
