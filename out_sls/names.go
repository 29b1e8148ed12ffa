package main

import (
	"slices"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// hints are the names that direct rivals have for what is an option here: the Fluent Bit
// output aliyun_sls, Logstash's output for SLS, Flink's connector, LoongCollector, the Go
// and Java producers, and Fluent Bit's outputs kafka and kinesis_streams.
func hints() []option.Hint {
	return slices.Concat(sls.ConnectionHints(), []option.Hint{
		{Meant: "logstore", Names: []string{"topics", "stream"}},
		{Meant: "logstore", Names: []string{"dynamic_topic"}, Note: "It is a template, as in `logstore app-$level|info`."},
		{Meant: "topic", Names: []string{"sink_topic"}, Note: "A template, as in `topic $app`."},
		{Meant: "source", Names: []string{"sink_source"}, Note: "A template, as in `source $hostname`."},
		{Meant: "hash_key", Names: []string{"shard_hash_keys", "partition_key", "message_key", "message_key_field"}},
		{Meant: "hash_buckets", Names: []string{"buckets", "producer_buckets", "producer_adjust_shard_hash"}},
		{Meant: "include_keys", Names: []string{"data_keys"}},
		{Meant: "time_key", Names: []string{"timestamp_key"}},
		{Meant: "time_format", Names: []string{"timestamp_format", "time_key_format"}},
		{Meant: "nested", Names: []string{"to_json"}, Note: "`json` or `flatten`."},
		{Meant: "flatten_separator", Names: []string{"expand_connector"}, Note: "With `nested flatten`."},
		{Meant: "pack_id", Names: []string{"generate_pack_id"}},
		{Meant: "batch_bytes", Names: []string{"max_raw_bytes_per_batch", "max_buffer_bytes", "min_size_bytes", "batch_size", "max_batch_size"}, Note: "A size such as 1M; `batch_count` counts logs."},
		{Meant: "batch_count", Names: []string{"max_buffer_items", "min_cnt", "max_batch_count"}},
		{Meant: "linger", Names: []string{"max_buffer_seconds", "timeout_secs", "flush_interval_ms", "linger_ms"}, Note: "A duration such as 2s."},
		{Meant: "concurrency", Names: []string{"io_thread_num", "max_io_worker_count"}},
		{Meant: "memory_limit", Names: []string{"total_size_in_bytes", "total_size_ln_bytes"}, Note: "A size such as 100M."},
		{Meant: "compress", Names: []string{"compress_type", "compression", "rdkafka.compression.codec"}},
		{Meant: "flush_timeout", Names: []string{"max_block_time_ms", "max_block_sec"}, Note: "A duration such as 10s."},
		{
			Names: []string{"retries", "max_send_retry"},
			Note:  "A request is sent again until `flush_timeout`, and its chunk comes back as often as Fluent Bit's `retry_limit` says.",
		},
		{Names: []string{
			"send_retry_interval", "base_retry_backoff_ms", "base_retry_backoff_time_ms", "max_retry_backoff_ms", "max_retry_backoff_time_ms",
		}, Note: "The pause before a request is sent again doubles from 100 ms to 5 s, or is what SLS asks for."},
	})
}

// gone are names that were options, with what takes their place.
func gone() map[string]string {
	const pause = "the pause before a request is sent again doubles from 100 ms to 5 s, or is what SLS asks for"
	return map[string]string{
		"log_interval": "the same error is logged once in 30 s",
		"max_retries":  "a request is sent again until flush_timeout, and its chunk comes back as often as Fluent Bit's retry_limit says",
		"retry_base":   pause,
		"retry_max":    pause,
		"time_ns":      "the nanoseconds of a log's time are always sent",
	}
}
