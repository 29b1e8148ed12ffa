package shard

import (
	"encoding/binary"
	"log/slog"
	"strconv"
	"testing"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/gogo/protobuf/proto"
	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/tags"
	"fluent-bit-sls/shared/buffer"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/sls"
)

func sectionTags(t *testing.T, s string) *tags.Tags {
	t.Helper()
	parsed, err := tags.Parse(s)
	require.NoError(t, err)
	return tags.New(parsed, metric.NewSet().Counter("capped", "").With(), slog.New(slog.DiscardHandler))
}

// The whole way of a pull's bytes to events allocates nothing per log.
func TestDecodingAllocatesNothing(t *testing.T) {
	g := &sdk.LogGroup{
		Topic: proto.String("orders"), Source: proto.String("10.0.0.1"),
		LogTags: []*sdk.LogTag{{Key: proto.String("zone"), Value: proto.String("b")}},
	}
	for i := range 1000 {
		g.Logs = append(g.Logs, &sdk.Log{Time: proto.Uint32(1), Contents: []*sdk.LogContent{
			{Key: proto.String("id"), Value: proto.String(strconv.Itoa(i))},
			{Key: proto.String("pad"), Value: proto.String(`{"a":1}`)},
		}})
	}
	raw, err := proto.Marshal(g)
	require.NoError(t, err)
	list := append(binary.AppendUvarint([]byte{0x0a}, uint64(len(raw))), raw...)
	res := sls.PullResult{Data: list, Groups: 1, LastCursor: 1}
	for name, c := range map[string]Config{
		"flat":      {},
		"with meta": {Positions: true, Record: loggroup.Decoder{IncludeMeta: true}},
		"raw":       {Positions: true, Record: loggroup.Decoder{Format: loggroup.FormatRaw, InMetadata: true}},
		"tagged":    {Tags: sectionTags(t, "sls.$logstore.$topic|'none'.$tag['zone']")},
		"json":      {Record: loggroup.Decoder{Format: loggroup.FormatJSON, JSONKeys: map[string]bool{"id": true, "pad": true}}},
	} {
		d := answerDecoder{decoder: newDecoder(&c, sls.Logstore{Project: "p", Name: "l"}, 0), namer: c.Tags.Of("p", "l", 0)}
		claim := handover.NewBudget(1<<30, &buffer.Pool{}).Claim()
		claim.LendEvents(2 << 20)
		ctx, n := t.Context(), 0
		require.Zero(t, testing.AllocsPerRun(10, func() {
			claim.Events = claim.Events[:0]
			n, _ = d.decode(ctx, res, "", &claim, 1<<30)
		}), name)
		require.Equal(t, 1000, n)
	}
}
