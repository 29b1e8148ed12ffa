package prometheus

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/panicking"
	"fluent-bit-sls/tests/slsfake"
)

const (
	project = "alerts"
	shards  = 4
	// before is how long nothing goes wrong: longer than the longest "for".
	before = 45 * time.Second
	// within is how long the alerts may take; the slowest needs a look that comes once a minute.
	within = 5 * time.Minute
)

// world is all that runs.
type world struct {
	*testing.T
	bin, out, in, dir string
	endpoint, port    string
	second            string // port of another Fluent Bit, once it runs
	sls               *slsfake.Server

	writers sync.WaitGroup
	mu      sync.Mutex // guards broken
	broken  bool
}

// TestEveryAlertFires takes some three minutes, nearly all of them spent waiting.
func TestEveryAlertFires(t *testing.T) {
	bin, err := find("FLUENT_BIT", "fluent-bit", "")
	if err != nil {
		fmt.Println("report: the alerts were not tried under a real Prometheus: no fluent-bit on the PATH or in FLUENT_BIT")
		return
	}
	server, err := find("PROMETHEUS", "prometheus", "../../build/tools/prometheus/usr/bin/prometheus")
	if err != nil {
		fmt.Println("report: the alerts were not tried under a real Prometheus: there is none on the PATH or from make setup")
		return
	}
	rules, alerts := fastRules(t)
	w := newWorld(t, bin)
	w.fillState("small")
	w.startFluentBit()
	p := startPrometheus(t, server, rules, "127.0.0.1:"+w.port, "127.0.0.1:"+w.second)
	w.traffic()
	require.True(t, until(time.Minute, func() bool {
		return len(p.series(t, "fluentbit_output_sls_records_total > 0")) == len(outputs) &&
			len(p.series(t, "group by (name) (fluentbit_input_sls_records_total > 0)")) == len(inputs)
	}), "not every plugin has begun its work")
	begin := time.Now()
	var early map[alarm]bool
	until(before, func() bool {
		early = p.fired(t, time.Since(begin)+time.Second)
		return len(early) > 0
	})
	require.Empty(t, early, "alerts while nothing is wrong")

	w.breakEverything()
	wanted, allowed, tried := map[alarm]bool{}, map[alarm]bool{}, map[string]bool{}
	for _, f := range slices.Concat(outputs, inputs) {
		for _, alert := range f.fires {
			wanted[alarm{alert, f.name}], tried[alert] = true, true
		}
		for _, alert := range f.may {
			allowed[alarm{alert, f.name}] = true
		}
	}
	require.ElementsMatch(t, alerts, slices.Collect(maps.Keys(tried)), "each rule has its fault")
	took := w.await(p, wanted)
	for a := range p.fired(t, time.Since(begin)) {
		require.True(t, wanted[a] || allowed[a], "%s fires for %s", a.alert, a.section)
	}
	w.queryDashboard(p)
	fmt.Printf("report: alerts under a real Prometheus, thirty times as fast: %d of %d rules fired for their faults in %.0f s, none in the %.0f s before\n",
		len(tried), len(alerts), took.Seconds(), before.Seconds())
}

func newWorld(t *testing.T, bin string) *world {
	t.Helper()
	w := &world{T: t, bin: bin, dir: t.TempDir(), port: freePort(t), second: freePort(t)}
	var err error
	w.out, err = panicking.Build(t.Context(), "../..", w.dir, "out_sls")
	require.NoError(t, err)
	w.in, err = panicking.Build(t.Context(), "../..", w.dir, "in_sls")
	require.NoError(t, err)
	w.sls = slsfake.New(slsfake.Config{AccessKeyID: "key", AccessKeySecret: "secret"})
	t.Cleanup(w.sls.Close)
	w.endpoint, err = w.sls.Listen("127.0.0.1:0")
	require.NoError(t, err)
	for _, f := range slices.Concat(outputs, inputs) {
		w.sls.CreateLogstore(project, f.name, shards)
	}
	w.sls.AddKey("rejected", "secret", "")
	return w
}

// startFluentBit runs one with all sections.
func (w *world) startFluentBit() {
	w.Helper()
	var in, out strings.Builder
	in.WriteString("    - name: dummy\n      tag: bulk\n      rate: 1000\n      storage.type: filesystem\n      dummy: '{\"log\":\"" +
		strings.Repeat("x", 1000) + "\"}'\n")
	for _, f := range outputs {
		from, to := w.output(f)
		in.WriteString(from)
		out.WriteString(to)
	}
	for _, f := range inputs {
		in.WriteString(w.input(f))
	}
	out.WriteString("    - name: 'null'\n      match: in.*\n")
	w.run("fluent-bit", w.port, in.String(), out.String())
}

// output is the section that has a fault, and the input that feeds it, if it is not the bulk.
func (w *world) output(f fault) (in, out string) {
	match, key := f.name, "key"
	if f.bulk {
		match = "bulk"
	} else {
		in = fmt.Sprintf("    - name: tail\n      tag: %s\n      path: %s\n      parser: json\n      read_from_head: on\n      refresh_interval: 1\n"+
			"      storage.type: filesystem\n", f.name, filepath.Join(w.dir, f.name+".log"))
	}
	if f.name == "rejected" {
		key = f.name
	}
	common := w.access(key, f) + fmt.Sprintf("      match: %s\n      compress: none\n      flush_timeout: 2s\n      workers: 2\n", match)
	if !strings.Contains(f.props, "retry_limit") {
		common += "      retry_limit: no_limits\n"
	}
	return in, f.section(common)
}

// access are the properties that every section has.
func (w *world) access(key string, f fault) string {
	text := fmt.Sprintf("      endpoint: %s\n      project: %s\n      access_key_id: %s\n      access_key_secret: secret\n", w.endpoint, project, key)
	if !strings.Contains(f.props, "logstore:") {
		text += "      logstore: " + f.name + "\n"
	}
	return text
}

func (w *world) input(f fault) string {
	return f.section(w.access("key", f) + fmt.Sprintf("      tag: in.%s\n      consumer_group: group-%s\n      heartbeat_timeout: 6s\n"+
		"      checkpoint_interval: 1s\n      handoff_delay: 1200ms\n      monitor_url: http://127.0.0.1:%s\n", f.name, f.name, w.port))
}

// startAnother runs a second Fluent Bit that is a member of the same name.
func (w *world) startAnother(f fault) {
	w.run("another", freePort(w.T), w.input(f), "    - name: 'null'\n      match: in.*\n")
}

func (w *world) run(name, port, inputs, outputs string) {
	w.Helper()
	dir := filepath.Join(w.dir, name)
	require.NoError(w, os.MkdirAll(dir, 0o750))
	conf := fmt.Sprintf("plugins: [%s, %s]\nservice:\n  flush: 0.5\n  grace: 1\n  http_server: on\n  http_listen: 127.0.0.1\n"+
		"  http_port: %s\n  storage.path: %s/storage\n  storage.metrics: on\n  scheduler.base: 1\n  scheduler.cap: 3\n"+
		"parsers:\n  - name: json\n    format: json\npipeline:\n  inputs:\n%s  outputs:\n%s", w.out, w.in, port, dir, inputs, outputs)
	require.NoError(w, os.WriteFile(filepath.Join(dir, "fluent-bit.yaml"), []byte(conf), 0o600))
	start(w.T, dir, w.bin, "-c", filepath.Join(dir, "fluent-bit.yaml"))
}

// traffic writes a line for each output and a log group for each logstore that is read,
// five times a second, until the test ends. To one in bulk it writes fifty times a second,
// evenly: two readers of a burst go on from the same cursor, its end.
func (w *world) traffic() {
	done := make(chan struct{})
	w.writers.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			for _, f := range outputs {
				if n%10 == 0 {
					w.write(f)
				}
			}
			for _, f := range inputs {
				if f.bulk || n%10 == 0 {
					w.append(f.name)
				}
			}
		}
	})
	w.Cleanup(func() {
		close(done)
		w.writers.Wait()
	})
}

func (w *world) write(f fault) {
	if f.bulk {
		return
	}
	text := `{"log":"a good record"}` + "\n"
	w.mu.Lock()
	if w.broken && f.line != "" {
		text += f.line + "\n"
	}
	w.mu.Unlock()
	file, err := os.OpenFile(filepath.Join(w.dir, f.name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, _ = file.WriteString(text)
		_ = file.Close()
	}
}

// append writes a log to the next shard.
func (w *world) append(logstore string) {
	group := &sdk.LogGroup{Logs: []*sdk.Log{{
		Time:     proto.Uint32(uint32(time.Now().Unix())),
		Contents: []*sdk.LogContent{{Key: proto.String("log"), Value: proto.String("to be read")}},
	}}}
	if data, err := group.Marshal(); err == nil {
		_, _, _ = w.sls.Append(project, logstore, "", data)
	}
}

func (w *world) breakEverything() {
	w.mu.Lock()
	w.broken = true
	w.mu.Unlock()
	for _, f := range slices.Concat(outputs, inputs) {
		if f.begin != nil {
			f.begin(w, f)
		}
	}
}

// await waits until all alerts have fired.
func (w *world) await(p prom, wanted map[alarm]bool) time.Duration {
	w.Helper()
	begin := time.Now()
	left := maps.Clone(wanted)
	until(within, func() bool {
		for a := range p.fired(w.T, time.Since(begin)+time.Second) {
			if left[a] {
				w.Logf("%3.0f s: %s for %s", time.Since(begin).Seconds(), a.alert, a.section)
			}
			delete(left, a)
		}
		return len(left) == 0
	})
	require.Empty(w, left, "these do not fire")
	return time.Since(begin)
}

// until looks every second whether it is so, for a while: Prometheus has no clock of ours.
func until(while time.Duration, so func() bool) bool {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(while); time.Now().Before(end); <-tick.C {
		if so() {
			return true
		}
	}
	return false
}

// queryDashboard requires that every query of the dashboard has a result.
func (w *world) queryDashboard(p prom) {
	w.Helper()
	text, err := os.ReadFile(folder + "dashboard.json")
	require.NoError(w, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	require.NoError(w, json.Unmarshal(text, &dashboard))
	values := strings.NewReplacer("$__rate_interval", "20s", "$__range", "40s", "$instance", ".*", "$name", ".*", "$logstore", ".*")
	queries := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			queries++
			require.NotEmpty(w, p.series(w.T, values.Replace(target.Expr)), "%s %s: %s", panel.Title, target.RefID, target.Expr)
		}
	}
	require.Greater(w, queries, 40)
}
