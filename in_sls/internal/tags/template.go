package tags

import (
	"errors"
	"fmt"
	"slices"

	"fluent-bit-sls/shared/template"
)

// rules is what a tag of a template can be. Outputs name files and topics by the tag, and
// match it by patterns: so it has no characters that mean something there. Its length is
// that of a file's name.
var rules = template.NameRules{What: "a tag", Least: 1, Most: 255, Underscore: true, Dot: true, Upper: true}

// Where Values find what a variable is worth. Behind them are the tags of a group.
const (
	slotProject = iota
	slotLogstore
	slotShard
	slotTopic
	slotSource
	slotTags
)

var names = []string{slotProject: "project", slotLogstore: "logstore", slotShard: "shard", slotTopic: "topic", slotSource: "source"}

// Template is a parsed tag_template.
type Template struct {
	of    template.Template
	keys  []string // of the tags that it reads
	group bool     // it reads the group, and not only where that is from
}

// Parse reads the option.
func Parse(s string) (*Template, error) {
	of, err := rules.Parse(s)
	if err != nil {
		return nil, err
	}
	t := &Template{of: of}
	reads := false
	for i := range t.of.Parts {
		p := &t.of.Parts[i]
		for k := range p.Alternates {
			reads = true
			if err := t.resolve(&p.Alternates[k]); err != nil {
				return nil, template.SyntaxError(s, p.At, "%s", err)
			}
		}
	}
	if !reads {
		return nil, errors.New("no variable in it: the option tag says a tag that is always the same")
	}
	return t, rules.CheckTemplate(&t.of)
}

// Check tells why the option cannot be a template.
func Check(s string) error {
	_, err := Parse(s)
	return err
}

// resolve says where the value of r is found.
func (t *Template) resolve(r *template.Reference) error {
	const variables = "$project, $logstore, $shard, $topic, $source and $tag['key'] are known"
	if r.From != template.FromRecord || r.Path[0].IsIndex {
		return errors.New("there is no tag yet that $TAG could be: " + variables)
	}
	if name := r.Path[0].Key; name != "tag" {
		r.Slot = slices.Index(names, name)
		switch {
		case r.Slot < 0:
			return fmt.Errorf("nothing is called %s: %s", name, variables)
		case len(r.Path) > 1:
			return fmt.Errorf("$%s has no parts", name)
		}
		t.group = t.group || r.Slot >= slotTopic
		return nil
	}
	if len(r.Path) != 2 || r.Path[1].IsIndex {
		return errors.New("$tag takes the key of one tag: $tag['key']")
	}
	key := r.Path[1].Key
	at := slices.Index(t.keys, key)
	if at < 0 {
		at = len(t.keys)
		t.keys = append(t.keys, key)
	}
	r.Slot, t.group = slotTags+at, true
	return nil
}
