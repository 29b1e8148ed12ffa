package e2e

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/tests/demo"
	"fluent-bit-sls/tests/flbhost"
)

// A file goes out through out_sls and comes back through in_sls: every line once,
// and with the timestamp that the input plugin of the shipping side gave it.
func TestFileRoundTrip(t *testing.T) {
	const lines = 20_000
	for _, host := range hosts {
		t.Run(host.Name(), func(t *testing.T) {
			c := newCloud(t, 3)
			file, want := accessLog(t, lines)

			out, err := host.Ship(t.Context(), file, c.props("topic", "access"))
			require.NoError(t, err)
			defer func() { _ = out.Kill() }()
			c.awaitStored(t, lines)
			stop(t, out.Stop)

			got := newSink(lines)
			in, err := host.Consume(t.Context(), c.props("consumer_group", "readers"), got.take)
			require.NoError(t, err)
			defer func() { _ = in.Kill() }()
			got.wait(t)
			stop(t, in.Stop)

			type key struct {
				line string
				time int64
			}
			sent := map[key]int{}
			for _, l := range c.Logs(project, logstore) {
				require.Equal(t, "log", l.Contents[0].Key)
				sent[key{l.Contents[0].Value, int64(l.Time)*1e9 + int64(*l.TimeNs)}]++
			}
			back, texts := map[key]int{}, []string{}
			for _, e := range got.events {
				line, _ := e.Record["log"].(string)
				texts = append(texts, line)
				back[key{line, e.Time.UnixNano()}]++
			}
			slices.Sort(texts)
			require.True(t, slices.Equal(want, texts), "lines differ: %d sent, %d back", len(want), len(texts))
			require.True(t, maps.Equal(sent, back), "lines or timestamps differ from what SLS stores")
			require.Empty(t, grep(out.Log()+in.Log(), "[error]"), "errors in the log")
		})
	}
}

// accessLog writes a generated file and returns its lines, sorted.
func accessLog(t *testing.T, lines int) (file string, want []string) {
	file = filepath.Join(t.TempDir(), "access.log")
	f, err := os.Create(file)
	require.NoError(t, err)
	_, err = demo.WriteAccessLog(f, lines, 7)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	f, err = os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	for scan := bufio.NewScanner(f); scan.Scan(); {
		want = append(want, scan.Text())
	}
	slices.Sort(want)
	return file, want
}

// Under flbhost both ends are visible as bytes: events of text fields come back
// exactly as they went out, timestamps to the nanosecond.
func TestEventsRoundTripByteForByte(t *testing.T) {
	const events = 10_000
	c := newCloud(t, 4)
	seed := rand.Uint64()
	t.Log("seed", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var want []string
	var chunks [][]byte
	for len(want) < events {
		var chunk []byte
		for range 1 + rnd.IntN(2000) {
			e := randomEvent(t, rnd, len(want))
			want = append(want, string(e))
			chunk = append(chunk, e...)
		}
		chunks = append(chunks, chunk)
	}
	slices.Sort(want)

	h, i, log := start(t, raced.Out, c.props("batch_bytes", "64k"))
	shipper := flbhost.NewShipper(i, flbhost.ShipperConfig{Concurrency: workers})
	for _, chunk := range chunks {
		require.NoError(t, shipper.Ship(t.Context(), "app.events", chunk))
	}
	require.NoError(t, shipper.Wait(t.Context()))
	require.Equal(t, len(chunks), shipper.Stats().OK, log)
	require.Less(t, i.StackUsed(), 48<<10, "a flush fits into the stack of the engine's coroutines")
	stop(t, h.Exit)

	got := newSink(len(want))
	in, err := hosts[0].Consume(t.Context(), c.props("include_meta", "off"), got.take)
	require.NoError(t, err)
	defer func() { _ = in.Kill() }()
	got.wait(t)
	stop(t, in.Stop)
	back := make([]string, len(got.events))
	for n, e := range got.events {
		back[n] = string(e.Raw)
	}
	slices.Sort(back)
	require.True(t, slices.Equal(want, back), "events differ: %d sent, %d back", len(want), len(back))
}

// randomEvent is an event of text fields; seq makes it unique.
func randomEvent(t *testing.T, rnd *rand.Rand, seq int) []byte {
	b := []byte{0x92, 0x92, 0xd7, 0x00}
	b = binary.BigEndian.AppendUint32(b, uint32(time.Now().Unix()-rnd.Int64N(86400)))
	b = binary.BigEndian.AppendUint32(b, rnd.Uint32N(1e9))
	b = append(b, 0x80)
	fields := 1 + rnd.IntN(20)
	if fields < 16 {
		b = append(b, 0x80|byte(fields))
	} else {
		b = append(b, 0xde, 0, byte(fields))
	}
	for f := range fields {
		key := fmt.Sprintf("field_%d", f)
		value := fmt.Sprintf("seq=%d ", seq) + strings.Repeat([]string{"a", "ä", "日", "\"\\\n", "\x00"}[rnd.IntN(5)], rnd.IntN(100))
		for _, s := range []string{key, value} {
			packed, err := msgpack.Marshal(s)
			require.NoError(t, err)
			b = append(b, packed...)
		}
	}
	return b
}
