package consumer

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// collectRaw returns the metadata and the record of each event as they are.
func (a *agent) collectRaw() (meta, records []map[string]any) {
	a.t.Helper()
	d := msgpack.NewDecoder(bytes.NewReader(a.Collect(nil)))
	for {
		if _, err := d.DecodeArrayLen(); err != nil {
			return meta, records
		}
		_, err := d.DecodeArrayLen()
		require.NoError(a.t, err)
		require.NoError(a.t, d.Skip())
		var m, r map[string]any
		require.NoError(a.t, d.Decode(&m))
		require.NoError(a.t, d.Decode(&r))
		meta, records = append(meta, m), append(records, r)
	}
}

// The cursor of a log is that of its group as stored, and its id is the same in any pull.
func TestPositionOfALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		for i := range 9 {
			r.put(i%2, 1+i%3)
		}
		want := map[string]string{}
		for _, l := range r.srv.Logs(testProject, testLogstore) {
			cursor := slsfake.EncodeCursor(l.Cursor)
			want[l.Contents[0].Value] = strconv.Itoa(l.Shard) + "|" + cursor + "|" + strconv.Itoa(l.Index)
		}
		for _, groups := range []string{"1", "2", "100"} {
			a := r.agent("a", "consumer_group", "none", "include_position", "on", "fetch_max_groups", groups)
			collectFor(5, a)
			require.Zero(t, requireAll(t, r.seq, a))
			for _, rec := range a.got {
				id := want[rec.Fields["id"]]
				part := strings.Split(id, "|")
				require.Equal(t, id, rec.Fields["__id__"])
				require.Equal(t, part[0], rec.Fields["__shard__"])
				require.Equal(t, part[1], rec.Fields["__cursor__"])
				require.Equal(t, testProject, rec.Fields["__project__"])
				require.Equal(t, testLogstore, rec.Fields["__logstore__"])
			}
		}
	})
}

// With a query the groups' own cursors are not known: the pull's stands for them.
func TestPositionWithAQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 2)
		r.put(0, 1)
		r.answerQueries()
		a := r.agent("a", "consumer_group", "none", "include_position", "on", "query", "* | where x", "processor", "p")
		collectFor(2, a)
		require.Zero(t, requireAll(t, 3, a))
		begin := slsfake.EncodeCursor(r.srv.Shards(testProject, testLogstore)[0].Begin)
		for i, rec := range a.got {
			require.Equal(t, "0|"+begin+"|"+strconv.Itoa(i), rec.Fields["__id__"])
		}
	})
}

// answerQueries answers pulls with a query, which the emulator refuses: it finds
// everything.
func (r *rig) answerQueries() {
	r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
		from, err := slsfake.DecodeCursor(c.Cursor)
		require.NoError(r.t, err)
		var list []byte
		n, last := 0, from-1
		for g := range r.srv.Groups(testProject, testLogstore) {
			if g.Shard == c.Shard && g.Cursor >= from {
				list = appendGroup(list, g.Data)
				n, last = n+1, g.Cursor
			}
		}
		h := http.Header{}
		h.Set("X-Log-Cursor", slsfake.EncodeCursor(last+1))
		h.Set("X-Log-Count", strconv.Itoa(n))
		h.Set("X-Log-Bodyrawsize", strconv.Itoa(len(list)))
		if n > 0 {
			h.Set("X-Log-Read-Last-Cursor", strconv.FormatInt(last, 10))
			h.Set("X-Log-Compresstype", "lz4")
		}
		c.Answer(http.StatusOK, h, compressed(list))
	})
}

// A shard is behind by what there is to scan: a query that finds nothing does not
// slow the reading down.
func TestPaceOfAQuery(t *testing.T) {
	for name, headers := range map[string]map[string]string{
		"scanned":     {"X-Log-Rawdatacount": "100"},
		"scannedSize": {"X-Log-Rawdatasize": "5000000"},
		"caughtUp":    {"X-Log-Rawdatacount": "0", "X-Log-Rawdatasize": "0"},
		"notSaid":     {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				var mu sync.Mutex
				pulls, begin := 0, r.srv.Shards(testProject, testLogstore)[0].Begin
				r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
					mu.Lock()
					defer mu.Unlock()
					pulls++
					h := http.Header{"X-Log-Count": {"0"}, "X-Log-Bodyrawsize": {"0"}}
					next := begin
					if name != "caughtUp" {
						next = begin + int64(pulls)
					}
					h.Set("X-Log-Cursor", slsfake.EncodeCursor(next))
					for k, v := range headers {
						h.Set(k, v)
					}
					c.Delay(10 * time.Millisecond)
					c.Answer(http.StatusOK, h, nil)
				})
				a := r.agent("a", "consumer_group", "none", "query", "x", "fetch_max_groups", "16")
				collectFor(10, a)
				mu.Lock()
				defer mu.Unlock()
				want := map[string]int{"scanned": 1000, "scannedSize": 1000, "caughtUp": 22, "notSaid": 91}[name]
				require.InDelta(t, want, pulls, float64(want)/10)
			})
		})
	}
}

func TestFormats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		a := r.agent("raw", "consumer_group", "none", "format", "raw", "include_meta", "on", "meta_in", "metadata")
		advance(time.Second)
		meta, records := a.collectRaw()
		key := r.srv.Shards(testProject, testLogstore)[0].BeginKey
		require.Equal(t, []map[string]any{{"log": `{"id":"1","key":"` + key + `","pad":""}`}}, records)
		require.Equal(t, "orders", meta[0]["__topic__"])

		a = r.agent("json", "consumer_group", "none", "format", "json", "json_keys", "id, pad")
		advance(time.Second)
		_, records = a.collectRaw()
		require.Equal(t, []map[string]any{{"id": int8(1), "key": key, "pad": ""}}, records)
	})
}

// No more pulls at once than max_concurrent_fetches, and every shard has its turn.
func TestMaxConcurrentFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 8)
		for shard := range 8 {
			r.put(shard, 1)
		}
		var mu sync.Mutex
		var starts []time.Time
		r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
			mu.Lock()
			defer mu.Unlock()
			starts = append(starts, time.Now())
			c.Delay(time.Second)
		})
		a := r.agent("a", "max_concurrent_fetches", "2")
		collectFor(20, a)
		require.Zero(t, requireAll(t, 8, a))
		mu.Lock()
		defer mu.Unlock()
		for i, at := range starts {
			n := 0
			for _, other := range starts[:i+1] {
				if at.Sub(other) < time.Second {
					n++
				}
			}
			require.LessOrEqual(t, n, 2)
		}
	})
}

// appendGroup appends a group to a LogGroupList.
func appendGroup(list, group []byte) []byte {
	n := len(group)
	list = append(list, 0x0a)
	for ; n >= 0x80; n >>= 7 {
		list = append(list, byte(n)|0x80)
	}
	return append(append(list, byte(n)), group...)
}

func compressed(b []byte) []byte { return sls.Compress(sls.LZ4, nil, b) }

func TestJSONKeysNeedTheirFormat(t *testing.T) {
	cfg := testConfig(t, "a", "json_keys", "x")
	require.ErrorContains(t, cfg.Validate(), "option json_keys")
}
