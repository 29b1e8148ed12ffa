package route

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"fluent-bit-sls/shared/loggroup"
)

// Router maps records to destinations, by way of one Session per flush. It is safe
// for concurrent use.
type Router struct {
	static  Target         // what is the same for every record
	tags    []loggroup.Tag // in the order configured; "" where fields say the value
	fields  []field        // the options that are templates, those of the tag first
	ofTag   int            // how many of fields need no record
	buckets int
	max     int

	// sessions are those of ended flushes, with what they know: nothing in the way
	// of a record is shared, and there are no more than flushes at once.
	sessions sync.Pool

	fallbacks, evicted atomic.Uint64
}

// Stats counts what a Router has done since it began.
type Stats struct {
	// Fallbacks is how often an option's static default stood in for a template
	// that gave no value: once per record and option. A chunk that comes back
	// counts again.
	Fallbacks uint64
	// Evicted is how often a destination was closed for another one within a
	// flush, because there were more than max_destinations.
	Evicted uint64
}

// kind is what a field fills.
type kind int

const (
	kindProject kind = iota
	kindLogstore
	kindTopic
	kindSource
	kindHashKey
	kindTag
)

// field is an option that is a template.
type field struct {
	kind     kind
	tag      int // kindTag: which
	template template
	fallback string // the static default; "" = none
}

// New returns the router for cfg, which Options have filled; the error is that of
// Validate, or that the host has no name.
func New(cfg Config) (*Router, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := builder{r: &Router{buckets: cfg.HashBuckets, max: max(cfg.MaxDestinations, leastDestinations)}}
	to := &b.r.static.Destination
	b.name(kindProject, &projectRules, &to.Project, cfg.Project, cfg.DefaultProject)
	b.name(kindLogstore, &logstoreRules, &to.Logstore, cfg.Logstore, cfg.DefaultLogstore)
	b.option(kindTopic, &to.Topic, cfg.Topic, "")
	b.source(&to.Source, cfg.Source)
	if b.option(kindHashKey, &to.HashKey, cfg.HashKey, ""); to.HashKey != "" {
		to.HashKey = string(appendHashKey(nil, []byte(to.HashKey), cfg.HashBuckets))
	}
	for i, p := range cfg.Tags {
		b.r.tags = append(b.r.tags, loggroup.Tag{Key: p.Key})
		b.option(kindTag, &b.r.tags[i].Value, p.Value, "")
	}
	if b.err != nil {
		return nil, b.err
	}
	to.Tags = encodeTags(b.r.tags)
	slices.SortStableFunc(b.r.fields, func(f, g field) int { return int(f.template.needs - g.template.needs) })
	for b.r.ofTag < len(b.r.fields) && b.r.fields[b.r.ofTag].template.needs == needTag {
		b.r.ofTag++
	}
	b.r.sessions.New = func() any {
		return &Session{router: b.r, known: newDestinations(b.r.max)}
	}
	return b.r, nil
}

// builder takes the options in turn and keeps the first error.
type builder struct {
	r   *Router
	err error
}

// option stores value in dst, or makes a field of it when it is a template.
func (b *builder) option(k kind, dst *string, value, fallback string) {
	t, err := parse(value)
	switch {
	case err != nil && b.err == nil:
		b.err = fmt.Errorf("template %q: %w", value, err)
	case t.needs == needNothing:
		*dst = t.static()
	default:
		b.r.fields = append(b.r.fields, field{kind: k, tag: len(b.r.tags) - 1, template: t, fallback: fallback})
	}
}

// name falls back to the template with everything missing: Validate has made sure
// that one of the two is there.
func (b *builder) name(k kind, rules *nameRules, dst *string, value, fallback string) {
	if fallback == "" {
		if t, err := parse(value); err == nil && t.needs != needNothing {
			name, _ := t.appendTo(nil, "", nil)
			name, _ = rules.appendMended(nil, name)
			fallback = string(name)
		}
	}
	b.option(k, dst, value, fallback)
}

func (b *builder) source(dst *string, value string) {
	host, err := os.Hostname()
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("find the host name for source: %w", err)
	}
	if b.option(kindSource, dst, value, host); value == "" {
		*dst = host
	}
}

// Stats is a snapshot of the counters. Those of a flush are added when it ends.
func (r *Router) Stats() Stats {
	return Stats{Fallbacks: r.fallbacks.Load(), Evicted: r.evicted.Load()}
}

// appendValue appends what f comes to: raw, made to fit, or the static default.
func (r *Router) appendValue(dst []byte, f *field, raw []byte, ok bool) (value []byte, fallback bool) {
	if !ok {
		return append(dst, f.fallback...), true
	}
	switch f.kind {
	case kindProject:
		dst, ok = projectRules.appendMended(dst, raw)
	case kindLogstore:
		dst, ok = logstoreRules.appendMended(dst, raw)
	case kindHashKey:
		if len(raw) > 0 {
			dst = appendHashKey(dst, raw, r.buckets)
		}
	case kindTag:
		dst = appendText(dst, raw, maxTag)
	default:
		dst = appendText(dst, raw, maxTopic)
	}
	if !ok {
		return append(dst, f.fallback...), true
	}
	return dst, false
}

// destination builds the one of a key: the values of the fields in turn, each
// behind its length. They stay windows into the key.
func (r *Router) destination(key string) Destination {
	to := r.static.Destination
	var tags []loggroup.Tag
	for i, rest := 0, key; i < len(r.fields); i++ {
		size, n := binary.Uvarint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		value := rest[n : n+int(size)]
		rest = rest[n+int(size):]
		switch f := &r.fields[i]; f.kind {
		case kindProject:
			to.Project = value
		case kindLogstore:
			to.Logstore = value
		case kindTopic:
			to.Topic = value
		case kindSource:
			to.Source = value
		case kindHashKey:
			to.HashKey = value
		case kindTag:
			if tags == nil {
				tags = slices.Clone(r.tags)
			}
			tags[f.tag].Value = value
		}
	}
	if tags != nil {
		to.Tags = encodeTags(tags)
	}
	return to
}

// encodeTags leaves out those without a value.
func encodeTags(tags []loggroup.Tag) string {
	tags = slices.DeleteFunc(slices.Clone(tags), func(t loggroup.Tag) bool { return t.Value == "" })
	return string(loggroup.AppendGroupFields(nil, "", "", tags))
}
