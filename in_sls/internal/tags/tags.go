// Package tags owns tag_template: under which tag of Fluent Bit the records of a log group
// go. It reads what a group says of itself, never a record.
package tags

import (
	"bytes"
	"log/slog"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/template"
)

// most bounds the tags that a template may give. Each tag has chunks of its own in Fluent
// Bit, and whoever writes a log may choose its topic.
const most = 1000

// Tags are those that the template of a section has given so far. Its methods may be called
// from any goroutine.
type Tags struct {
	template *Template
	capped   metric.Counter // log groups
	log      *slog.Logger

	// known has each tag as the one string that is used for it. It is replaced with each new
	// tag, so that looking one up takes no lock.
	known atomic.Pointer[map[string]string]
	mu    sync.Mutex // held while known is replaced
	full  bool       // and it was said that no more are taken
}

// New makes the tags of a section. capped counts the log groups that go under the section's
// own tag because there are too many others.
func New(t *Template, capped metric.Counter, log *slog.Logger) *Tags {
	tags := &Tags{template: t, capped: capped, log: log}
	tags.known.Store(&map[string]string{})
	return tags
}

// own returns the string that is used for a tag, false when there are too many others.
func (t *Tags) own(tag []byte) (string, bool) {
	if s, ok := (*t.known.Load())[string(tag)]; ok {
		return s, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	known := *t.known.Load()
	if s, ok := known[string(tag)]; ok {
		return s, true
	}
	if len(known) >= most {
		if !t.full {
			t.full = true
			t.log.Warn("tag_template gives too many tags: what is under none of the first ones goes under the section's own tag", "tags", most, "first_refused", string(tag))
		}
		return "", false
	}
	more := maps.Clone(known)
	s := string(tag)
	more[s] = s
	t.known.Store(&more)
	return s, true
}

// Namer says the tags of the log groups of one shard. It belongs to one goroutine.
type Namer struct {
	tags   *Tags
	meta   loggroup.Meta
	values [][]byte // by slot; those of the group are windows into it

	// Of the last group: the values that were read, each behind its length, and what came of
	// them. Most groups are like the one before.
	seen, spare []byte
	tag         string
	capped      bool

	rendered []byte
}

// maxKept bounds the buffers that a Namer keeps, in bytes each.
const maxKept = 16 << 10

// Of returns the Namer of a shard, nil for no Tags.
func (t *Tags) Of(project, logstore string, shard int) *Namer {
	if t == nil {
		return nil
	}
	n := &Namer{tags: t, values: make([][]byte, slotTags+len(t.template.keys))}
	n.values[slotProject] = []byte(project)
	n.values[slotLogstore] = []byte(logstore)
	n.values[slotShard] = strconv.AppendInt(nil, int64(shard), 10)
	if !t.template.group {
		n.tag, n.capped = n.render()
	}
	return n
}

// Tag is the tag of the bytes of one LogGroup, "" for the section's own: when the template
// gives none, or too many others. The same tag is the same string.
func (n *Namer) Tag(group []byte) string {
	if n.tags.template.group {
		n.read(group)
		if !bytes.Equal(n.spare, n.seen) || n.seen == nil {
			n.tag, n.capped = n.render()
			n.seen, n.spare = n.spare, n.seen
		}
		n.forget()
	}
	if n.capped {
		n.tags.capped.Add(1)
	}
	return n.tag
}

// read reads the group's values, and into spare what tells them from those of another.
func (n *Namer) read(group []byte) {
	n.meta.Read(group, n.tags.template.keys)
	n.values[slotTopic], n.values[slotSource] = n.meta.Topic, n.meta.Source
	copy(n.values[slotTags:], n.meta.Tags)
	b := n.spare[:0]
	for _, v := range n.values[slotTopic:] {
		b = strconv.AppendInt(b, int64(len(v)), 10)
		b = append(append(b, ' '), v...)
	}
	n.spare = b
}

// forget lets go of the group, and of buffers that a large value has made large.
func (n *Namer) forget() {
	clear(n.values[slotTopic:])
	clear(n.meta.Tags)
	n.meta.Topic, n.meta.Source = nil, nil
	for _, b := range []*[]byte{&n.seen, &n.spare, &n.rendered} {
		if cap(*b) > maxKept {
			*b = nil
		}
	}
}

// render makes the tag of the values.
func (n *Namer) render() (tag string, capped bool) {
	t := &n.tags.template.of
	b, ok := t.Append(n.rendered[:0], n)
	n.rendered = b
	if ok {
		b, ok = t.Name.Fit(b)
	}
	if !ok {
		return "", false
	}
	tag, ok = n.tags.own(b)
	return tag, !ok
}

// Append appends the value of a variable.
func (n *Namer) Append(dst []byte, r *template.Reference) []byte {
	return append(dst, n.values[r.Slot]...)
}
