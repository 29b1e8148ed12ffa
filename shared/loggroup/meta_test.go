package loggroup

import (
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"
)

func TestMeta(t *testing.T) {
	g := &sdk.LogGroup{
		Logs:  []*sdk.Log{{Time: proto.Uint32(1), Contents: []*sdk.LogContent{{Key: proto.String("env"), Value: proto.String("of a log")}}}},
		Topic: proto.String("orders"), Source: proto.String("10.0.0.1"), MachineUUID: proto.String("m"),
		LogTags: []*sdk.LogTag{
			{Key: proto.String("env"), Value: proto.String("a")},
			{Key: proto.String("x"), Value: proto.String("")},
			{Key: proto.String("env"), Value: proto.String("b")},
		},
	}
	raw, err := g.Marshal()
	require.NoError(t, err)
	var m Meta
	keys := []string{"no", "env", "x"}
	m.Read(raw, keys)
	require.Equal(t, Meta{Topic: []byte("orders"), Source: []byte("10.0.0.1"), Tags: [][]byte{nil, []byte("b"), {}}}, m)
	m.Read(nil, keys[:1])
	require.Equal(t, Meta{Tags: [][]byte{nil}}, m)
	m.Read(append([]byte("\x1a\x01t"), 0x20, 1), nil)
	require.Equal(t, Meta{Topic: []byte("t"), Tags: [][]byte{}}, m, "a source that is a number")
}

// FuzzMeta: topic, source and tags are those that the decoder of the SDK reads.
func FuzzMeta(f *testing.F) {
	f.Add([]byte("\x1a\x01t\x22\x01s\x32\x06\x0a\x01k\x12\x01v"), "k")
	f.Add([]byte("\x0a\x02\x08\x01\x32\x06\x0a\x01k\x12\x01v\x1a\x00"), "k")
	f.Fuzz(func(t *testing.T, raw []byte, key string) {
		var m Meta
		m.Read(raw, []string{key})
		var g sdk.LogGroup
		if g.Unmarshal(raw) != nil {
			return
		}
		require.Equal(t, g.GetTopic(), string(m.Topic))
		require.Equal(t, g.GetSource(), string(m.Source))
		want := ""
		for _, tag := range g.LogTags {
			if tag.GetKey() == key {
				want = tag.GetValue()
			}
		}
		require.Equal(t, want, string(m.Tags[0]))
	})
}
