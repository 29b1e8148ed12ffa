package route

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/template"
)

// Limits of SLS: of names as in CreateProject and CreateLogStore, of topic and source as
// in its data model. For tags none is documented. This one keeps small what a record can
// add to its requests.
const (
	maxName  = 63
	maxTopic = 128
	maxTag   = 1024
)

var (
	projectRules  = template.NameRules{What: "a project name", Least: 3, Most: maxName}
	logstoreRules = template.NameRules{What: "a logstore name", Least: 2, Most: maxName, Underscore: true}
)

// Config is what the user sets about destinations.
type Config struct {
	Project         string // template
	Logstore        string // template
	DefaultProject  string
	DefaultLogstore string
	// AllowDestinations are patterns of the names that templates may give: "logstore" or
	// "project/logstore".
	AllowDestinations []string
	Topic             string        // template
	Source            string        // template; "" = the host name
	Tags              []option.Pair // values are templates
	HashKey           string        // template; "" = load-balanced
	HashBuckets       int           // power of two up to 256
	MaxDestinations   int
	MaxLogGroups      int
}

// Options declares the options that fill c.
func (c *Config) Options() []option.Option {
	const name, text = "a name or a template", "text or a template"
	return option.Grouped("Destination", []option.Option{
		{Name: "project", Dst: &c.Project, Example: "my-project", Required: true, Check: checkName(&projectRules), Allowed: name, Help: "SLS project to write to"},
		{Name: "logstore", Dst: &c.Logstore, Example: "app", Required: true, Check: checkName(&logstoreRules), Allowed: name, Help: "logstore to write to"},
		{Name: "default_project", Dst: &c.DefaultProject, Check: projectRules.Check, Allowed: "a name", Help: "project of the records for which `project`, a template, gives none"},
		{Name: "default_logstore", Dst: &c.DefaultLogstore, Check: logstoreRules.Check, Allowed: "a name", Help: "logstore of the records for which `logstore`, a template, gives none"},
		{Name: "allow_destinations", Dst: &c.AllowDestinations, Check: checkPatterns, Allowed: "patterns of logstore or project/logstore with `*` and `?`, comma-separated", Help: "what `project` and `logstore` may come to as templates; anything else goes to the defaults. Required when one of them is a template"},
		{Name: "topic", Dst: &c.Topic, Example: "$app|none", Check: checkText(maxTopic), Allowed: text, Help: "topic of the log groups (`__topic__`)"},
		{Name: "source", Dst: &c.Source, Check: checkText(maxTopic), Allowed: text, Help: "source of the log groups (`__source__`); the host name when not set"},
		{Name: "tags", Dst: &c.Tags, Example: "env=prod,pod=$kubernetes['pod_name']", Check: checkTags, Allowed: "key=value, comma-separated; a value is text or a template", Help: "tags of the log groups (`__tag__:key`)"},
		{Name: "hash_key", Dst: &c.HashKey, Example: "$user_id", Check: checkText(0), Allowed: text, Help: "records with the same value go to the same shard; without it they are spread evenly over the shards"},
		{Name: "hash_buckets", Dst: &c.HashBuckets, Default: "64", Min: "1", Max: "256", Check: checkBuckets, Allowed: "a power of two up to 256", Help: "number of parts of the hash space that records with a `hash_key` are sorted into: each is a request"},
		{Name: "max_destinations", Dst: &c.MaxDestinations, Default: "1000", Min: strconv.Itoa(leastDestinations), Max: "100000", Help: "destinations that a flush keeps open at once; the least recently used one is sent and forgotten for the next"},
		{Name: "max_log_groups", Dst: &c.MaxLogGroups, Default: "256", Min: "1", Max: "100000", Help: "different topics, sources and tags together that the records of a chunk may choose in a logstore: each is a request; the records behind that go without those of their choice"},
	})
}

// leastDestinations is the lowest max_destinations.
const leastDestinations = 16

// Validate checks what no option can check alone: the error holds every problem,
// each naming option and value. Options that are not set are not its concern.
func (c *Config) Validate() error {
	return errors.Join(
		requireDefault("project", c.Project, "default_project", c.DefaultProject),
		requireDefault("logstore", c.Logstore, "default_logstore", c.DefaultLogstore),
		c.requirePatterns(),
	)
}

// requireDefault refuses a name that a record could leave out.
func requireDefault(name, value, fallbackName, fallback string) error {
	t, err := template.Parse(value) // in which a name's variables are
	if err != nil || fallback != "" {
		return nil //nolint:nilerr // the option's own check reports what is no template
	}
	if p := t.Mandatory(); p != nil {
		return fmt.Errorf("option %s = %q: %w", name, value,
			template.SyntaxError(value, p.At, "this variable may be missing: give it a default, as in $key|default, or set %s", fallbackName))
	}
	return nil
}

func checkName(rules *template.NameRules) func(string) error {
	return func(value string) error {
		t, err := rules.Parse(value)
		if err != nil {
			return err
		}
		if t.Needs == template.NeedNothing {
			return rules.Check(t.Static())
		}
		return rules.CheckTemplate(&t)
	}
}

// Warnings says what is allowed but probably not meant, one line each, for the log at
// start.
func (c *Config) Warnings() []string {
	type typed struct{ option, value string }
	list := []typed{
		{"project", c.Project}, {"logstore", c.Logstore}, {"topic", c.Topic}, {"source", c.Source}, {"hash_key", c.HashKey},
	}
	for _, p := range c.Tags {
		list = append(list, typed{"tags", p.Value})
	}
	var found []string
	for _, o := range list {
		t, err := template.Parse(o.value)
		if err != nil {
			continue // the option's own check has said so
		}
		for _, d := range t.Dotted {
			found = append(found, fmt.Sprintf("option %s = %q: %s", o.option, o.value, d))
		}
	}
	return found
}

// checkText accepts templates; a static text has at most limit bytes, 0 = any
// number.
func checkText(limit int) func(string) error {
	return func(value string) error {
		t, err := template.Parse(value)
		switch {
		case err != nil:
			return err
		case !utf8.ValidString(value):
			return errors.New("not valid UTF-8")
		case limit > 0 && t.Needs == template.NeedNothing && len(t.Static()) > limit:
			return fmt.Errorf("longer than %d bytes", limit)
		}
		return nil
	}
}

// checkTags is called with a value that option has split already.
func checkTags(value string) error {
	for item := range strings.SplitSeq(value, ",") {
		key, text, _ := strings.Cut(item, "=")
		key, text = strings.TrimSpace(key), strings.TrimSpace(text)
		err := checkText(maxTag)(text)
		if !utf8.ValidString(key) {
			err = errors.New("not valid UTF-8")
		}
		if err != nil {
			return fmt.Errorf("tag %q: %w", key, err)
		}
	}
	return nil
}

func checkBuckets(value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || bits.OnesCount(uint(n)) > 1 {
		return errors.New("not a power of two")
	}
	return nil
}
