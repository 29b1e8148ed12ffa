package sls

import (
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

func newFake(t *testing.T) *slsfake.Server {
	t.Helper()
	fake := slsfake.New(slsfake.Config{AccessKeyID: testKey, AccessKeySecret: testSecret, Region: testRegion})
	t.Cleanup(fake.Close)
	fake.CreateLogstore("proj", "store", 2)
	return fake
}

func fakeClient(t *testing.T, fake *slsfake.Server, version string) *Client {
	return newClient(t, "http://sls.test", func(cfg *Config) {
		cfg.Transport, cfg.SignVersion, cfg.Region = fake.Transport(), version, testRegion
	})
}

func encodeGroup(t *testing.T, value string) []byte {
	t.Helper()
	b, err := proto.Marshal(&sdk.LogGroup{
		Topic:  proto.String("topic"),
		Source: proto.String("source"),
		Logs: []*sdk.Log{{
			Time:     proto.Uint32(uint32(time.Now().Unix())),
			Contents: []*sdk.LogContent{{Key: proto.String("k"), Value: proto.String(value)}},
		}},
	})
	require.NoError(t, err)
	return b
}

// The whole way through the emulator: write by both routes in all codecs, find
// it again from both ends, in both codecs, with both signatures.
func TestWriteAndReadBack(t *testing.T) {
	for _, version := range []string{SignV1, SignV4} {
		t.Run(version, func(t *testing.T) {
			fake := newFake(t)
			l := fakeClient(t, fake, version).Logstore("proj", "store")
			start := time.Now().Add(-time.Second)
			for i, codec := range []Codec{LZ4, ZSTD, None} {
				raw := encodeGroup(t, "value "+strconv.Itoa(i))
				b := Body{Data: Compress(codec, nil, raw), RawSize: len(raw), Codec: codec}
				require.NoError(t, l.PutLogs(t.Context(), b, strings.Repeat("f", 32)))
				require.NoError(t, l.PutLogs(t.Context(), b, ""))
			}
			require.Equal(t, 6, fake.LogCount("proj", "store"))

			shards, err := l.ListShards(t.Context())
			require.NoError(t, err)
			require.Len(t, shards, 2)
			require.Equal(t, strings.Repeat("f", 32), shards[1].EndKey)
			found := 0
			for _, shard := range shards {
				end, err := l.GetCursor(t.Context(), shard.ID, "end")
				require.NoError(t, err)
				at, err := l.GetCursor(t.Context(), shard.ID, strconv.FormatInt(start.Unix(), 10))
				require.NoError(t, err)
				begin, err := l.GetCursor(t.Context(), shard.ID, "begin")
				require.NoError(t, err)
				require.Equal(t, begin, at)
				for cursor := begin; cursor != end; {
					codec := []Codec{LZ4, ZSTD}[found%2]
					res, err := l.PullLogs(t.Context(), Pull{Shard: shard.ID, Cursor: cursor, EndCursor: end, Count: 1, Codec: codec})
					require.NoError(t, err)
					require.Equal(t, 1, res.Groups)
					var list sdk.LogGroupList
					require.NoError(t, proto.Unmarshal(res.Data, &list))
					require.Len(t, list.LogGroups, 1)
					n, err := DecodeCursor(cursor)
					require.NoError(t, err)
					require.Equal(t, n, res.LastCursor)
					received, err := l.GetCursorTime(t.Context(), shard.ID, cursor)
					require.NoError(t, err)
					require.WithinDuration(t, time.Now(), received, time.Minute)
					cursor = res.NextCursor
					found++
				}
				res, err := l.PullLogs(t.Context(), Pull{Shard: shard.ID, Cursor: end})
				require.NoError(t, err)
				require.Empty(t, res.Data)
				require.Equal(t, end, res.NextCursor)
			}
			require.Equal(t, 6, found)
		})
	}
}

func TestLogstoresOnTheFake(t *testing.T) {
	fake := newFake(t)
	c := fakeClient(t, fake, SignV4)
	_, err := c.Logstore("proj", "none").ListShards(t.Context())
	require.True(t, IsCode(err, "LogStoreNotExist"))
	require.Equal(t, ClassConfiguration, ClassOf(err))
	_, err = c.Logstore("other", "none").ListShards(t.Context())
	require.True(t, IsCode(err, "ProjectNotExist"))
	require.Equal(t, 404, asError(err).Status)
	for i := range 700 {
		fake.CreateLogstore("proj", "many-"+strconv.Itoa(i), 1)
	}
	names, err := c.ListLogstores(t.Context(), "proj")
	require.NoError(t, err)
	require.Len(t, names, 701)
}

func TestConsumerGroupOnTheFake(t *testing.T) {
	fake := newFake(t)
	l := fakeClient(t, fake, SignV1).Logstore("proj", "store")
	group := ConsumerGroup{Name: "group-one", Timeout: time.Minute, Order: true}
	require.NoError(t, l.CreateConsumerGroup(t.Context(), group))
	require.Equal(t, ClassConflict, ClassOf(l.CreateConsumerGroup(t.Context(), group)))
	groups, err := l.ListConsumerGroups(t.Context())
	require.NoError(t, err)
	require.Equal(t, []ConsumerGroup{group}, groups)

	m := Member{"group-one", "consumer-one"}
	held, err := l.Heartbeat(t.Context(), m, nil)
	require.NoError(t, err)
	require.ElementsMatch(t, []int{0, 1}, held)
	cursor, err := l.GetCursor(t.Context(), 1, "end")
	require.NoError(t, err)
	require.NoError(t, l.UpdateCheckpoint(t.Context(), m, 1, cursor))
	err = l.UpdateCheckpoint(t.Context(), Member{"group-one", "another"}, 1, cursor)
	require.Equal(t, ClassLeaseLost, ClassOf(err), "%v", err)
	points, err := l.Checkpoints(t.Context(), "group-one")
	require.NoError(t, err)
	for _, p := range points {
		if p.Shard == 1 {
			require.Equal(t, cursor, p.Cursor)
			require.Equal(t, m.Consumer, p.Consumer)
			require.WithinDuration(t, time.Now(), p.UpdateTime, time.Minute)
		}
	}
	fake.ExpireConsumer("proj", "store", "group-one", m.Consumer)
	_, err = l.Heartbeat(t.Context(), m, held)
	require.Equal(t, ClassLeaseLost, ClassOf(err), "%v", err)
	_, err = l.Checkpoints(t.Context(), "group-two")
	require.Equal(t, ClassConfiguration, ClassOf(err), "%v", err)
}

func TestFailuresOnTheFake(t *testing.T) {
	fake := newFake(t)
	l := fakeClient(t, fake, SignV4).Logstore("proj", "store")
	raw := encodeGroup(t, "v")
	write := func(b Body) *Error { return requireError(t, l.PutLogs(t.Context(), b, "")) }
	good := Body{Data: raw, RawSize: len(raw), Codec: None}

	require.Equal(t, ClassSplit, write(Body{Data: []byte("\xff\xff"), RawSize: 2, Codec: None}).Class)
	for _, tc := range []struct {
		hook      func(*slsfake.Call)
		class     Class
		ambiguous bool
		stored    int
	}{
		{func(c *slsfake.Call) { c.CloseBefore() }, ClassRetry, true, 0}, // cannot be told from the next
		{func(c *slsfake.Call) { c.CloseAfter() }, ClassRetry, true, 1},
		{func(c *slsfake.Call) { c.FailHTML(502) }, ClassRetry, true, 0},
		{func(c *slsfake.Call) { c.Fail(500, "InternalServerError", "x") }, ClassRetry, false, 0},
		{func(c *slsfake.Call) { c.Fail(403, "ShardWriteQuotaExceed", "x") }, ClassThrottle, false, 0},
	} {
		before := fake.LogCount("proj", "store")
		remove := fake.Hook(slsfake.OpPutLogs, tc.hook)
		e := write(good)
		remove()
		require.Equal(t, tc.class, e.Class)
		require.Equal(t, tc.ambiguous, e.Ambiguous)
		require.Equal(t, tc.stored, fake.LogCount("proj", "store")-before)
	}

	fake.SetClockOffset(-5 * time.Hour)
	require.NoError(t, l.PutLogs(t.Context(), good, ""))
	require.InDelta(t, (-5 * time.Hour).Seconds(), l.client.ClockOffset().Seconds(), 5)

	fake.RemoveKey(testKey)
	e := write(good)
	require.Equal(t, ClassCredentials, e.Class)
	require.Equal(t, 401, e.Status)
	require.NotEmpty(t, e.RequestID)
	require.Contains(t, e.Mend, "access_key_id")
}
