package consumer

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/in_sls/internal/group"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

const (
	testProject  = "demo"
	testLogstore = "app"
	testGroup    = "fluent-bit"
)

// rig is an emulator in memory, in the virtual time of a synctest bubble.
type rig struct {
	t      *testing.T
	srv    *slsfake.Server
	writer sls.Logstore
	seq    int // number of the last record written
}

func newRig(t *testing.T, shards int) *rig {
	t.Helper()
	r := &rig{t: t, srv: slsfake.New(slsfake.Config{})}
	t.Cleanup(r.srv.Close)
	r.srv.CreateLogstore(testProject, testLogstore, shards)
	r.writer = r.client("writer").Logstore(testProject, testLogstore)
	return r
}

// client signs with a key of this name, so that hooks know whose call it is.
func (r *rig) client(name string) *sls.Client {
	r.t.Helper()
	r.srv.AddKey(name, "secret", "")
	c, err := sls.New(sls.Config{
		Endpoint:    "http://sls.test",
		Credentials: sdk.NewStaticCredentialsProvider(name, "secret", ""),
		Transport:   r.srv.Transport(),
	})
	require.NoError(r.t, err)
	r.t.Cleanup(c.Close)
	return c
}

// put writes one log group of n records to the writable shard that holds the
// first key of shard, and returns the number of the first record.
func (r *rig) put(shard, n int) int {
	r.t.Helper()
	return r.putSized(shard, n, 0)
}

// putSized pads every record by size bytes.
func (r *rig) putSized(shard, n, size int) int {
	r.t.Helper()
	return r.putKey(r.srv.Shards(testProject, testLogstore)[shard].BeginKey, n, size)
}

// putKey writes to whatever shard holds a hash key.
func (r *rig) putKey(key string, n, size int) int {
	r.t.Helper()
	first := r.seq + 1
	g := &sdk.LogGroup{
		Topic: proto.String("orders"), Source: proto.String("10.0.0.1"),
		LogTags: []*sdk.LogTag{{Key: proto.String("zone"), Value: proto.String("b")}},
	}
	for range n {
		r.seq++
		l := &sdk.Log{Time: proto.Uint32(uint32(time.Now().Unix()))}
		l.Contents = append(l.Contents,
			&sdk.LogContent{Key: proto.String("id"), Value: proto.String(strconv.Itoa(r.seq))},
			&sdk.LogContent{Key: proto.String("key"), Value: proto.String(key)},
			&sdk.LogContent{Key: proto.String("pad"), Value: proto.String(strings.Repeat("x", size))})
		g.Logs = append(g.Logs, l)
	}
	raw, err := proto.Marshal(g)
	require.NoError(r.t, err)
	body := sls.Body{Data: sls.Compress(sls.LZ4, nil, raw), RawSize: len(raw), Codec: sls.LZ4}
	require.NoError(r.t, r.writer.PutLogs(r.t.Context(), body, key))
	return first
}

// splitBeforeAndAfter writes six logs to shard 0 and its children, 1 and 2, lets time
// pass, and splits shard 1 into 3 and 4.
func (r *rig) splitBeforeAndAfter(pause time.Duration) {
	r.put(0, 2)
	r.split(0)
	r.put(1, 2)
	r.put(2, 2)
	advance(pause)
	r.split(1)
}

// split splits a shard in the middle.
func (r *rig) split(shard int) {
	r.t.Helper()
	require.NoError(r.t, r.srv.SplitShard(testProject, testLogstore, shard, ""))
}

// committed is the checkpoint of a shard as the number of groups before it,
// -1 for none.
func (r *rig) committed(shard int) int {
	c, ok := r.srv.Checkpoints(testProject, testLogstore, testGroup)[shard]
	if !ok {
		return -1
	}
	return int(c.Number - r.srv.Shards(testProject, testLogstore)[shard].Begin)
}

// holds is what the group has given to a consumer.
func (r *rig) holds(consumer string) []int {
	for _, g := range r.srv.ConsumerGroups(testProject, testLogstore) {
		for _, m := range g.Members {
			if m.Name == consumer {
				return m.Holds
			}
		}
	}
	return nil
}

// agent is one consumer with what it handed over.
type agent struct {
	*Consumer
	t    *testing.T
	name string
	log  *logBuffer
	got  []record
	last []record // of the last collect
}

type record struct {
	ID     int
	Key    string
	Pad    int
	Fields map[string]string
}

// agent makes a consumer; props are name, value pairs of options.
func (r *rig) agent(name string, props ...string) *agent {
	r.t.Helper()
	return r.start(&agent{t: r.t, log: &logBuffer{}}, testConfig(r.t, name, props...))
}

// start makes a the consumer of a configuration, and runs it until the end of the test.
func (r *rig) start(a *agent, cfg Config) *agent {
	r.t.Helper()
	r.make(a, cfg)
	return r.run(a, cfg.Consumer)
}

// run starts a, until the end of the test.
func (r *rig) run(a *agent, name string) *agent {
	r.t.Helper()
	a.Start()
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if a.Stop(ctx) == nil { // its own test looks at the error
			require.True(r.t, a.budget.Idle(), "the whole budget is free again")
		}
		if r.t.Failed() {
			r.t.Logf("log of %s:\n%s", name, a.log)
		}
	})
	return a
}

func (r *rig) build(name string, props ...string) *agent {
	r.t.Helper()
	a := &agent{t: r.t, log: &logBuffer{}}
	r.make(a, testConfig(r.t, name, props...))
	return a
}

func (r *rig) make(a *agent, cfg Config) {
	r.t.Helper()
	c, err := New(cfg, r.client(cfg.Consumer), slog.New(slog.NewTextHandler(a.log, nil)))
	require.NoError(r.t, err)
	a.Consumer, a.name = c, cfg.Consumer
}

func testConfig(t *testing.T, name string, props ...string) Config {
	t.Helper()
	values := option.Map{"project": testProject, "logstore": testLogstore, "consumer": name}
	for i := 0; i < len(props); i += 2 {
		values[props[i]] = props[i+1]
	}
	var cfg Config
	require.NoError(t, option.Parse(values, cfg.Options()))
	return cfg
}

// group is the membership of the one logstore that is read.
func (a *agent) group() *group.Group { return a.logstores.members[testLogstore].src.(*group.Group) }

// held are the shards that a holds.
func (a *agent) held() (held []int) {
	a.Metrics().Each(func(f *metric.Family, s *metric.Sample) {
		if f.Name == "shards_held" && s.Value == 1 {
			id, err := strconv.Atoi(s.Labels[1])
			require.NoError(a.t, err)
			held = append(held, id)
		}
	})
	slices.Sort(held)
	return held
}

// collect is one call of the engine.
func (a *agent) collect() []record {
	a.t.Helper()
	a.last = decodeEvents(a.t, a.Collect(nil))
	a.Copied()
	a.got = append(a.got, a.last...)
	return a.last
}

// collectFor lets the engine collect once a second, at the end of each.
func collectFor(seconds int, agents ...*agent) {
	for range seconds {
		advance(time.Second)
		for _, a := range agents {
			a.collect()
		}
	}
}

// advance lets time pass, and everything happen that is due.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// ids are the numbers of the records, in order of hand-over.
func ids(records []record) []int {
	out := make([]int, 0, len(records))
	for _, rec := range records {
		out = append(out, rec.ID)
	}
	return out
}

// numbers is from, from+1, ... to.
func numbers(from, to int) []int {
	var out []int
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

// requireAll checks that the records are 1..n, each at least once, and returns
// how many came twice.
func requireAll(t *testing.T, n int, agents ...*agent) (duplicates int) {
	t.Helper()
	var all []int
	for _, a := range agents {
		all = append(all, ids(a.got)...)
	}
	slices.Sort(all)
	distinct := slices.Compact(slices.Clone(all))
	require.Equal(t, numbers(1, n), distinct)
	return len(all) - n
}

// decodeEvents reads what Collect returned with the reference library.
func decodeEvents(t *testing.T, b []byte) []record {
	t.Helper()
	var out []record
	d := msgpack.NewDecoder(bytes.NewReader(b))
	for {
		raw, err := d.DecodeRaw()
		if err != nil {
			return out
		}
		out = append(out, decodeEvent(t, raw))
	}
}

func decodeEvent(t *testing.T, raw []byte) record {
	t.Helper()
	d := msgpack.NewDecoder(bytes.NewReader(raw))
	n, err := d.DecodeArrayLen()
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.NoError(t, d.Skip())
	fields := map[string]string{}
	require.NoError(t, d.Decode(&fields))
	id, err := strconv.Atoi(fields["id"])
	require.NoError(t, err, "record %v", fields)
	rec := record{ID: id, Key: fields["key"], Pad: len(fields["pad"]), Fields: fields}
	return rec
}

// logBuffer keeps log lines for tests.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// count is the number of lines that contain text.
func (l *logBuffer) count(text string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// delete takes a logstore out of the project.
func (r *rig) delete(logstore string) {
	r.t.Helper()
	r.operate(func(c sdk.ClientInterface) error { return c.DeleteLogStore(testProject, logstore) })
}

// deleteGroup takes the consumer group out of the logstore.
func (r *rig) deleteGroup() {
	r.t.Helper()
	r.operate(func(c sdk.ClientInterface) error { return c.DeleteConsumerGroup(testProject, testLogstore, testGroup) })
}

// operate does with the SDK what no plugin does.
func (r *rig) operate(call func(c sdk.ClientInterface) error) {
	r.t.Helper()
	c := sdk.CreateNormalInterface("http://sls.test", "writer", "secret", "")
	transport := r.srv.Transport()
	defer transport.CloseIdleConnections()
	c.SetHTTPClient(&http.Client{Transport: transport})
	require.NoError(r.t, call(c))
}
