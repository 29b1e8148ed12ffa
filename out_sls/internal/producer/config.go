package producer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fluent-bit-sls/out_sls/internal/delivery"
	"fluent-bit-sls/out_sls/internal/schedule"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/out_sls/internal/sequence"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// Config is what the user sets about batching and delivery. Sizes are bytes of
// encoded, uncompressed log groups.
type Config struct {
	Codec        string
	BatchBytes   option.Size
	BatchCount   int
	Linger       time.Duration
	Ordered      bool
	Concurrency  int
	GroupBatch   string
	MemoryLimit  option.Size
	FlushTimeout time.Duration
	Content      ContentConfig

	DeadLetterFile string
	DeadLetterSize option.Size
	OldLogTime     string
	PackID         bool
	Processor      string

	StatePath string // folder; "" = what is delivered is forgotten with the process
	StateSize option.Size
	// ExactlyOnce gives writes sequence numbers.
	ExactlyOnce bool
	// Instance is the section's alias or name, which its state is kept under. It is no
	// option.
	Instance string
}

// groupBatchAuto is the group_batch that sends batches to servers that take them.
const groupBatchAuto = "auto"

// Validate checks what no option can check alone.
func (c *Config) Validate() error {
	_, err := c.Content.EncodeOptions()
	if c.OldLogTime == delivery.OldTimeDeadLetter && c.DeadLetterFile == "" {
		err = errors.Join(err, errors.New("option old_log_time = \"dead_letter\": needs dead_letter_file"))
	}
	if c.ExactlyOnce && c.StatePath == "" {
		err = errors.Join(err, errors.New("option exactly_once = \"on\": needs state_path"))
	}
	if 0 < c.FlushTimeout && c.FlushTimeout <= c.Linger {
		err = errors.Join(err, fmt.Errorf("option linger = %v: must be below flush_timeout, which is %v:"+
			" the chunk would be given back before its request starts, each time", c.Linger, c.FlushTimeout))
	}
	return err
}

// segment, schedule and delivery are what the rooms need of c.
func (c *Config) segment() (segment.Config, error) {
	encode, err := c.Content.EncodeOptions()
	return segment.Config{Encode: encode, Bytes: int(c.BatchBytes), Count: c.BatchCount}, err
}

func (c *Config) schedule() schedule.Config {
	s := schedule.Config{
		BatchBytes: int(c.BatchBytes), BatchCount: c.BatchCount,
		Linger: c.Linger, Ordered: c.Ordered, Concurrency: c.Concurrency,
		// No client sends a processor with a batch.
		Batches: c.GroupBatch == groupBatchAuto && c.Processor == "",
		// A little less than flush_timeout, so that an outage is known when the first flush
		// has met its deadline.
		Patience: c.FlushTimeout * 9 / 10,
	}
	if c.ExactlyOnce { // a request takes one segment, so none has to wait for others
		s.Alone, s.Batches, s.Linger, s.Concurrency = true, false, 0, min(c.Concurrency, sequence.Slots)
	}
	return s
}

func (c *Config) delivery() delivery.Config {
	return delivery.Config{
		Codec: sls.Codec(c.Codec), Processor: c.Processor,
		OldLogTime: c.OldLogTime, DeadLetters: c.DeadLetterFile != "",
	}
}

// Options declares the options that fill c.
func (c *Config) Options() []option.Option {
	return slices.Concat(
		c.Content.Options(),
		option.Grouped("Record", c.recordOptions()),
		option.Grouped("Batching", c.batchOptions()),
		option.Grouped("Delivery", c.deliveryOptions()),
	)
}

func (c *Config) recordOptions() []option.Option {
	return []option.Option{
		{Name: "pack_id", Dst: &c.PackID, Default: "off", Help: "number the log groups of each Fluent Bit tag in `__pack_id__`, so that SLS can show the context of a log; groups then hold one tag only"},
		{Name: "processor", Dst: &c.Processor, Check: checkUTF8, Allowed: "the name of an ingest processor", Help: "ingest processor of the project by which SLS changes or filters what is written, before it stores it"},
	}
}

func (c *Config) batchOptions() []option.Option {
	codecs := []string{string(sls.LZ4), string(sls.ZSTD), string(sls.None)}
	return []option.Option{
		{Name: "compress", Dst: &c.Codec, Default: "lz4", Enum: codecs, Help: "compression of request bodies"},
		{Name: "batch_bytes", Dst: &c.BatchBytes, Example: "1M", Default: "2M", Min: "16k", Max: "5M", Help: "size at which a request is full, before compression"},
		{Name: "batch_count", Dst: &c.BatchCount, Default: "4096", Min: "1", Max: "40960", Help: "number of logs at which a request is full"},
		{Name: "linger", Dst: &c.Linger, Example: "2s", Default: "0", Max: "1m", Help: "how long a small request waits for more, also when nothing else is in flight"},
		{Name: "concurrency", Dst: &c.Concurrency, Default: "16", Min: "1", Max: "256", Help: "most requests in flight at once per logstore; halved when SLS throttles, and grown again"},
		{Name: "group_batch", Dst: &c.GroupBatch, Default: groupBatchAuto, Enum: []string{groupBatchAuto, "off"}, Help: "send small log groups of several topics, sources and tags in one request per logstore; not with hash_key, processor or exactly_once, and not to a server that refuses it"},
		{Name: "memory_limit", Dst: &c.MemoryLimit, Example: "32M", Default: "100M", Min: "8M", Help: "bytes buffered and in flight, over all flushes of the instance"},
	}
}

func (c *Config) deliveryOptions() []option.Option {
	return []option.Option{
		{Name: "flush_timeout", Dst: &c.FlushTimeout, Example: "20s", Default: "10s", Min: "1s", Max: "10m", Help: "time after which a flush gives the chunk back to the engine for a retry; until then, what fails is sent again; keep it below the time the host allows for shutdown"},
		{Name: "ordered", Dst: &c.Ordered, Default: "off", Help: "one request in flight per destination, in order of arrival; with `hash_key` this keeps the order of each hash bucket"},
		{Name: "dead_letter_file", Dst: &c.DeadLetterFile, Example: "/var/lib/fluent-bit/refused.jsonl", Help: "file for the records that SLS refuses for good, one JSON line each; without it they are dropped"},
		{Name: "dead_letter_size", Dst: &c.DeadLetterSize, Default: "100M", Min: "64k", Help: "size at which the dead-letter file is rotated; four old ones are kept"},
		{Name: "state_path", Dst: &c.StatePath, Example: "/var/lib/fluent-bit/state", Help: "folder in which is remembered what SLS has accepted of which chunk, so that chunks in `storage.type filesystem` are not sent twice after a kill or a restart; one file per section, named after its alias"},
		{Name: "state_size", Dst: &c.StateSize, Default: "16M", Min: "1M", Max: "1G", Help: "size that a file in state_path may have; half of it at least holds the latest segments of finished chunks, 64 bytes each"},
		{Name: "exactly_once", Dst: &c.ExactlyOnce, Default: "off", Help: "number each write under a hash key of its own, so that SLS refuses what it has had; needs state_path. A request then carries one segment of one chunk, and linger does nothing"},
		{Name: "old_log_time", Dst: &c.OldLogTime, Default: delivery.OldTimeRewrite, Enum: []string{delivery.OldTimeRewrite, delivery.OldTimeDeadLetter, delivery.OldTimeDrop}, Help: "what to do with a log that SLS refuses for its age: send it with the current time and its own in `__orig_time__`, keep it in dead_letter_file, or drop it"},
	}
}
