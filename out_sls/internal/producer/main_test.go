package producer

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a producer in front of an emulator, in virtual time.
type bench struct {
	*Producer
	t   *testing.T
	sls *slsfake.Server
	log *logLines
	// panicAt are the requests, by number from 1, at which the transport panics.
	panicAt map[int]bool
	client  *sls.Client
	router  *route.Router

	made int64 // lines
}

// logLines collects what is logged.
type logLines struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// run calls fn with a producer of the default configuration changed by set, as
// "name=value", inside a synctest bubble.
func run(t *testing.T, set string, fn func(t *testing.T, b *bench)) {
	t.Helper()
	runWith(t, slsfake.Config{MaxLogSize: 1 << 20}, set, fn)
}

// runWith is run with an emulator of that configuration.
func runWith(t *testing.T, server slsfake.Config, set string, fn func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, server, set)
		defer b.sls.Close()
		fn(t, b)
		b.Stop(t.Context())
		b.client.Close()
		require.Zero(t, b.budget.Used(), "the whole budget is free again")
		left := b.scheduler.Snapshot()
		require.Zero(t, left.InFlight)
		require.Zero(t, left.Sending)
		require.Zero(t, left.Ready)
		require.Zero(t, left.Queues)
	})
}

func newBench(t *testing.T, emulator slsfake.Config, set string) *bench {
	t.Helper()
	given := option.Map{}
	for pair := range strings.FieldsSeq(set) {
		k, v, _ := strings.Cut(pair, "=")
		given[k] = v
	}
	var cfg Config
	require.NoError(t, option.Parse(given, cfg.Options()))
	cfg.Instance = "sls.0"
	server := slsfake.New(emulator)
	server.CreateLogstore("pro", "logs", 2)
	secret := cmp.Or(given["secret"], "testsecret")
	b := &bench{t: t, sls: server, log: &logLines{}, panicAt: map[int]bool{}}
	client, err := sls.New(sls.Config{
		Endpoint: "http://sls.test", Credentials: sdk.NewStaticCredentialsProvider("testkey", secret, ""),
		SignVersion: cmp.Or(given["sign_version"], "v1"), Region: "cn-test", MaxConns: cfg.Concurrency, Transport: &panicky{to: server.Transport(), at: b.panicAt},
	})
	require.NoError(t, err)
	var to route.Config
	for name, value := range map[string]string{"project": "pro", "logstore": "logs", "topic": "topic", "source": "source", "tags": "env=test"} {
		if given[name] == "" {
			given[name] = value
		}
	}
	require.NoError(t, option.Parse(given, to.Options()))
	router, err := route.New(to)
	require.NoError(t, err)
	b.Producer, err = New(cfg, router, client, slog.New(slog.NewTextHandler(b.log, nil)))
	require.NoError(t, err)
	b.client, b.router = client, router
	return b
}

// flush is one flush by the engine.
func (b *bench) flush(chunk []byte) Result { return b.Flush(b.t.Context(), "tag", chunk) }

// stored counts the stored logs by the value of their field "n".
func (b *bench) stored() map[string]int {
	n := map[string]int{}
	for _, l := range b.sls.Logs("pro", "logs") {
		n[l.Contents[0].Value]++
	}
	return n
}

// requireOnce asserts that exactly the records from..to-1 are stored, once each.
func (b *bench) requireOnce(from, to int) {
	b.t.Helper()
	want := map[string]int{}
	for i := from; i < to; i++ {
		want[fmt.Sprint(i)] = 1
	}
	require.Equal(b.t, want, b.stored())
}

// event is one event {"n": n, "pad": pad bytes}.
func event(n, pad int) []byte { return eventAt(time.Unix(1_700_000_000, int64(n)), n, pad) }

func eventAt(t time.Time, n, pad int) []byte { return eventNamed(t, fmt.Sprint(n), pad) }

func eventNamed(t time.Time, n string, pad int) []byte {
	head := []byte{0x92, 0x92, 0xd7, 0x00}
	head = binary.BigEndian.AppendUint32(head, uint32(t.Unix()))
	head = binary.BigEndian.AppendUint32(head, uint32(t.Nanosecond()))
	head = append(head, 0x80)
	record, err := msgpack.Marshal(struct {
		N   string `msgpack:"n"`
		Pad string `msgpack:"pad"`
	}{n, strings.Repeat("x", pad)})
	if err != nil {
		panic(err)
	}
	return append(head, record...)
}

// chunk is the events from..to-1, each with pad bytes.
func chunk(from, to, pad int) []byte {
	var b []byte
	for i := from; i < to; i++ {
		b = append(b, event(i, pad)...)
	}
	return b
}

// wait lets virtual time pass.
func wait(t *testing.T, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
