package rig

import (
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"

	"fluent-bit-sls/shared/sls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChunksAreWhatTheBarsAreFor(t *testing.T) {
	sets := Sets(t, 100_000)
	require.Len(t, sets, 3)
	for _, set := range sets {
		require.InDelta(t, 100_000, len(set.Bytes), 1000)
		require.Equal(t, set, MakeChunk(t, set.Name, 100_000), "the same every time")
	}
	require.InDelta(t, 460, len(sets[0].Bytes)/sets[0].Records, 20, "bytes of an access-log record")
	var event [2]msgpack.RawMessage
	require.NoError(t, msgpack.Unmarshal(sets[0].Bytes, &event))
	var fields map[string]string
	require.NoError(t, msgpack.Unmarshal(event[1], &fields))
	require.Len(t, fields, 8)
}

func TestGroupsHoldEveryRecord(t *testing.T) {
	for _, set := range Sets(t, 400_000) {
		list, err := GroupList(set)
		require.NoError(t, err)
		got, err := sdk.LogsBytesDecode(list)
		require.NoError(t, err)
		n := 0
		for _, g := range got.LogGroups {
			require.LessOrEqual(t, len(g.Logs), LogsPerGroup)
			n += len(g.Logs)
		}
		require.Equal(t, set.Records, n, set.Name)
	}
}

func TestLabCountsDelaysAndFills(t *testing.T) {
	lab := Open(t)
	client, err := sls.New(sls.Config{
		Endpoint: lab.Endpoint, Credentials: sdk.NewStaticCredentialsProvider(KeyID, KeySecret, ""),
	})
	require.NoError(t, err)
	defer client.Close()
	groups, err := Groups(MakeChunk(t, "short", 1000))
	require.NoError(t, err)
	before := lab.Counts()
	lab.Delay(30 * time.Millisecond)
	begin := time.Now()
	body := sls.Body{Data: groups[0], RawSize: len(groups[0]), Codec: sls.None}
	require.NoError(t, client.Logstore(Project, Written).PutLogs(t.Context(), body, ""))
	require.GreaterOrEqual(t, time.Since(begin), 30*time.Millisecond)
	lab.Delay(0)
	lab.Delivered(before, MakeChunk(t, "short", 1000).Records)

	filled := lab.Fill(Fill{Logstore: "full", Set: "access", Shards: 2, Copies: 1})
	require.EqualValues(t, 2*MakeChunk(t, "access", ChunkSize).Records, filled.Records)
	shards, err := client.Logstore(Project, "full").ListShards(t.Context())
	require.NoError(t, err)
	require.Len(t, shards, 2)
}

func TestRSSIsRead(t *testing.T) {
	n, err := parseRSS([]byte("Name:\tx\nVmPeak:\t  9 kB\nVmRSS:\t    1234 kB\n"))
	require.NoError(t, err)
	require.EqualValues(t, 1234<<10, n)
	_, err = parseRSS([]byte("Name:\tx\n"))
	require.Error(t, err)
	stop := WatchRSS()
	peak, err := stop()
	require.NoError(t, err)
	require.Positive(t, peak)
	require.Positive(t, CPU())
}
