package loggroup

import (
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

// oneLog is a log group of one Log, which is that Log as a field.
func oneLog(t *testing.T, log *sdk.Log) []byte {
	t.Helper()
	field, err := (&sdk.LogGroup{Logs: []*sdk.Log{log}}).Marshal()
	require.NoError(t, err)
	return field
}

func TestWithTime(t *testing.T) {
	now := time.Unix(1_700_000_000, 7)
	for _, ns := range []*uint32{nil, proto.Uint32(5)} {
		log := &sdk.Log{
			Time: proto.Uint32(1_600_000_000), TimeNs: ns,
			Contents: []*sdk.LogContent{{Key: proto.String("k"), Value: proto.String("v")}},
		}
		field := oneLog(t, log)
		require.EqualValues(t, 1_600_000_000, LogTime(field))

		var got sdk.LogGroup
		require.NoError(t, got.Unmarshal(WithTime(field, now, "was")))
		require.Len(t, got.Logs, 1)
		require.EqualValues(t, 1_700_000_000, got.Logs[0].GetTime())
		was, wantNs := "2020-09-13T12:26:40Z", ns
		if ns != nil {
			was, wantNs = "2020-09-13T12:26:40.000000005Z", proto.Uint32(7)
		}
		require.Equal(t, wantNs, got.Logs[0].TimeNs)
		var pairs []string
		for _, c := range got.Logs[0].Contents {
			pairs = append(pairs, c.GetKey(), c.GetValue())
		}
		require.Equal(t, []string{"k", "v", "was", was}, pairs)
		require.EqualValues(t, 1_600_000_000, LogTime(field), "the log given is not changed")
	}
}

// A Log that does not end where it says is read as far as it goes.
func FuzzWithTime(f *testing.F) {
	f.Add([]byte{0x0a, 0x02, 0x08, 0x01})
	f.Add([]byte{0x0a, 0x05, 0x08})
	f.Fuzz(func(t *testing.T, log []byte) {
		field := append([]byte{tagLogs}, byte(len(log)%128))
		field = append(field, log...)
		_ = LogTime(field)
		out := WithTime(field, time.Unix(9, 0), "was")
		require.EqualValues(t, 9, LogTime(out))
		n, err := NextLog(out)
		require.NoError(t, err)
		require.Equal(t, len(out), n)
	})
}
