package loggroup

import (
	"math"
	"strings"
	"testing"

	sls "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

func restoring(t testing.TB, from Restore) EncodeOptions {
	t.Helper()
	c, err := NewContent(ContentOptions{RestoreMeta: from})
	require.NoError(t, err)
	return EncodeOptions{Content: c}
}

func TestRestore(t *testing.T) {
	chunk := append(metaEvent(t), eventOf(t, []byte{0x80}, packed(t, "msg", "no metadata"))...)
	var r Reader
	r.Reset(chunk, restoring(t, RestoreRecord))
	require.False(t, r.Restored().Any())
	out, err := r.Next(nil)
	require.NoError(t, err)
	require.Equal(t, &Restored{
		Topic: []byte("access"), Source: []byte("10.0.0.1"),
		Tags: AppendGroupFields(nil, "", "", []Tag{{"host", "web-1"}, {"__pack_id__", "5F-1"}}),
	}, r.Restored())
	e := r.Event()
	require.Equal(t, int64(1_650_000_000_500_000_000), e.Time().UnixNano(), "the event's time is the Log's")
	out, err = r.Next(out)
	require.NoError(t, err)
	require.False(t, r.Restored().Any())
	_, err = r.Next(out)
	require.Error(t, err)

	var g sls.LogGroup
	require.NoError(t, proto.Unmarshal(out, &g))
	require.Equal(t, uint32(1_650_000_000), g.Logs[0].GetTime())
	require.Equal(t, uint32(500_000_000), g.Logs[0].GetTimeNs())
	require.Len(t, g.Logs[0].Contents, 1)
	require.Equal(t, "hello", g.Logs[0].Contents[0].GetValue())
}

// Only the metadata counts: whoever can write a record cannot write there.
func TestRestoreFromMetadata(t *testing.T) {
	forged := packed(t, "__topic__", "forged", "__source__", "forged", "__tag__:a", "forged", "__time__", 5, "msg", "m")
	chunk := eventOf(t, packed(t, "__topic__", "meta", "__source__", "meta", "x", 1, "__tag__:a", "1", "__time__", 7), forged)
	const whole = "__topic__=forged __source__=forged __tag__:a=forged __time__=5 msg=m"
	for _, from := range []Restore{RestoreMetadata, RestoreRecord} {
		for _, renames := range []bool{false, true} {
			got := chosen(t, chunk, EncodeOptions{RenameReserved: renames}, ContentOptions{RestoreMeta: from, Metadata: true})
			require.Equal(t, []string{whole + " __metadata__.x=1"}, got)
		}
		var r Reader
		r.Reset(chunk, restoring(t, from))
		require.NoError(t, r.Scan())
		require.Equal(t, &Restored{
			Topic: []byte("meta"), Source: []byte("meta"), Tags: AppendGroupFields(nil, "", "", []Tag{{"a", "1"}}),
		}, r.Restored())
		e := r.Event()
		require.Equal(t, int64(7_000_000_000), e.Time().UnixNano())
	}
}

// A record is not believed unless that is asked for.
func TestRestoreMetadataLeavesTheRecord(t *testing.T) {
	chunk := eventOf(t, packed(t, "x", 1), packed(t, "__topic__", "forged", "__tag__:a", "forged", "__time__", 5))
	var r Reader
	r.Reset(chunk, restoring(t, RestoreMetadata))
	require.NoError(t, r.Scan())
	require.False(t, r.Restored().Any())
	require.NotEqual(t, uint32(5), r.Event().Sec)
	require.Equal(t, []string{"__record__.__topic__=forged __record__.__tag__:a=forged __record__.__time__=5"},
		chosen(t, chunk, EncodeOptions{RenameReserved: true}, ContentOptions{RestoreMeta: RestoreMetadata}))
}

// TestRestoreLeaves: what cannot have been a group's metadata stays a content.
func TestRestoreLeaves(t *testing.T) {
	long := strings.Repeat("x", 1025)
	for _, record := range [][]any{
		{"__topic__", 7},
		{"__topic__", nil},
		{"__topic__", []byte("bin")},
		{"__topic__", "\xff"},
		{"__topic__", long[:129]},
		{"__source__", []string{"a"}},
		{"__source__", long[:129]},
		{"__tag__:", "no key"},
		{"__tag__:a", long},
		{"__tag__:a", "\xff"},
		{"__tag__:\xff", "a"},
		{"__tag__:" + long[:129], "a"},
		{"__tag__a", "a"},
		{"__Topic__", "a"},
		{"__topic__x", "a"},
		{[]byte("__topic__"), "a"},
		{"__id__", "a"},
	} {
		chunk := eventOf(t, []byte{0x80}, packed(t, record...))
		got := chosen(t, chunk, EncodeOptions{}, ContentOptions{RestoreMeta: RestoreRecord})
		require.Equal(t, chosen(t, chunk, EncodeOptions{}, ContentOptions{}), got)
		require.NotEmpty(t, got[0])
		var r Reader
		r.Reset(chunk, restoring(t, RestoreRecord))
		require.NoError(t, r.Scan())
		require.False(t, r.Restored().Any())
	}
}

func TestRestoreTagsAreBounded(t *testing.T) {
	var record []any
	for range 100 {
		record = append(record, "__tag__:k", strings.Repeat("x", 1000))
	}
	chunk := eventOf(t, []byte{0x80}, packed(t, record...))
	got := chosen(t, chunk, EncodeOptions{}, ContentOptions{RestoreMeta: RestoreRecord})[0]
	var r Reader
	r.Reset(chunk, restoring(t, RestoreRecord))
	require.NoError(t, r.Scan())
	tags := len(r.Restored().Tags)
	require.Greater(t, tags, 15_000)
	require.LessOrEqual(t, tags, maxRestoredTags+20)
	require.Greater(t, len(got), 80_000, "the others are contents")
}

func TestRestoreDuplicates(t *testing.T) {
	chunk := eventOf(t, []byte{0x80}, packed(t, "__topic__", "a", "__time__", 5, "__topic__", "b", "__time__", "x", "__topic__", 7))
	require.Equal(t, []string{"__time__=x __topic__=7"}, chosen(t, chunk, EncodeOptions{}, ContentOptions{RestoreMeta: RestoreRecord}))
	var r Reader
	r.Reset(chunk, restoring(t, RestoreRecord))
	require.NoError(t, r.Scan())
	require.Equal(t, "b", string(r.Restored().Topic))
	require.Equal(t, uint32(5), r.Event().Sec)
}

func TestRestoreTime(t *testing.T) {
	const was = 1_700_000_000_123_456_789
	for _, c := range []struct {
		value any
		want  int64 // nanoseconds; was = left as it is
	}{
		{"0", 0},
		{"1650000000", 1_650_000_000_000_000_000},
		{"0000000007", 7_000_000_000},
		{"1650000000.5", 1_650_000_000_500_000_000},
		{"1650000000.000000001", 1_650_000_000_000_000_001},
		{"1650000000.123456789", 1_650_000_000_123_456_789},
		{"4294967293", 4_294_967_293_000_000_000},
		{1650000000, 1_650_000_000_000_000_000},
		{int64(7), 7_000_000_000},
		{1.5, 1_500_000_000},
		{float32(0.25), 250_000_000},
		{"", was},
		{"-1", was},
		{"+1", was},
		{" 1", was},
		{"1.", was},
		{".5", was},
		{"1.5.5", was},
		{"1e9", was},
		{"1,5", was},
		{"0x10", was},
		{"1650000000000", was}, // milliseconds
		{"99999999999999999999999999", was},
		{"1.0000000001", was},
		{"4294967294", was},
		{"2023-11-14T22:13:20Z", was},
		{-1, was},
		{-1.0, was},
		{-0.5, was},
		{1 << 33, was},
		{uint64(1) << 63, was},
		{5e9, was},
		{math.NaN(), was},
		{math.Inf(1), was},
		{float32(math.NaN()), was},
		{nil, was},
		{true, was},
		{[]byte("7"), was},
		{[]int{7}, was},
	} {
		chunk := eventOf(t, []byte{0x80}, packed(t, "__time__", c.value, "msg", "m"))
		contents := chosen(t, chunk, EncodeOptions{}, ContentOptions{RestoreMeta: RestoreRecord})[0]
		var r Reader
		r.Reset(chunk, restoring(t, RestoreRecord))
		require.NoError(t, r.Scan())
		e := r.Event()
		require.Equal(t, c.want, e.Time().UnixNano(), "%v", c.value)
		require.Equal(t, c.want == was, strings.HasPrefix(contents, "__time__="), "%v", c.value)
	}
}
