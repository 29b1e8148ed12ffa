package main

import (
	"slices"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// hints are names that whoever comes from another plugin would type.
func hints() []option.Hint {
	return slices.Concat(sls.ConnectionHints(), readHints(), []option.Hint{{
		Names: []string{
			"default_project", "default_logstore", "allow_destinations", "topic", "source", "tags", "hash_key", "hash_buckets",
			"max_destinations", "max_log_groups", "log_key", "include_keys", "exclude_keys", "tag_key", "time_key", "time_format", "nested",
			"flatten_separator", "metadata", "restore_meta", "reserved_fields", "batch_bytes", "max_raw_bytes_per_batch", "batch_count", "linger", "ordered",
			"concurrency", "flush_timeout", "dead_letter_file", "dead_letter_size",
			"old_log_time", "pack_id", "time_ns", "log_interval",
		},
		Note: "it belongs to the output `sls`.",
	}})
}

func readHints() []option.Hint {
	return []option.Hint{
		{Meant: "logstore", Names: []string{"logstore_name", "log_store", "log_store_name", "log_logstore", "sls_logstore", "topics"}},
		{Meant: "logstore_pattern", Names: []string{"logstore_regex", "logstores_pattern", "topics_pattern"}},
		{Meant: "discovery_interval", Names: []string{"shards_discovery_interval", "shards_discovery_interval_ms"}, Note: "A duration such as 60s."},
		{Meant: "consumer_group", Names: []string{"group", "group_id", "consumer_group_name", "rdkafka.group.id"}},
		{Meant: "consumer", Names: []string{"consumer_name", "consumer_id", "client_id", "consumer_name_with_ip"}, Note: "Unique in the group; without it host name, process and instance make it so."},
		{Meant: "heartbeat_timeout", Names: []string{"heartbeat_interval", "heartbeat_interval_in_second", "heartbeat_timeout_in_second", "session_timeout", "session_timeout_ms"}, Note: "A duration such as 60s; the interval is a third of it."},
		{Meant: "start_position", Names: []string{
			"position", "cursor_position", "consumer_begin_position", "begin_position", "initial_position", "start_time", "cursor_start_time",
			"scan_startup_mode", "auto_offset_reset", "rdkafka.auto.offset.reset", "read_from_head",
		}, Note: "`begin`, `end`, a time, or 2h for two hours ago."},
		{Meant: "fallback_position", Names: []string{"consumer_default_position", "default_position", "scan_startup_default_position"}},
		{Meant: "stop_position", Names: []string{"stop_time", "end_position", "cursor_end_time", "end_time"}},
		{Meant: "checkpoint", Names: []string{"checkpoint_mode", "log_checkpoint_mode", "auto_commit", "auto_commit_disabled", "enable_auto_commit"}, Note: "`handoff`, `delivered` or `off`."},
		{Meant: "checkpoint_interval", Names: []string{
			"checkpoint_second", "commit_interval", "log_commit_interval", "commit_interval_ms", "auto_commit_interval",
			"auto_commit_interval_in_ms", "auto_commit_interval_ms",
		}, Note: "A duration such as 5s."},
		{Meant: "fetch_max_groups", Names: []string{
			"max_number_per_fetch", "max_fetch_log_group_count", "max_fetch_log_group_size", "batch_size", "max_poll_records",
		}, Note: "Log groups, not logs."},
		{Meant: "fetch_interval", Names: []string{"fetch_data_interval", "fetch_data_interval_millis", "fetch_interval_ms", "data_fetch_interval_in_ms", "poll_interval", "interval", "interval_sec", "poll_ms"}, Note: "A duration such as 100ms."},
		{Meant: "max_concurrent_fetches", Names: []string{"max_io_workers", "max_io_worker_count", "threads"}},
		{Meant: "memory_limit", Names: []string{"source_memory_limit", "mem_limit"}, Note: "A size such as 100M; Fluent Bit's own `mem_buf_limit` holds besides."},
		{Meant: "buffer_size", Names: []string{"buffer_max_size", "buffer_chunk_size", "buf_size"}, Note: "A size such as 16M."},
		{Meant: "include_meta", Names: []string{"meta", "include_metadata"}, Note: "`on` or `off`."},
		{Meant: "query", Names: []string{"spl", "filter"}},
		{Meant: "in_order", Names: []string{"order"}, Note: "`on` or `off`."},
		{Meant: "compress", Names: []string{"compression", "compress_type", "compression_type", "codec"}},
	}
}
