package slsfake

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	lowKey  = "00000000000000000000000000000001" // of shard 0
	highKey = "8000000000000000000000000000000f" // of shard 1
)

func sequenceReq(key, seqid, name string) req {
	return putReq("/logstores/store/shards/route?key="+key+"&seqid="+seqid, logGroup(name), "lz4")
}

func values(s *Server) []string {
	var out []string
	for l := range s.EachLog("proj", "store") {
		out = append(out, l.Contents[0].Value)
	}
	return out
}

// What the public page says: per key, a number above the last is accepted, any other is
// refused and stores nothing. Bytes do not count.
func TestSequenceNumbers(t *testing.T) {
	s, c := newServer(t, Config{})
	for i, tc := range []struct {
		key, seqid string
		refusedAt  uint64 // the last number, if it is refused
	}{
		{lowKey, "1", 0},
		{lowKey, "1", 1},
		{highKey, "1", 0}, // another key
		{lowKey, "7", 0},  // gaps are allowed
		{lowKey, "2", 7},
		{strings.ToUpper(highKey), "1", 1},
		{highKey, "18446744073709551615", 0},
		{highKey, "18446744073709551615", 18446744073709551615},
	} {
		before := len(s.RefusedSequences("proj", "store"))
		name := fmt.Sprint("write ", i)
		res := c.do(sequenceReq(tc.key, tc.seqid, name))
		refused := s.RefusedSequences("proj", "store")
		if tc.refusedAt == 0 {
			require.Equal(t, 200, res.status, "%d: %s", i, res.body)
			require.Contains(t, values(s), name)
			require.Len(t, refused, before)
			continue
		}
		require.Equal(t, 400, res.status)
		require.Equal(t, "InvalidSequenceId", res.code)
		require.Contains(t, string(res.body), fmt.Sprintf("the sequence id %s is invalid, the current one of key %s is %d",
			tc.seqid, strings.ToLower(tc.key), tc.refusedAt))
		require.NotContains(t, values(s), name)
		require.Len(t, refused, before+1)
		r := refused[before]
		require.Equal(t, []any{res.header.Get("X-Log-Requestid"), "testkey", strings.ToLower(tc.key), tc.seqid, tc.refusedAt, 1},
			[]any{r.RequestID, r.AccessKeyID, r.HashKey, fmt.Sprint(r.SequenceID), r.Last, r.LogCount})
		for l := range r.EachLog {
			require.Equal(t, name, l.Contents[0].Value)
		}
	}
	require.Equal(t, []Sequence{{0, lowKey, 7}, {1, highKey, 18446744073709551615}}, s.Sequences("proj", "store"))
	var numbers []uint64
	for g := range s.Groups("proj", "store") {
		numbers = append(numbers, g.SequenceID)
	}
	require.Equal(t, []uint64{1, 7, 1, 18446744073709551615}, numbers)
	require.Nil(t, s.Sequences("proj", "none"))
	require.Nil(t, s.RefusedSequences("proj", "none"))
}

func TestSequenceNumberSyntax(t *testing.T) {
	s, c := newServer(t, Config{})
	for _, seqid := range []string{"", "0", "01", "-1", "%2B1", "1.0", "0x1", "1%20", "18446744073709551616", "one"} {
		require.Equal(t, "ParameterInvalid", c.do(sequenceReq(lowKey, seqid, "x")).code, seqid)
	}
	for _, key := range []string{"", "abc", lowKey + "0", strings.Repeat("g", 32)} {
		require.Equal(t, "ParameterInvalid", c.do(sequenceReq(key, "1", "x")).code, key)
	}
	require.Equal(t, "ParameterInvalid", c.do(sequenceReq(lowKey, "1&seqid=2", "x")).code)
	header := putReq("/logstores/store?seqid=1", logGroup("x"), "lz4") // the older interface has no numbers
	header.headers["x-log-hashkey"] = lowKey
	require.Equal(t, "NotSupported", c.do(header).code)
	require.Zero(t, s.LogCount("proj", "store"))
	require.Empty(t, s.Sequences("proj", "store"))
}

// A number counts when its write is accepted, not when it is refused for anything else.
func TestRefusedWriteKeepsItsNumber(t *testing.T) {
	s, c := newServer(t, Config{Quota: Quota{WriteBytes: 1}})
	bad := sequenceReq(lowKey, "1", "x")
	bad.body = []byte("no group")
	require.Equal(t, 400, c.do(bad).status)
	require.Equal(t, 200, c.do(sequenceReq(lowKey, "1", "a")).status)
	require.Equal(t, "ShardWriteQuotaExceed", c.do(sequenceReq(lowKey, "2", "b")).code)
	require.Equal(t, []Sequence{{0, lowKey, 1}}, s.Sequences("proj", "store"))
	require.Equal(t, "InvalidSequenceId", c.do(sequenceReq(lowKey, "1", "a")).code, "whatever the quota")
}

// A shard forgets the key written longest ago: its numbers are then accepted once more.
func TestSequencesAreReplaced(t *testing.T) {
	require.Equal(t, 10_000, New(Config{}).cfg.MaxSequences)
	s, c := newServer(t, Config{MaxSequences: 3})
	key := func(i int) string { return fmt.Sprintf("%032d", i) }
	write := func(i int, seqid string) string { return c.do(sequenceReq(key(i), seqid, "x")).code }
	for i := range 3 {
		require.Empty(t, write(i, "1"))
	}
	require.Empty(t, write(0, "2")) // now 1 is the oldest
	require.Empty(t, write(3, "1"))
	require.Equal(t, []Sequence{{0, key(2), 1}, {0, key(0), 2}, {0, key(3), 1}}, s.Sequences("proj", "store"))
	require.Equal(t, "InvalidSequenceId", write(2, "1"))
	require.Empty(t, write(1, "1"))
	require.Empty(t, write(2, "1"), "a refusal does not keep a key from being forgotten")
	require.Empty(t, c.do(sequenceReq(highKey, "1", "x")).code)
	require.Len(t, s.Sequences("proj", "store"), 4, "each shard has room of its own")
}

func TestSequencesFollowSplitAndMerge(t *testing.T) {
	s, c := newServer(t, Config{MaxSequences: 3})
	keys := []string{lowKey, "30000000000000000000000000000000", "60000000000000000000000000000000", highKey}
	for i, key := range keys {
		require.Equal(t, 200, c.do(sequenceReq(key, fmt.Sprint(i+1), key)).status)
	}
	require.NoError(t, s.SplitShard("proj", "store", 0, "")) // 2 and 3
	of := func(shard int) []string {
		var out []string
		for _, q := range s.Sequences("proj", "store") {
			if q.Shard == shard {
				out = append(out, q.HashKey)
			}
		}
		return out
	}
	require.Equal(t, keys[:2], of(2))
	require.Equal(t, keys[2:3], of(3))
	for i, key := range keys {
		require.Equal(t, "InvalidSequenceId", c.do(sequenceReq(key, fmt.Sprint(i+1), key)).code)
	}
	require.Equal(t, 200, c.do(sequenceReq(keys[0], "9", "x")).status) // by now the newest
	require.NoError(t, s.MergeShards("proj", "store", 2))              // 4: of four keys the newest three
	require.Equal(t, []string{keys[1], keys[2], keys[0]}, of(4))
	require.NoError(t, s.MergeShards("proj", "store", 4)) // 5
	require.Equal(t, []string{keys[2], highKey, keys[0]}, of(5))
	require.Equal(t, "InvalidSequenceId", c.do(sequenceReq(keys[2], "3", "x")).code)
	require.Equal(t, 200, c.do(sequenceReq(keys[1], "2", "again")).status, "one too many for one shard")

	s.SetSequencesFollow(false)
	require.NoError(t, s.SplitShard("proj", "store", 5, ""))
	require.Empty(t, of(6))
	require.Empty(t, of(7))
	require.Equal(t, 200, c.do(sequenceReq(keys[2], "3", "again")).status)
	s.SetSequencesFollow(true)
	require.NoError(t, s.SplitShard("proj", "store", 6, ""))
	require.Equal(t, "InvalidSequenceId", c.do(sequenceReq(keys[2], "3", "x")).code)
}

// The four ends of a write whose answer is not clear, and what the same number does then.
func TestAmbiguousSequences(t *testing.T) {
	for name, tc := range map[string]struct {
		hook                  func(*Call)
		stored, second, after int
	}{
		"500 after storing":                    {func(c *Call) { c.FailAfter(500, "InternalServerError", "lost") }, 1, 400, 1},
		"a page of HTML after storing":         {func(c *Call) { c.AnswerAfter(502, nil, []byte("<html>")) }, 1, 400, 1},
		"reset after storing":                  {func(c *Call) { c.CloseAfter() }, 1, 400, 1},
		"500, nothing done":                    {func(c *Call) { c.Fail(500, "InternalServerError", "") }, 0, 200, 1},
		"500, number recorded, nothing stored": {func(c *Call) { c.Fail(500, "InternalServerError", ""); c.RecordSequence() }, 0, 400, 0},
		"recording alone is no answer":         {func(c *Call) { c.RecordSequence() }, 1, 400, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, c := newServer(t, Config{})
			var numbers []string
			s.Hook(OpPutLogs, func(c *Call) { numbers = append(numbers, c.SequenceID) })
			s.Hook(OpPutLogs, First(1, tc.hook))
			_, _ = c.try(sequenceReq(lowKey, "5", "x"))
			require.Equal(t, tc.stored, s.LogCount("proj", "store"))
			require.Equal(t, tc.second, c.do(sequenceReq(lowKey, "5", "x")).status)
			require.Equal(t, tc.after, s.LogCount("proj", "store"))
			require.Equal(t, []string{"5", "5"}, numbers)
		})
	}
}

// RecordSequence does not take a number back, and knows nothing of calls without one.
func TestRecordSequenceOfOtherCalls(t *testing.T) {
	s, c := newServer(t, Config{})
	require.Equal(t, 200, c.do(sequenceReq(lowKey, "5", "x")).status)
	s.Hook("", func(c *Call) { c.Fail(500, "InternalServerError", ""); c.RecordSequence() })
	c.do(sequenceReq(lowKey, "4", "x"))
	c.do(sequenceReq(lowKey, "x", "x"))
	c.do(putReq("/logstores/none/shards/route?key="+lowKey+"&seqid=1", logGroup("x"), ""))
	c.get("/logstores", nil)
	require.Equal(t, []Sequence{{0, lowKey, 5}}, s.Sequences("proj", "store"))
	require.True(t, slices.Equal([]string{"x"}, values(s)))
}
