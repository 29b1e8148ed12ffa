package consumer

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fluent-bit-sls/in_sls/internal/handover"
	"fluent-bit-sls/in_sls/internal/shard"
	"fluent-bit-sls/in_sls/internal/tags"
	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// Config is what the options of the input set, and what the plugin knows of itself. The zero
// value is not usable: parse Options first.
type Config struct {
	Project            string
	Logstores          []string
	LogstorePattern    string
	DiscoveryInterval  time.Duration
	ConsumerGroup      string
	Consumer           string
	Shards             string
	InOrder            bool
	StartPosition      string
	FallbackPosition   string
	StopPosition       string
	Replay             []string
	HeartbeatTimeout   time.Duration
	FetchMaxGroups     int
	FetchInterval      time.Duration
	MemoryLimit        option.Size
	BufferSize         option.Size // 0: not set
	Handover           string
	Checkpoint         string
	MonitorURL         string
	MonitorInputs      []string
	CheckpointInterval time.Duration
	HandoffDelay       time.Duration
	Compress           string
	Query              string
	Processor          string
	MaxFetches         int
	Format             string
	JSONKeys           []string
	IncludeMeta        bool
	IncludePosition    bool
	MetaIn             string
	TagTemplate        string

	// DefaultConsumer names this member where the option consumer is not set. It has to be
	// unique in the group: two members of one name take the shards from each other.
	DefaultConsumer string
	// Monitor says what the engine has delivered, for checkpoint delivered.
	Monitor handover.Monitor
}

// Validate checks options against each other. The error holds every problem, and each names
// its option.
func (c *Config) Validate() error {
	var problems []error
	if c.Direct() && c.HandoffDelay < handover.LeastDirectDelay {
		problems = append(problems, fmt.Errorf("option handoff_delay: %v is less than %v, by when news of a pause has come with direct hand-over; raise it, or set handover callback",
			c.HandoffDelay, handover.LeastDirectDelay))
	}
	if c.TagTemplate != "" && !c.Direct() {
		problems = append(problems, errors.New("option tag_template: needs direct hand-over, as Fluent Bit takes what a callback returns under one tag; set handover auto or direct where Fluent Bit exports flb_input_log_append, or drop tag_template"))
	}
	if !c.Direct() && c.BufferSize > c.MemoryLimit {
		problems = append(problems, fmt.Errorf("option buffer_size: %s is more than memory_limit %s can ever fill; lower one or raise the other",
			c.BufferSize, c.MemoryLimit))
	}
	switch {
	case len(c.Logstores) == 0 && c.LogstorePattern == "":
		problems = append(problems, errors.New("option logstore: not set; name the logstores to read, or set logstore_pattern"))
	case len(c.Logstores) > 0 && c.LogstorePattern != "":
		problems = append(problems, errors.New("option logstore_pattern: set together with logstore; keep one of them"))
	}
	if !strings.EqualFold(c.Shards, allShards) && c.ConsumerGroup != noGroup {
		problems = append(problems, errors.New("option shards: a consumer group assigns the shards itself; set consumer_group none to choose them"))
	}
	if len(c.Replay) > 0 {
		problems = append(problems, c.checkReplay())
	}
	if len(c.JSONKeys) > 0 && c.Format != formatJSON {
		problems = append(problems, errors.New("option json_keys: only format json parses fields; set it, or drop json_keys"))
	}
	if c.Checkpoint == checkpointDelivered && (c.ConsumerGroup == noGroup || len(c.Replay) > 0) {
		problems = append(problems, errors.New("option checkpoint: delivered needs a consumer group to keep the checkpoints in; without one there are none"))
	}
	if c.name() == "" {
		problems = append(problems, errors.New("option consumer: not set, and there is no default name"))
	}
	return errors.Join(problems...)
}

// ChooseHandover settles what handover auto means, by whether the host has what direct
// hand-over takes. Call it before Validate. The error names the option.
func (c *Config) ChooseHandover(possible bool) error {
	switch {
	case c.Handover == handoverDirect && !possible:
		return errors.New("option handover: direct needs the function flb_input_log_append, which this Fluent Bit does not export; set auto or callback")
	case c.Handover == handoverAuto && possible:
		c.Handover = handoverDirect
	case c.Handover == handoverAuto:
		c.Handover = handoverCallback
	}
	return nil
}

// Direct reports whether records are handed over directly, which ChooseHandover decides.
func (c *Config) Direct() bool { return c.Handover == handoverDirect }

// bufferSize is what a second may bring.
func (c *Config) bufferSize() int {
	switch {
	case c.BufferSize > 0:
		return int(c.BufferSize)
	case c.Direct():
		return 64 << 20
	default:
		return int(min(16<<20, c.MemoryLimit))
	}
}

// checkReplay checks the options that cannot go with replay: its cursors belong to one
// logstore, and leave nothing else to choose.
func (c *Config) checkReplay() error {
	var problems []error
	if len(c.Logstores) != 1 {
		problems = append(problems, errors.New("option replay: cursors belong to one logstore; name that one in logstore"))
	}
	if c.StopPosition != "" {
		problems = append(problems, errors.New("option stop_position: set together with replay, whose ranges have their own ends; drop one"))
	}
	return errors.Join(problems...)
}

// The values of format and meta_in.
const (
	formatFlat     = "flat"
	formatJSON     = "json"
	formatRaw      = "raw"
	metaInRecord   = "record"
	metaInMetadata = "metadata"
)

// The values of handover.
const (
	handoverAuto     = "auto"
	handoverDirect   = "direct"
	handoverCallback = "callback"
)

// The values of checkpoint.
const (
	checkpointHandoff   = "handoff"
	checkpointDelivered = "delivered"
	checkpointOff       = "off"
)

const (
	// noGroup is the value of consumer_group that stands for none.
	noGroup = "none"
	// allShards is the value of shards that stands for every one there is and will be.
	allShards = "all"
	// maxShards bounds how many shards the option may name. A logstore has 256 at most.
	maxShards = 10_000
	// maxLogstores is how many logstores of a pattern are read at once: several times the
	// 200 that SLS allows, because each takes some 100 KiB. The others wait.
	maxLogstores = 1000
)

// Grouped reports whether a consumer group shares the shards and keeps the checkpoints.
func (c *Config) Grouped() bool { return c.ConsumerGroup != noGroup && len(c.Replay) == 0 }

// name is what this member is called in the group.
func (c *Config) name() string {
	if c.Consumer != "" {
		return c.Consumer
	}
	return c.DefaultConsumer
}

// parsed are the options whose text is parsed by New and not by their declaration.
type parsed struct {
	start, fallback shard.Position
	stop            shard.Stop
	shards          []int // nil for all
	ranges          []shard.Range
	pattern         *regexp.Regexp // nil without logstore_pattern
	tags            *tags.Template // nil without tag_template
}

// parse checks the configuration, and turns durations ago into times.
func (c *Config) parse(now time.Time) (p parsed, err error) {
	if err = c.Validate(); err != nil {
		return p, err
	}
	if c.Checkpoint == checkpointDelivered && c.Monitor == nil {
		return p, errors.New("option checkpoint: delivered has no monitor to go by")
	}
	if p.start, err = shard.ParsePosition(c.StartPosition, now); err != nil {
		return p, fmt.Errorf("option start_position: %q: %w", c.StartPosition, err)
	}
	if p.fallback, err = shard.ParsePosition(c.FallbackPosition, now); err != nil {
		return p, fmt.Errorf("option fallback_position: %q: %w", c.FallbackPosition, err)
	}
	if p.stop, err = shard.ParseStop(c.StopPosition, now); err != nil {
		return p, fmt.Errorf("option stop_position: %q: %w", c.StopPosition, err)
	}
	if p.shards, err = parseShards(c.Shards); err != nil {
		return p, fmt.Errorf("option shards: %w", err)
	}
	for _, raw := range c.Replay {
		r, err := shard.ParseRange(raw)
		if err != nil {
			return p, fmt.Errorf("option replay: %w", err)
		}
		p.ranges = append(p.ranges, r)
	}
	if c.LogstorePattern != "" {
		if p.pattern, err = wholeName(c.LogstorePattern); err != nil {
			return p, fmt.Errorf("option logstore_pattern: %q: %w", c.LogstorePattern, err)
		}
	}
	if c.TagTemplate != "" {
		if p.tags, err = tags.Parse(c.TagTemplate); err != nil {
			return p, fmt.Errorf("option tag_template: %q: %w", c.TagTemplate, err)
		}
	}
	return p, nil
}

// shard is what the options say of the reading of shards.
func (c *Config) shard(p parsed) shard.Config {
	record := loggroup.Decoder{
		IncludeMeta: c.IncludeMeta, InMetadata: c.MetaIn == metaInMetadata,
	}
	switch c.Format {
	case formatJSON:
		record.Format = loggroup.FormatJSON
		record.JSONKeys = make(map[string]bool, len(c.JSONKeys))
		for _, key := range c.JSONKeys {
			record.JSONKeys[key] = true
		}
	case formatRaw:
		record.Format = loggroup.FormatRaw
	}
	return shard.Config{
		MaxGroups: c.FetchMaxGroups, Interval: c.FetchInterval, Codec: sls.Codec(c.Compress),
		Query: c.Query, Processor: c.Processor,
		Fallback: p.fallback, FallbackText: c.FallbackPosition, Stop: p.stop,
		ReportEnd: c.Checkpoint == checkpointOff && c.Grouped(),
		Record:    record, Positions: c.IncludePosition,
	}
}

// checkDistinct refuses a list that names something twice: two members of one name for one
// logstore would take the shards from each other.
func checkDistinct(raw string) error {
	seen := map[string]bool{}
	for item := range strings.SplitSeq(raw, ",") {
		item = strings.TrimSpace(item)
		if seen[item] {
			return fmt.Errorf("%q is listed twice", item)
		}
		seen[item] = true
	}
	return nil
}

func checkPattern(raw string) error {
	_, err := wholeName(raw)
	return err
}

// wholeName compiles a pattern that has to match all of a name.
func wholeName(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`^(?:` + pattern + `)$`)
}

func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("not an http or https address")
	}
	return nil
}

// checkWholeSeconds refuses fractions: on the wire the timeout of a consumer group is a whole
// number of seconds.
func checkWholeSeconds(raw string) error {
	d, err := option.ParseDuration(raw)
	if err != nil {
		return err
	}
	if d%time.Second != 0 {
		return errors.New("not a whole number of seconds")
	}
	return nil
}

// parseShards reads ids and ranges of ids; nil stands for all.
func parseShards(raw string) ([]int, error) {
	if strings.EqualFold(raw, allShards) || raw == "" {
		return nil, nil
	}
	var ids []int
	for item := range strings.SplitSeq(raw, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(item), "-")
		if !ranged {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 31)
		last, err2 := strconv.ParseUint(to, 10, 31)
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("%q is neither a shard id nor a range of them", item)
		case first > last:
			return nil, fmt.Errorf("the range %q is the wrong way round", item)
		case last-first >= maxShards || len(ids) >= maxShards:
			return nil, fmt.Errorf("more than %d shards", maxShards)
		}
		for id := first; id <= last; id++ {
			ids = append(ids, int(id))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func checkShards(raw string) error {
	_, err := parseShards(raw)
	return err
}
