package main

import (
	"slices"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// hints are the names that direct rivals have for our options: Logstash's input for SLS,
// Flink's connector, the Go and Java consumers, and Fluent Bit's input kafka.
func hints() []option.Hint {
	return slices.Concat(sls.ConnectionHints(), []option.Hint{
		{Meant: "logstore", Names: []string{"topics"}},
		{Meant: "discovery_interval", Names: []string{"shards_discovery_interval", "shards_discovery_interval_ms"}, Note: "A duration such as 60s."},
		{Meant: "consumer_group", Names: []string{"group_id", "consumer_group_name", "rdkafka.group.id"}},
		{Meant: "consumer", Names: []string{"consumer_name", "client_id", "consumer_name_with_ip"}, Note: "Unique in the group; without it host name, process and instance make it so."},
		{Meant: "heartbeat_timeout", Names: []string{"heartbeat_interval_in_second", "heartbeat_timeout_in_second"}, Note: "A duration such as 60s; the interval is a third of it."},
		{
			Meant: "start_position", Names: []string{
				"position", "consumer_begin_position", "scan_startup_mode", "cursor_position", "cursor_start_time", "rdkafka.auto.offset.reset",
			},
			Note: "`begin`, `end`, a time, or 2h for two hours ago.",
		},
		{Meant: "fallback_position", Names: []string{"consumer_default_position", "scan_startup_default_position"}},
		{Meant: "stop_position", Names: []string{"stop_time", "cursor_end_time"}},
		{Meant: "checkpoint", Names: []string{"checkpoint_mode", "log_checkpoint_mode", "auto_commit_disabled", "enable_auto_commit"}, Note: "`handoff`, `delivered` or `off`."},
		{
			Meant: "checkpoint_interval", Names: []string{"checkpoint_second", "log_commit_interval", "commit_interval_ms", "auto_commit_interval_in_ms"},
			Note: "A duration such as 5s.",
		},
		{Meant: "fetch_max_groups", Names: []string{"max_number_per_fetch", "max_fetch_log_group_count"}, Note: "Log groups, not logs."},
		{Meant: "fetch_interval", Names: []string{"fetch_data_interval_millis", "fetch_interval_ms", "data_fetch_interval_in_ms", "poll_ms"}, Note: "A duration such as 100ms."},
		{Meant: "max_concurrent_fetches", Names: []string{"max_io_worker_count"}},
		{Meant: "memory_limit", Names: []string{"source_memory_limit"}, Note: "A size such as 100M; Fluent Bit's own `mem_buf_limit` holds besides."},
		{Meant: "buffer_size", Names: []string{"buffer_max_size"}, Note: "A size such as 16M."},
		{Meant: "compress", Names: []string{"compress_type"}},
	})
}

// gone are names that were options, with what takes their place.
func gone() map[string]string {
	return map[string]string{
		"raw_key": "the field of format raw is log, which Fluent Bit's filter modify can rename: rename log NAME",
	}
}
