package consumer

import (
	"errors"
	"fmt"
	"time"

	"fluent-bit-sls/shared/option"
)

// Config is what the options of the input set, plus what the plugin knows of
// itself. The zero value is not usable: parse Options first.
type Config struct {
	Project            string
	Logstore           string
	ConsumerGroup      string
	Consumer           string
	StartPosition      string
	FallbackPosition   string
	HeartbeatTimeout   time.Duration
	FetchMaxGroups     int
	FetchInterval      time.Duration
	MemoryLimit        option.Size
	BufferSize         option.Size
	CheckpointInterval time.Duration
	HandoffDelay       time.Duration
	Compress           string
	IncludeMeta        bool

	// DefaultConsumer names this member where the option consumer is not set.
	// It has to be unique among all members of the group: two members of one
	// name take the shards from each other.
	DefaultConsumer string
}

// Options declares the options of the engine; parsing them fills c.
func (c *Config) Options() []option.Option {
	return append(c.sourceOptions(), c.pullOptions()...)
}

// sourceOptions says what is read, in whose name and from where.
func (c *Config) sourceOptions() []option.Option {
	const positions = "begin, end, unix seconds, RFC 3339 or a duration ago such as 2h"
	return []option.Option{
		{Name: "project", Dst: &c.Project, Required: true, Help: "SLS project to read from"},
		{Name: "logstore", Dst: &c.Logstore, Required: true, Help: "logstore to read"},
		{
			Name: "consumer_group", Dst: &c.ConsumerGroup, Default: "fluent-bit",
			Help: "consumer group that shares the shards among its members and keeps the checkpoints; created when missing",
		},
		{
			Name: "consumer", Dst: &c.Consumer,
			Help: "name of this member, unique in the group (default: host name, process id and instance)",
		},
		{
			Name: "start_position", Dst: &c.StartPosition, Default: "begin", Check: checkPosition, Allowed: positions,
			Help: "where to start in a shard without a checkpoint",
		},
		{
			Name: "fallback_position", Dst: &c.FallbackPosition, Default: "begin", Check: checkPosition, Allowed: positions,
			Help: "where to go on when a checkpoint points to data that has expired",
		},
		{
			Name: "heartbeat_timeout", Dst: &c.HeartbeatTimeout, Default: "60s", Min: "6s", Max: "10m",
			Check: checkWholeSeconds, Allowed: "whole seconds",
			Help: "silence after which the group gives the shards of a member to others; of an existing group, its own value holds",
		},
		{Name: "include_meta", Dst: &c.IncludeMeta, Default: "off", Help: "add __topic__, __source__ and __tag__:* to each record"},
	}
}

// pullOptions says how much is fetched, held and handed over, and when.
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
			Name: "memory_limit", Dst: &c.MemoryLimit, Default: "100M", Min: "1M", Max: "64G",
			Help: "bytes all shards together may hold, decompressed or decoded, until they are handed over",
		},
		{
			Name: "buffer_size", Dst: &c.BufferSize, Default: "16M", Min: "64k", Max: "1G",
			Help: "most bytes handed to Fluent Bit at once, about once a second; a larger record goes alone",
		},
		{
			Name: "checkpoint_interval", Dst: &c.CheckpointInterval, Default: "5s", Min: "100ms", Max: "10m",
			Help: "time between two commits of a shard's checkpoint",
		},
		{
			Name: "handoff_delay", Dst: &c.HandoffDelay, Default: "2s", Min: "300ms", Max: "1m",
			Help: "time after which what was handed over counts as taken in by Fluent Bit and may be checkpointed",
		},
		{
			Name: "compress", Dst: &c.Compress, Default: "lz4", Enum: []string{"lz4", "zstd"},
			Help: "compression of what is pulled",
		},
	}
}

// Check reports what single options cannot see: rules that span two of them.
func (c *Config) Check() error {
	var problems []error
	if c.BufferSize > c.MemoryLimit {
		problems = append(problems, fmt.Errorf("option buffer_size: %s is more than memory_limit %s can ever fill; lower one or raise the other",
			c.BufferSize, c.MemoryLimit))
	}
	if c.name() == "" {
		problems = append(problems, errors.New("option consumer: not set, and there is no default name"))
	}
	return errors.Join(problems...)
}

// name is what this member is called in the group.
func (c *Config) name() string {
	if c.Consumer != "" {
		return c.Consumer
	}
	return c.DefaultConsumer
}

// checkWholeSeconds is there because the timeout of a consumer group is a
// whole number of seconds on the wire.
func checkWholeSeconds(raw string) error {
	d, err := time.ParseDuration(raw)
	if err != nil {
		return err
	}
	if d%time.Second != 0 {
		return errors.New("not a whole number of seconds")
	}
	return nil
}
