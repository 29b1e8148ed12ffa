package shard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
)

func TestStartRule(t *testing.T) {
	unix := func(sec int64) time.Time { return time.Unix(sec, 0) }
	const now = 1_000_000
	shards := []sls.Shard{
		{ID: 0, BeginKey: "0", EndKey: "f", ReadOnly: true, CreateTime: 1000},
		{ID: 1, BeginKey: "0", EndKey: "8", CreateTime: 2000},
		{ID: 2, BeginKey: "8", EndKey: "f", CreateTime: now - 800},
		{ID: 3, BeginKey: "f", EndKey: "ff", CreateTime: 3000},
	}
	end := Position{kind: positionEnd}
	point := func(shard int, updated int64) []sls.Checkpoint {
		return []sls.Checkpoint{{Shard: shard, Cursor: "x", UpdateTime: unix(updated)}}
	}
	for _, c := range []struct {
		name   string
		shard  int
		start  Position
		points []sls.Checkpoint
		want   string
		open   bool // the parents may yet be opened
	}{
		{name: "no parent", shard: 3, start: end, want: "end"},
		{name: "not in the list", shard: 9, start: end, want: "end"},
		{name: "read-only without parent", shard: 0, start: end, want: "end"},
		{name: "begin", shard: 1, start: Position{kind: positionBegin}, want: "begin"},
		{name: "parent not opened", shard: 1, start: end, want: "end", open: true},
		{name: "parent not opened, from a time", shard: 1, start: Position{kind: positionTime, at: unix(7)}, want: "7", open: true},
		{name: "parent not opened, young child", shard: 2, start: end, want: "begin", open: true},
		{name: "parent opened after the split", shard: 1, start: end, points: point(0, 5000), want: "begin"},
		{name: "parent given to a member that has not committed", shard: 1, start: end, points: []sls.Checkpoint{{Shard: 0}}, want: "end", open: true},
		{name: "checkpoint older than the shard", shard: 3, start: end, points: point(7, 2999), want: "begin"},
		{name: "checkpoint younger than the shard", shard: 3, start: end, points: point(7, 3000), want: "end"},
		{name: "owner without checkpoint", shard: 3, start: end, points: []sls.Checkpoint{{Shard: 7}}, want: "end"},
	} {
		got, final := GroupStart{Shard: c.shard, Position: c.start}.rule(shards, c.points, unix(now))
		require.Equal(t, c.want, got.From(), c.name)
		require.Equal(t, !c.open, final, c.name)
	}
	shards[1].CreateTime = 0 // not sent: nothing is known
	got, final := GroupStart{Shard: 1, Position: end}.rule(shards, nil, unix(now))
	require.Equal(t, "begin", got.From())
	require.False(t, final)
}
