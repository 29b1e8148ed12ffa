package main

import (
	"slices"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// hints are names that whoever comes from another plugin would type.
func hints() []option.Hint {
	return slices.Concat(sls.ConnectionHints(), destinationHints(), batchHints(), recordHints(), []option.Hint{{
		Names: []string{
			"logstore_pattern", "discovery_interval", "consumer_group", "consumer", "heartbeat_timeout", "shards", "in_order",
			"start_position", "fallback_position", "stop_position", "replay", "query", "format", "json_keys", "raw_key",
			"include_meta", "include_position", "meta_in", "fetch_max_groups", "fetch_interval", "max_concurrent_fetches",
			"buffer_size", "checkpoint", "checkpoint_interval", "handoff_delay", "monitor_url", "monitor_inputs",
		},
		Note: "it belongs to the input `sls`.",
	}})
}

func destinationHints() []option.Hint {
	return []option.Hint{
		{Meant: "logstore", Names: []string{
			"logstore_name", "log_store", "log_store_name", "log_logstore", "sls_logstore", "topics", "index", "log_group_name",
		}},
		{Meant: "topic", Names: []string{"topic_key", "log_topic", "sink_topic"}, Note: "A template, as in `topic $app`."},
		{Meant: "source", Names: []string{"source_key", "host_name", "sink_source", "log_source"}, Note: "A template, as in `source $hostname`."},
		{Meant: "tags", Names: []string{"tag", "log_tags", "logtags", "extra_tags", "labels"}, Note: "As in `tags env=prod,team=web`."},
		{Meant: "hash_key", Names: []string{"shard_hash", "shard_hash_key", "shard_hash_keys", "partition_key", "message_key", "message_key_field"}},
		{Meant: "hash_buckets", Names: []string{"buckets", "producer_buckets", "adjust_shard_hash"}},
		{Names: []string{"logstash_format", "logstash_prefix", "dynamic_topic"}, Note: "`logstore` is a template: `logstore app-$level|info`."},
	}
}

func batchHints() []option.Hint {
	return []option.Hint{
		{Meant: "batch_bytes", Names: []string{
			"batch_size", "max_batch_size", "max_buffer_bytes", "log_bytes_per_package",
			"logs_bytes_per_package", "batch_size_threshold_in_bytes", "min_size_bytes",
		}, Note: "A size such as 1M; `batch_count` counts logs."},
		{Meant: "batch_count", Names: []string{"max_batch_count", "max_buffer_items", "batch_count_threshold", "max_records", "logs_count_per_package", "bulk_max_size"}},
		{Meant: "linger", Names: []string{
			"linger_ms", "max_buffer_seconds", "batch_timeout", "flush_interval", "flush_interval_ms", "package_timeout",
		}, Note: "A duration such as 2s."},
		{Meant: "concurrency", Names: []string{"io_thread_num", "io_thread_count", "max_io_worker_count", "threads", "max_concurrency", "parallelism"}},
		{Meant: "memory_limit", Names: []string{
			"total_size_in_bytes", "total_size_ln_bytes", "mem_buf_limit", "mem_limit",
		}, Note: "A size such as 100M."},
		{Meant: "compress", Names: []string{"compression", "compress_type", "compression_type", "compression_codec", "codec", "rdkafka.compression.codec"}},
		{
			Names: []string{"max_retries", "retries", "max_retry", "retry_max_times", "max_send_retry", "max_retry_times"},
			Note:  "A request is sent again until `flush_timeout`, and its chunk comes back as often as Fluent Bit's `retry_limit` says.",
		},
		{Names: []string{
			"retry_base", "retry_max", "base_retry_backoff_ms", "base_retry_backoff_time_ms", "send_retry_interval", "retry_interval",
			"retry_backoff", "max_retry_backoff_ms", "max_retry_backoff_time_ms",
		}, Note: "The pause before a request is sent again doubles from 100 ms to 5 s, or is what SLS asks for."},
		{Meant: "flush_timeout", Names: []string{"max_block_time_ms", "max_block_sec", "send_timeout"}, Note: "A duration such as 10s."},
		{Names: []string{"worker", "num_workers"}, Note: "Fluent Bit's own `workers` was meant, as in `workers 4`."},
	}
}

func recordHints() []option.Hint {
	return []option.Hint{
		{Meant: "include_keys", Names: []string{"whitelist_keys", "keys", "fields", "include_fields"}},
		{Meant: "exclude_keys", Names: []string{"remove_keys", "blacklist_keys", "exclude_fields"}},
		{Meant: "log_key", Names: []string{"message_field", "body_key", "content_key"}},
		{Meant: "tag_key", Names: []string{"include_tag_key"}, Note: "The key's name, as in `tag_key fluent_tag`."},
		{Meant: "time_key", Names: []string{"timestamp_key", "date_key", "json_date_key"}},
		{Meant: "time_format", Names: []string{"timestamp_format", "date_format", "time_key_format", "json_date_format"}},
		{Meant: "time_ns", Names: []string{"time_key_nanos", "nanosecond", "nanoseconds"}, Note: "`on` or `off`."},
		{Meant: "nested", Names: []string{"flatten", "to_json"}, Note: "`json` or `flatten`."},
		{Meant: "pack_id", Names: []string{"generate_pack_id", "enable_pack_id"}, Note: "`on` or `off`."},
		{Meant: "processor", Names: []string{"ingest_processor"}},
		{Meant: "dead_letter_file", Names: []string{"dead_letter", "dlq", "dead_letter_queue"}},
		{Meant: "old_log_time", Names: []string{"adjust_time", "auto_adjust_time"}},
	}
}
