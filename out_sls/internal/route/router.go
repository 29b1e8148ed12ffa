package route

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/template"
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
	grouped bool      // records choose topics, tags or the like, of which there may be groups.most
	groups  int       // max_log_groups
	roots   []string  // the keys of a record that fields read
	allow   []pattern // nil = anything
	// home is where a record goes when it names what allow does not have.
	home struct{ project, logstore []byte }
	// ofProject and ofLogstore are the names' templates; nil = typed in full.
	ofProject, ofLogstore *template.Naming

	fingerprint string

	// sessions are those of ended flushes, with what they know. So no record needs
	// anything shared, and there are never more sessions than flushes at once.
	sessions sync.Pool

	fallbacks, evicted, refused, capped atomic.Uint64
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
	// Refused is how many records named a destination that is not in
	// allow_destinations. A chunk that comes back counts again.
	Refused uint64
	// Capped is how many records have gone without the topic, source, tags and hash key of
	// their choice, because of max_log_groups. A chunk that comes back counts again.
	Capped uint64
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
	template template.Template
	fallback string // the static default; "" = none
}

// New returns the router for cfg, which Options have filled; the error is that of
// Validate, or that the host has no name.
func New(cfg Config) (*Router, error) {
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("find the host name for source: %w", err)
	}
	return newOn(host, cfg)
}

// newOn is New on a host of that name.
func newOn(host string, cfg Config) (*Router, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := builder{r: &Router{buckets: cfg.HashBuckets, max: max(cfg.MaxDestinations, leastDestinations), groups: max(cfg.MaxLogGroups, 1)}}
	to := &b.r.static.Destination
	b.r.home.project, b.r.ofProject = b.name(kindProject, &projectRules, &to.Project, cfg.Project, cfg.DefaultProject)
	b.r.home.logstore, b.r.ofLogstore = b.name(kindLogstore, &logstoreRules, &to.Logstore, cfg.Logstore, cfg.DefaultLogstore)
	b.patterns(cfg.AllowDestinations)
	b.option(kindTopic, &to.Topic, cfg.Topic, "")
	b.source(&to.Source, &cfg, host)
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
	slices.SortStableFunc(b.r.fields, func(f, g field) int { return int(f.template.Needs - g.template.Needs) })
	for b.r.ofTag < len(b.r.fields) && b.r.fields[b.r.ofTag].template.Needs == template.NeedTag {
		b.r.ofTag++
	}
	b.r.grouped = b.r.hasGroups()
	b.r.sessions.New = func() any { return b.r.newSession() }
	return b.r, nil
}

func (r *Router) newSession() *Session {
	return &Session{router: r, known: newDestinations(r.max), groups: newGroups(r.groups)}
}

// builder takes the options in turn and keeps the first error.
type builder struct {
	r   *Router
	err error
}

// option stores value in dst, or makes a field of it when it is a template.
func (b *builder) option(k kind, dst *string, value, fallback string) {
	t, err := template.Parse(value)
	b.parsed(k, dst, &t, err, value, fallback)
}

func (b *builder) parsed(k kind, dst *string, t *template.Template, err error, value, fallback string) {
	switch {
	case err != nil && b.err == nil:
		b.err = fmt.Errorf("template %q: %w", value, err)
	case t.Needs == template.NeedNothing:
		*dst = t.Static()
	default:
		b.roots(t)
		b.r.fields = append(b.r.fields, field{kind: k, tag: len(b.r.tags) - 1, template: *t, fallback: fallback})
	}
}

// roots tells the references of t where in Router.roots their path begins.
func (b *builder) roots(t *template.Template) {
	for i := range t.Parts {
		for k := range t.Parts[i].Alternates {
			ref := &t.Parts[i].Alternates[k]
			if ref.From != template.FromRecord {
				continue
			}
			if ref.Slot = slices.Index(b.r.roots, ref.Path[0].Key); ref.Slot < 0 {
				ref.Slot = len(b.r.roots)
				b.r.roots = append(b.r.roots, ref.Path[0].Key)
			}
		}
	}
}

// patterns are of no use when there is nothing to decide.
func (b *builder) patterns(list []string) {
	if len(b.r.fields) == 0 {
		return
	}
	for _, s := range list {
		p, err := parsePattern(s)
		if err != nil && b.err == nil {
			b.err = fmt.Errorf("allow_destinations: pattern %q: %w", s, err)
		}
		b.r.allow = append(b.r.allow, p)
	}
}

// name returns the name that no record has chosen, and what makes the others. Without a
// static default that name is the template with everything missing: Validate has made
// sure that there is one of the two.
func (b *builder) name(k kind, rules *template.NameRules, dst *string, value, fallback string) ([]byte, *template.Naming) {
	t, err := rules.Parse(value)
	if err == nil && fallback == "" && t.Needs != template.NeedNothing {
		fallback = t.WithoutValues()
	}
	if b.parsed(k, dst, &t, err, value, fallback); *dst != "" {
		return []byte(*dst), nil
	}
	return []byte(fallback), t.Name
}

func (b *builder) source(dst *string, cfg *Config, host string) {
	b.option(kindSource, dst, cfg.Source, host)
	b.r.fingerprint = fmt.Sprintf("%+v", *cfg)
	if n := len(b.r.fields) - 1; cfg.Source == "" {
		*dst = host
	} else if n < 0 || b.r.fields[n].kind != kindSource || b.r.fields[n].template.Mandatory() == nil {
		return // the name of the host decides nothing: it may change, as that of a pod does
	}
	b.r.fingerprint += fmt.Sprintf(" host %q", host)
}

// Fingerprint is the same for two routers that route the same records the same way: it
// names every option and, where it may be a source, the host. A nil router has none.
func (r *Router) Fingerprint() string {
	if r == nil {
		return ""
	}
	return r.fingerprint
}

// Stats is a snapshot of the counters. Those of a flush are added when it ends.
func (r *Router) Stats() Stats {
	return Stats{Fallbacks: r.fallbacks.Load(), Evicted: r.evicted.Load(), Refused: r.refused.Load(), Capped: r.capped.Load()}
}

// appendValue appends what f comes to: raw, made to fit, or the static default.
func (r *Router) appendValue(dst []byte, f *field, raw []byte, ok bool) (value []byte, fallback bool) {
	if !ok {
		return append(dst, f.fallback...), true
	}
	switch f.kind {
	case kindProject, kindLogstore:
		if raw, ok = f.template.Name.Fit(raw); ok {
			dst = append(dst, raw...)
		}
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

// allows tells whether the key of a destination has names that the operator means,
// and which they are.
func (r *Router) allows(key []byte) (project, logstore []byte, ok bool) {
	if r.allow == nil {
		return nil, nil, true
	}
	project, logstore = r.names(key)
	if bytes.Equal(project, r.home.project) && bytes.Equal(logstore, r.home.logstore) {
		return project, logstore, true
	}
	for i := range r.allow {
		if r.allow[i].allows(project, logstore, r.ofProject, r.ofLogstore) {
			return project, logstore, true
		}
	}
	return project, logstore, false
}

// names are the project and logstore of a key.
func (r *Router) names(key []byte) (project, logstore []byte) {
	project, logstore = r.home.project, r.home.logstore
	for i, at := 0, 0; i < len(r.fields); i++ {
		start, end := valueAt(key, at)
		switch at = end; r.fields[i].kind {
		case kindProject:
			project = key[start:end]
		case kindLogstore:
			logstore = key[start:end]
		default:
		}
	}
	return project, logstore
}

// appendHome appends key with the names that no record has chosen: at most maxName
// bytes, whose length is one byte.
func (r *Router) appendHome(dst, key []byte) []byte {
	for i, at := 0, 0; i < len(r.fields); i++ {
		begin := at
		_, at = valueAt(key, begin)
		switch r.fields[i].kind {
		case kindProject:
			dst = append(append(dst, byte(len(r.home.project))), r.home.project...)
		case kindLogstore:
			dst = append(append(dst, byte(len(r.home.logstore))), r.home.logstore...)
		default:
			dst = append(dst, key[begin:at]...)
		}
	}
	return dst
}

// valueAt is where the value lies that begins at byte at of a key, behind its
// length: an unsigned varint of one byte or two.
func valueAt[K string | []byte](key K, at int) (start, end int) {
	size := int(key[at])
	start = at + 1
	if size >= 0x80 {
		size = size&0x7f | int(key[start])<<7
		start++
	}
	return start, start + size
}

// destination builds the destination of a key, which holds the values of the fields in
// turn. The destination's strings are windows into the key.
func (r *Router) destination(key string) Destination {
	to := r.static.Destination
	var tags []loggroup.Tag
	for i, at := 0, 0; i < len(r.fields); i++ {
		start, end := valueAt(key, at)
		value := key[start:end]
		at = end
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
