package source

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/demo"
	"fluent-bit-sls/tests/slsfake"
)

// appendInput appends record n as an input hands it over; spoil may change its
// pairs.
func (w *Written) appendInput(dst []byte, n uint32, spoil func(pairs [][2]string)) []byte {
	at, _ := w.find(n, 0)
	g := w.groups[at]
	var pairs [][2]string
	for _, p := range w.contents(g, n-g.first) {
		pairs = append(pairs, [2]string{p.Key, p.Value})
	}
	id := strconv.Itoa(g.shard) + "|" + slsfake.EncodeCursor(g.number) + "|" + strconv.Itoa(int(n-g.first))
	pairs = append(pairs, [2]string{"__shard__", strconv.Itoa(g.shard)}, [2]string{"__id__", id})
	spoil(pairs)
	form := record.Form{}
	return form.Append(dst, uint32(firstSecond+g.Key), n, func(dst []byte) []byte {
		dst = record.AppendMapHead(dst, len(pairs))
		for _, p := range pairs {
			dst = demo.AppendString(demo.AppendString(dst, p[0]), p[1])
		}
		return dst
	})
}

func asItIs([][2]string) {}

func TestReadInput(t *testing.T) {
	server := slsfake.New(slsfake.Config{})
	t.Cleanup(server.Close)
	server.CreateLogstore(plan.Project, Logstore, 1)
	low, high := 0, 0
	for key := range KeyCount {
		if HashKey(key) < "8" {
			low = key
		} else {
			high = key
		}
	}
	w := NewWritten(1)
	require.NoError(t, w.Write(server, low, 10))
	require.NoError(t, server.SplitShard(plan.Project, Logstore, 0, ""))
	for _, key := range []int{low, low, high} {
		require.NoError(t, w.Write(server, key, 10))
	}
	var buf []byte
	for _, n := range []uint32{3, 4, 30, 10, 11, 31} {
		buf = w.appendInput(buf, n, asItIs)
	}
	spans, n, err := w.Read(buf)
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.Equal(t, []Span{{0, 3, 5}, {2, 0, 1}, {1, 0, 2}, {2, 1, 2}}, spans)
	for name, spoil := range map[string]func(pairs [][2]string){
		"another id": func(p [][2]string) { p[0][1] = "0.9999" },
		"torn":       func(p [][2]string) { p[2][1] = "17" },
		"renamed":    func(p [][2]string) { p[1][0] = "bad" },
		"misplaced":  func(p [][2]string) { p[4][1] = "1|MTIz|0" },
		"no place":   func(p [][2]string) { p[4][0] = "__cursor__" },
		"twice":      func(p [][2]string) { p[1] = p[0] },
	} {
		_, _, err := w.Read(w.appendInput(nil, 5, spoil))
		require.Error(t, err, name)
	}
	_, _, err = w.Read(record.Form{}.Append(nil, firstSecond, 40, nil))
	require.ErrorContains(t, err, "never written")
}

func FuzzReadInput(f *testing.F) {
	server := slsfake.New(slsfake.Config{})
	f.Cleanup(server.Close)
	server.CreateLogstore(plan.Project, Logstore, 2)
	w := NewWritten(1)
	require.NoError(f, w.Write(server, 1, 20))
	f.Add(w.appendInput(w.appendInput(nil, 0, asItIs), 1, asItIs))
	f.Add([]byte{0x92, 0x92, 0xd7, 0})
	f.Fuzz(func(t *testing.T, buf []byte) {
		spans, n, err := w.Read(buf)
		if err != nil {
			return
		}
		for _, s := range spans {
			n -= int(s.To - s.From)
		}
		require.Zero(t, n)
	})
}
