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
		MemoryLimit: 40 << 20, Handover: "auto",
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

// What a callback returns goes under one tag.
func TestTagTemplateNeedsDirectHandover(t *testing.T) {
	for _, c := range []struct {
		way   string
		can   bool
		wrong bool
	}{{"auto", true, false}, {"auto", false, true}, {"callback", true, true}, {"direct", true, false}} {
		cfg := testConfig(t, "a", "handover", c.way, "tag_template", "sls.$logstore")
		require.NoError(t, cfg.ChooseHandover(c.can))
		if err := cfg.Validate(); c.wrong {
			require.ErrorContains(t, err, "option tag_template: needs direct hand-over")
		} else {
			require.NoError(t, err)
		}
	}
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
		"tag_template":      "$level",
	} {
		var cfg Config
		err := option.Parse(option.Map{"project": "p", "logstore": "l", name: value}, cfg.Options())
		require.ErrorContains(t, err, name)
	}
}
