package consumer

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/lease"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// A server that breaks the protocol: nothing crashes, hangs, runs hot or fills the memory,
// and once the server is right again everything is read.

// groupsFrom answers a pull with the groups of a shard of one put each from number on,
// and any cursor.
func groupsFrom(r *rig, c *slsfake.Call, number int, cursor string) {
	var list []byte
	n := 0
	for g := range r.srv.Groups(testProject, testLogstore) {
		if n++; n > number {
			list = append(list, 0x0a)
			list = binary.AppendUvarint(list, uint64(len(g.Data)))
			list = append(list, g.Data...)
		}
	}
	c.Answer(http.StatusOK, pulled(cursor, n-number, len(list)), sls.Compress(sls.LZ4, nil, list))
}

func pulled(cursor string, groups, raw int) http.Header {
	return http.Header{
		"X-Log-Cursor": {cursor}, "X-Log-Count": {strconv.Itoa(groups)},
		"X-Log-Bodyrawsize": {strconv.Itoa(raw)}, "X-Log-Compresstype": {"lz4"},
	}
}

// An answer that leads back, or brings data and does not lead on, would be read for
// ever.
func TestCursorsThatDoNotLeadOn(t *testing.T) {
	for name, next := range map[string]func(c *slsfake.Call, begin int64) string{
		"back":           func(_ *slsfake.Call, begin int64) string { return slsfake.EncodeCursor(begin) },
		"far back":       func(*slsfake.Call, int64) string { return slsfake.EncodeCursor(0) },
		"the same":       func(c *slsfake.Call, _ int64) string { return c.Cursor },
		"none":           func(*slsfake.Call, int64) string { return "" },
		"words":          func(*slsfake.Call, int64) string { return "no cursor!" },
		"a kilobyte":     func(*slsfake.Call, int64) string { return strings.Repeat("QUJD", 256) },
		"a control byte": func(*slsfake.Call, int64) string { return "MTI=\x7f" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				begin := r.srv.Shards(testProject, testLogstore)[0].Begin
				r.put(0, 3)
				a := r.agent("a")
				collectFor(8, a)
				require.Equal(t, 1, r.committed(0))
				remove := r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) { groupsFrom(r, c, 0, next(c, begin)) })
				r.put(0, 3)
				before := a.Stats().Pulls
				collectFor(300, a)
				require.Less(t, a.Stats().Pulls-before, int64(40), "further and further apart")
				require.Equal(t, []int{1, 2, 3}, ids(a.got), "none of it is handed over")
				require.Equal(t, 1, r.committed(0))
				require.Zero(t, a.Stats().LeasesLost)
				require.Positive(t, a.log.count("cannot read shard"))
				remove()
				collectFor(40, a)
				require.Zero(t, requireAll(t, 6, a))
				require.Equal(t, 2, r.committed(0))
			})
		})
	}
}

// An answer that no heartbeat can have is none: the shards stay until the lease runs out,
// and are read on when the server is back.
func TestHeartbeatsThatCannotBe(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("7,", 100_000), ",")
	for name, body := range map[string]string{
		"negative": `[0,-1]`, "words": `["0"]`, "fractions": `[0.5]`, "an object": `{"0":1}`, "nothing": ``, "half": `[0,`,
		"too large": `[99999999999999999999]`, "a hundred thousand": "[" + many + "]", "deep": strings.Repeat("[", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(0, 1)
				a := r.agent("a")
				collectFor(8, a)
				remove := r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) { c.Answer(http.StatusOK, nil, []byte(body)) })
				calls := r.heartbeats()
				collectFor(45, a)
				require.Equal(t, []int{0}, a.held())
				collectFor(60, a)
				require.Empty(t, a.held(), "the lease has run out")
				require.Less(t, r.heartbeats()-calls, 40)
				remove()
				collectFor(30, a)
				r.put(0, 1)
				collectFor(30, a)
				requireAll(t, 2, a)
			})
		})
	}
}

// Shards that are given twice, or do not exist, disturb none of the others.
func TestHeartbeatOfOddShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		a := r.agent("a")
		collectFor(1, a)
		r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) { c.Answer(http.StatusOK, nil, []byte(`[1,0,0,777,1,2147483647,0]`)) })
		for range 5 {
			r.put(0, 1)
			r.put(1, 1)
			collectFor(5, a)
		}
		require.Zero(t, requireAll(t, 10, a), "no shard has two readers")
	})
}

// Of ten thousand shards, far more than there can be, a thousand are read at once.
func TestTenThousandShards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.put(0, 1)
		var list []string
		for i := range 10_000 {
			list = append(list, strconv.Itoa(i))
		}
		body := []byte("[" + strings.Join(list, ",") + "]")
		remove := r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) { c.Answer(http.StatusOK, nil, body) })
		hang := r.srv.Hook(slsfake.OpGetCursor, func(c *slsfake.Call) { c.Delay(time.Hour) })
		before := inUse()
		a := r.agent("a")
		advance(time.Second)
		grown := inUse() - before
		t.Logf("%d MiB", grown>>20)
		require.EqualValues(t, lease.MaxShards, a.Stats().ShardsHeld)
		require.Equal(t, 1, a.log.count("more shards are assigned than are read at once"))
		require.Less(t, grown, 400<<20, "with the emulator's half of each connection")
		remove()
		hang()
		collectFor(120, a)
		requireAll(t, 1, a)
		require.Equal(t, []int{0}, a.held())
	})
}

// The same holds without a group, and with the logstores of a pattern.
func TestTenThousandShardsOrLogstores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		var shards, names []string
		for i := range 10_000 {
			shards = append(shards, fmt.Sprintf(`{"shardID":%d}`, i))
			names = append(names, fmt.Sprintf(`"app-%d"`, i))
		}
		answer := func(op slsfake.Op, body string) {
			r.srv.Hook(op, func(c *slsfake.Call) { c.Answer(http.StatusOK, nil, []byte(body)) })
		}
		answer(slsfake.OpListShards, "["+strings.Join(shards, ",")+"]")
		answer(slsfake.OpListLogstores, `{"total":10000,"logstores":[`+strings.Join(names, ",")+"]}")
		r.srv.Hook(slsfake.OpGetCursor, func(c *slsfake.Call) { c.Delay(time.Hour) })
		a := r.agent("a", "consumer_group", "none")
		advance(time.Second)
		require.EqualValues(t, lease.MaxShards, a.Stats().ShardsHeld)
		require.NoError(t, a.Stop(t.Context()))
		b := r.agent("b", "logstore", "", "logstore_pattern", "app.*")
		advance(time.Second)
		require.Len(t, b.logstores.members, maxLogstores)
	})
}

// A group that says it times out in centuries is still sent heartbeats.
func TestAbsurdTimeoutOfTheGroup(t *testing.T) {
	for _, timeout := range []string{"9223372036854775807", "-9223372036854775808"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 1)
			r.srv.Hook(slsfake.OpListConsumerGroups, func(c *slsfake.Call) {
				c.Answer(http.StatusOK, nil, fmt.Appendf(nil, `[{"name":%q,"timeout":%s,"order":true}]`, testGroup, timeout))
			})
			w := r.client("other").Logstore(testProject, testLogstore)
			require.NoError(t, w.CreateConsumerGroup(t.Context(), sls.ConsumerGroup{Name: testGroup, Timeout: time.Hour, Order: true}))
			r.put(0, 1)
			a := r.agent("a")
			collectFor(10, a)
			requireAll(t, 1, a)
			n := r.heartbeats()
			advance(12 * time.Minute)
			require.GreaterOrEqual(t, r.heartbeats()-n, 3, timeout)
		})
	}
}

// Answers that are much larger than what was read before, or than the memory: they
// are asked for in parts, and what is held stays near memory_limit.
func TestAnswersThatAreTooMuch(t *testing.T) {
	for name, raw := range map[string]int{"60 MB": 60 << 20, "31 MB": 31 << 20} {
		t.Run(name, func(t *testing.T) {
			const shards, limit = 8, 20 << 20
			body := sls.Compress(sls.ZSTD, nil, make([]byte, raw))
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, shards)
				var peak, calls atomic.Int64
				remove := r.srv.Hook(slsfake.OpPullLogs, func(c *slsfake.Call) {
					if calls.Add(1)%4 == 0 {
						peak.Store(max(peak.Load(), int64(inUse())))
					}
					h := pulled(c.Cursor, 100, raw)
					h.Set("X-Log-Compresstype", "zstd")
					c.Answer(http.StatusOK, h, body)
				})
				before := inUse()
				a := r.agent("a", "memory_limit", "20M", "compress", "zstd")
				collectFor(8, a)
				grown := int(peak.Load()) - before
				t.Logf("%d pulls, %d MiB", calls.Load(), grown>>20)
				require.Less(t, grown, 3*limit+32<<20)
				require.Less(t, calls.Load(), int64(shards*20))
				remove()
				r.put(0, 1)
				collectFor(40, a)
				requireAll(t, 1, a)
			})
		})
	}
}

// A group of a few KB whose tags, repeated for each of its logs, are far more than the
// memory: it is handed over in parts, whole, and the checkpoint waits for all of it.
func TestTagsThatBecomeTooMuch(t *testing.T) {
	const logs, tag, limit = 4000, 16 << 10, 8 << 20
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		g := &sdk.LogGroup{LogTags: []*sdk.LogTag{{Key: proto.String("t"), Value: proto.String(strings.Repeat("x", tag))}}}
		for i := range logs {
			g.Logs = append(g.Logs, &sdk.Log{Time: proto.Uint32(1), Contents: []*sdk.LogContent{{Key: proto.String("id"), Value: proto.String(strconv.Itoa(i + 1))}}})
		}
		raw, err := proto.Marshal(g)
		require.NoError(t, err)
		body := sls.Body{Data: sls.Compress(sls.LZ4, nil, raw), RawSize: len(raw), Codec: sls.LZ4}
		before := inUse()
		a := r.agent("a", "memory_limit", "8M", "buffer_size", "2M", "include_meta", "on")
		require.NoError(t, r.writer.PutLogs(t.Context(), body, ""))
		r.seq = logs
		peak := 0
		for second := 0; len(a.got) < logs; second++ {
			require.Less(t, second, 120)
			advance(time.Second)
			peak = max(peak, inUse()-before)
			for _, rec := range a.collect() {
				require.Len(t, rec.Fields["__tag__:t"], tag)
				rec.Fields = nil
			}
			for i := range a.got {
				a.got[i].Fields = nil // not ours to hold
			}
			a.last = nil
			if len(a.got) < logs {
				require.LessOrEqual(t, r.committed(0), 0)
			}
		}
		t.Logf("%d MiB of %d MiB", peak>>20, logs*tag>>20)
		require.Less(t, peak, 3*limit)
		require.Zero(t, requireAll(t, logs, a))
		collectFor(10, a)
		require.Equal(t, 1, r.committed(0))
		r.put(0, 1)
		collectFor(5, a)
		require.Zero(t, requireAll(t, logs+1, a))
	})
}

// A consumer that stops or releases its shard in the middle of such a group has not
// read it: the next one begins with it.
func TestEndBetweenTheParts(t *testing.T) {
	for name, end := range map[string]func(r *rig, a *agent){
		"stopped": func(_ *rig, a *agent) { require.NoError(a.t, a.Stop(a.t.Context())) },
		"revoked": func(r *rig, a *agent) {
			r.srv.Hook(slsfake.OpHeartbeat, func(c *slsfake.Call) {
				if c.Consumer == "a" {
					c.Answer(http.StatusOK, nil, []byte("[]"))
				}
			})
			collectFor(40, a)
			require.Empty(a.t, a.held())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 1)
				r.put(0, 1)
				first := r.agent("a", "memory_limit", "1M", "buffer_size", "64k", "include_position", "on")
				collectFor(8, first)
				require.Equal(t, 1, r.committed(0))
				r.put(0, 20_000)
				collectFor(3, first)
				require.Greater(t, len(first.got), 1)
				end(r, first)
				require.Less(t, len(first.got), 15_000)
				require.Equal(t, 1, r.committed(0))
				second := r.agent("b")
				collectFor(100, second)
				requireAll(t, 20_001, first, second)
				require.Equal(t, 2, r.committed(0))
			})
		})
	}
}

func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what was in pools goes with the second
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

func (r *rig) heartbeats() int { return r.srv.Stats().Ops[slsfake.OpHeartbeat].Requests }
