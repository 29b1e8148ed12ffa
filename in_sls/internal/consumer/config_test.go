package consumer

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

func TestOptionsAreSound(t *testing.T) {
	var cfg Config
	require.Empty(t, option.Verify(cfg.Options(), option.Input))
}

func TestDefaults(t *testing.T) {
	cfg := testConfig(t, "a")
	require.Equal(t, Config{
		Project: testProject, Logstores: []string{testLogstore}, DiscoveryInterval: time.Minute,
		ConsumerGroup: "fluent-bit", Consumer: "a",
		Shards: "all", InOrder: true,
		StartPosition: "begin", FallbackPosition: "begin", HeartbeatTimeout: time.Minute,
		FetchMaxGroups: 100, FetchInterval: 100 * time.Millisecond,
		MemoryLimit: 100 << 20, BufferSize: 16 << 20,
		CheckpointInterval: 5 * time.Second, HandoffDelay: 2 * time.Second, Compress: "lz4",
		Checkpoint: "handoff", MonitorURL: "http://127.0.0.1:2020", MaxFetches: 64, Format: "flat", MetaIn: "record",
	}, cfg)
}

func TestCheckReportsEveryProblem(t *testing.T) {
	cfg := testConfig(t, "a", "buffer_size", "64M", "memory_limit", "32M")
	cfg.Consumer = ""
	err := cfg.Validate()
	require.ErrorContains(t, err, "option buffer_size: 64M")
	require.ErrorContains(t, err, "memory_limit 32M")
	require.ErrorContains(t, err, "option consumer")

	_, err = New(cfg, &sls.Client{}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "option consumer")
	cfg.DefaultConsumer, cfg.MemoryLimit = "host-1-0", 64<<20
	require.NoError(t, cfg.Validate())
}

func TestInvalidOptionsAreNamed(t *testing.T) {
	for name, value := range map[string]string{
		"heartbeat_timeout": "6500ms",
		"start_position":    "yesterday",
		"fallback_position": "-2h",
		"handoff_delay":     "250ms",
		"fetch_max_groups":  "1001",
		"compress":          "gzip",
		"monitor_url":       "127.0.0.1:2020",
		"checkpoint":        "never",
		"logstore_pattern":  "(",
		"logstore":          "a,b,a",
		"shards":            "1-",
		"stop_position":     "begin",
		"replay":            "0:a",
		"format":            "xml",
	} {
		var cfg Config
		err := option.Parse(option.Map{"project": "p", "logstore": "l", name: value}, cfg.Options())
		require.ErrorContains(t, err, name)
	}
}

func TestParsePosition(t *testing.T) {
	now := time.Unix(1_700_000_000, 500)
	for raw, want := range map[string]string{
		"begin":                     "begin",
		"END":                       "end",
		"0":                         "0",
		"1600000000":                "1600000000",
		"2023-11-14T22:13:20Z":      "1700000000",
		"2023-11-14T22:13:20.9Z":    "1700000000",
		"2023-11-15T06:13:20+08:00": "1700000000",
		"2h":                        "1699992800",
		"90m":                       "1699994600",
		"1d":                        "1699913600",
		"1.5d":                      "1699870400",
		"7d12h":                     "1699352000",
		"-1d":                       "",
		"1d-1h":                     "",
		"100000000h":                "",
		"-1":                        "",
		"-5m":                       "",
		"1700000000000":             "",
		"1969-12-31T23:59:59Z":      "",
		"soon":                      "",
		"":                          "",
	} {
		p, err := parsePosition(raw, now)
		if want == "" {
			require.Error(t, err, raw)
			continue
		}
		require.NoError(t, err, raw)
		require.Equal(t, want, p.from(), raw)
	}
	// Longer ago than 1970 is the beginning of time, not a negative number.
	p, err := parsePosition("1000000h", now)
	require.NoError(t, err)
	require.Equal(t, "0", p.from())
}

func FuzzParsePosition(f *testing.F) {
	for _, seed := range []string{"begin", "end", "1600000000", "2h", "2023-11-14T22:13:20Z", "-1", "9223372036854775807"} {
		f.Add(seed)
	}
	now := time.Unix(1_700_000_000, 0)
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := parsePosition(raw, now)
		if err != nil {
			return
		}
		from := p.from()
		if from != "begin" && from != "end" {
			require.Regexp(t, `^\d{1,12}$`, from)
		}
	})
}

func TestStartRule(t *testing.T) {
	unix := func(sec int64) time.Time { return time.Unix(sec, 0) }
	const now = 1_000_000
	shards := []sls.Shard{
		{ID: 0, BeginKey: "0", EndKey: "f", ReadOnly: true, CreateTime: 1000},
		{ID: 1, BeginKey: "0", EndKey: "8", CreateTime: 2000},
		{ID: 2, BeginKey: "8", EndKey: "f", CreateTime: now - 800},
		{ID: 3, BeginKey: "f", EndKey: "ff", CreateTime: 3000},
	}
	end := position{kind: positionEnd}
	point := func(shard int, updated int64) []sls.Checkpoint {
		return []sls.Checkpoint{{Shard: shard, Cursor: "x", UpdateTime: unix(updated)}}
	}
	for _, c := range []struct {
		name   string
		shard  int
		start  position
		points []sls.Checkpoint
		want   string
		open   bool // the parents may yet be opened
	}{
		{name: "no parent", shard: 3, start: end, want: "end"},
		{name: "not in the list", shard: 9, start: end, want: "end"},
		{name: "read-only without parent", shard: 0, start: end, want: "end"},
		{name: "begin", shard: 1, start: position{kind: positionBegin}, want: "begin"},
		{name: "parent not opened", shard: 1, start: end, want: "end", open: true},
		{name: "parent not opened, from a time", shard: 1, start: position{kind: positionTime, at: unix(7)}, want: "7", open: true},
		{name: "parent not opened, young child", shard: 2, start: end, want: "begin", open: true},
		{name: "parent opened after the split", shard: 1, start: end, points: point(0, 5000), want: "begin"},
		{name: "parent given to a member that has not committed", shard: 1, start: end, points: []sls.Checkpoint{{Shard: 0}}, want: "end", open: true},
		{name: "checkpoint older than the shard", shard: 3, start: end, points: point(7, 2999), want: "begin"},
		{name: "checkpoint younger than the shard", shard: 3, start: end, points: point(7, 3000), want: "end"},
		{name: "owner without checkpoint", shard: 3, start: end, points: []sls.Checkpoint{{Shard: 7}}, want: "end"},
	} {
		got, final := startRule{start: c.start}.position(c.shard, shards, c.points, unix(now))
		require.Equal(t, c.want, got.from(), c.name)
		require.Equal(t, !c.open, final, c.name)
	}
	shards[1].CreateTime = 0 // not sent: nothing is known
	got, final := startRule{start: end}.position(1, shards, nil, unix(now))
	require.Equal(t, "begin", got.from())
	require.False(t, final)
}
