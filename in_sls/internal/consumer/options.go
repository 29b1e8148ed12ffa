package consumer

import (
	"slices"

	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/in_sls/internal/tags"
	"fluent-bit-sls/shared/option"
)

// Options declares the options of the engine; parsing them fills c.
func (c *Config) Options() []option.Option {
	return slices.Concat(
		option.Grouped("Source", c.sourceOptions()),
		option.Grouped("Consumer group", c.groupOptions()),
		option.Grouped("Position", c.positionOptions()),
		option.Grouped("Record", c.recordOptions()),
		option.Grouped("Checkpoint", c.checkpointOptions()),
		option.Grouped("Pulling and memory", c.pullOptions()),
	)
}

// sourceOptions says which logstores are read.
func (c *Config) sourceOptions() []option.Option {
	return []option.Option{
		{Name: "project", Dst: &c.Project, Example: "my-project", Required: true, Help: "SLS project to read from"},
		{
			Name: "logstore", Dst: &c.Logstores, Example: "app,web", Check: checkDistinct, Allowed: "names, comma-separated",
			Help: "logstore to read, or several; required unless logstore_pattern is set",
		},
		{
			Name: "logstore_pattern", Dst: &c.LogstorePattern, Check: checkPattern, Allowed: "a regular expression (RE2)",
			Help: "read every logstore of the project whose whole name matches; new ones join, deleted ones leave",
		},
		{
			Name: "discovery_interval", Dst: &c.DiscoveryInterval, Default: "60s", Min: "1s", Max: "24h",
			Help: "time between two looks for new logstores with logstore_pattern, and for new shards with consumer_group none",
		},
	}
}

// groupOptions says in whose name they are read, and which shards of them.
func (c *Config) groupOptions() []option.Option {
	return []option.Option{
		{
			Name: "consumer_group", Dst: &c.ConsumerGroup, Example: "to-elasticsearch", Default: "fluent-bit",
			Help: "consumer group that shares the shards among its members and keeps the checkpoints; created when missing. `none` reads without one: no checkpoints, nobody to share with",
		},
		{
			Name: "consumer", Dst: &c.Consumer, Example: "box-1",
			Help: "name of this member, unique in the group (default: host name, process id and instance)",
		},
		{
			Name: "heartbeat_timeout", Dst: &c.HeartbeatTimeout, Default: "60s", Min: "6s", Max: "10m",
			Check: checkWholeSeconds, Allowed: "whole seconds",
			Help: "silence after which the group gives the shards of a member to others; of an existing group, its own value holds",
		},
		{
			Name: "shards", Dst: &c.Shards, Default: allShards, Check: checkShards, Allowed: "`all`, or ids and ranges such as `0,2,5-7`",
			Help: "shards to read with consumer_group none; all of them includes those that come by splits and merges",
		},
		{
			Name: "in_order", Dst: &c.InOrder, Default: "on",
			Help: "read the children of a split or merge after their parents; a consumer group that exists keeps its own setting",
		},
	}
}

// positionOptions says where the reading starts and ends.
func (c *Config) positionOptions() []option.Option {
	const positions = "begin, end, unix seconds, RFC 3339 or a duration ago such as 2h or 7d"
	return []option.Option{
		{
			Name: "start_position", Dst: &c.StartPosition, Example: "2h", Default: "begin", Check: shard.CheckPosition, Allowed: positions,
			Help: "where to start in a shard without a checkpoint",
		},
		{
			Name: "fallback_position", Dst: &c.FallbackPosition, Default: "begin", Check: shard.CheckPosition, Allowed: positions,
			Help: "where to go on when a checkpoint points to data that has expired",
		},
		{
			Name: "stop_position", Dst: &c.StopPosition, Check: shard.CheckStop,
			Allowed: "end, unix seconds, RFC 3339 or a duration ago such as 2h or 7d",
			Help:    "where to stop: what SLS received before then is read, and the reading ends; end is the end as of the start",
		},
		{
			Name: "replay", Dst: &c.Replay, Check: shard.CheckRanges, Allowed: "SHARD:BEGIN_CURSOR:END_CURSOR, comma-separated",
			Help: "read exactly these ranges (the end is exclusive), without a consumer group, and end",
		},
	}
}

// recordOptions says what becomes of a log.
func (c *Config) recordOptions() []option.Option {
	return []option.Option{
		{
			Name: "query", Dst: &c.Query,
			Help: "SPL or scan statement by which SLS filters what is read",
		},
		{
			Name: "processor", Dst: &c.Processor,
			Help: "consume processor of the project by which SLS filters what is read",
		},
		{
			Name: "format", Dst: &c.Format, Example: "json", Default: formatFlat, Enum: []string{formatFlat, formatJSON, formatRaw},
			Help: "flat: every content a field; json: contents that are JSON become its structure; raw: all contents in one field, `log`, as JSON text",
		},
		{
			Name: "json_keys", Dst: &c.JSONKeys,
			Help: "contents that format json parses (default: all that are a JSON object or array); what is no JSON stays a string",
		},
		{Name: "include_meta", Dst: &c.IncludeMeta, Example: "on", Default: "off", Help: "add `__topic__`, `__source__` and `__tag__:*`"},
		{
			Name: "include_position", Dst: &c.IncludePosition, Default: "off",
			Help: "add `__project__`, `__logstore__`, `__shard__`, `__cursor__` and `__id__`, which is the same whenever a log is read again",
		},
		{
			Name: "meta_in", Dst: &c.MetaIn, Default: metaInRecord, Enum: []string{metaInRecord, metaInMetadata},
			Help: "where include_meta and include_position add: fields of the record, or the metadata of the event",
		},
		{
			Name: "tag_template", Dst: &c.TagTemplate, Example: "sls.$logstore.$topic|none", Check: tags.Check, Allowed: "a template",
			Help: "tag for each log group instead of the section's own: text with $project, $logstore, $shard, $topic, $source and $tag['key']; needs direct hand-over",
		},
	}
}

// pullOptions says how much is pulled, kept in memory and handed over, and how often.
func (c *Config) pullOptions() []option.Option {
	return []option.Option{
		{
			Name: "fetch_max_groups", Dst: &c.FetchMaxGroups, Default: "100", Min: "1", Max: "1000",
			Help: "most log groups in one pull; fewer are asked for where they are large",
		},
		{
			Name: "fetch_interval", Dst: &c.FetchInterval, Default: "100ms", Min: "10ms", Max: "1m",
			Help: "least pause between two pulls of a shard that has caught up (up to 500ms when idle); none while it is behind",
		},
		{
			Name: "max_concurrent_fetches", Dst: &c.MaxFetches, Default: "64", Min: "1", Max: "1000",
			Help: "pulls that may be under way at once, of all shards together",
		},
		{
			Name: "memory_limit", Dst: &c.MemoryLimit, Example: "200M", Default: "40M", Min: "1M", Max: "64G",
			Help: "bytes all shards together may hold, decompressed or decoded, until they are handed over",
		},
		{
			Name: "buffer_size", Dst: &c.BufferSize, Example: "32M", Min: "64k", Max: "1G",
			Help: "most bytes handed to Fluent Bit in a second (default 64M; 16M by callback, where they go at once); a larger record goes alone",
		},
		{
			Name: "handover", Dst: &c.Handover, Default: handoverAuto, Enum: []string{handoverAuto, handoverDirect, handoverCallback},
			Help: "how records get to Fluent Bit: direct appends them as they come, as its own inputs do; callback gives it one buffer a second; auto is direct where Fluent Bit has the function for it",
		},
		{
			Name: "compress", Dst: &c.Compress, Default: "lz4", Enum: []string{"lz4", "zstd"},
			Help: "compression of what is pulled",
		},
	}
}

// checkpointOptions says when handed-over records are safe, and when that is committed.
func (c *Config) checkpointOptions() []option.Option {
	return []option.Option{
		{
			Name: "checkpoint", Dst: &c.Checkpoint, Example: "delivered", Default: checkpointHandoff,
			Enum: []string{checkpointHandoff, checkpointDelivered, checkpointOff},
			Help: "what a checkpoint stands for: Fluent Bit has had it for handoff_delay; or every output has delivered it; off writes none but that of a shard read to its end",
		},
		{
			Name: "checkpoint_interval", Dst: &c.CheckpointInterval, Example: "60s", Default: "5s", Min: "100ms", Max: "10m",
			Help: "time between two commits of a shard's checkpoint; with checkpoint delivered, between a barrier and the next",
		},
		{
			Name: "handoff_delay", Dst: &c.HandoffDelay, Default: "2s", Min: "300ms", Max: "1m",
			Help: "time after which what was handed over counts as taken in by Fluent Bit; longer than any filter holds records back; at least 1200ms with direct hand-over",
		},
		{
			Name: "monitor_url", Dst: &c.MonitorURL, Default: "http://127.0.0.1:2020", Check: checkURL, Allowed: "http(s)://host[:port]",
			Help: "Fluent Bit's monitoring server, for checkpoint delivered; needs http_server on and storage.metrics on in the service section",
		},
		{
			Name: "monitor_inputs", Dst: &c.MonitorInputs,
			Help: "further inputs to wait for with checkpoint delivered: emitters of filters that have an emitter_name",
		},
	}
}
