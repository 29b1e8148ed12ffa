package loggroup

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Prefixes of contents that do not come from the record. Two underscores before and
// behind mark SLS's own names.
const (
	prefixMetadata = "__metadata__."
	prefixGroup    = "__group__."
)

// ContentOptions says which contents a Log gets. The zero value is the record as it
// is. See "Chosen contents" in the package comment for the rules.
type ContentOptions struct {
	// LogKey is the path, through the keys of maps, of the only value to be sent.
	LogKey []string
	// IncludeKeys and ExcludeKeys are paths to the pairs that are sent and not sent.
	IncludeKeys, ExcludeKeys [][]string
	// TagKey is the key of a content with EncodeOptions.Tag; "" = none.
	TagKey string
	// TimeKey is the key of a content with the event's time; "" = none.
	TimeKey    string
	TimeFormat TimeFormat
	// Flatten makes contents of the pairs of nested maps, their keys joined by
	// Separator, which must not be empty.
	Flatten   bool
	Separator string
	// Metadata adds the event's metadata.
	Metadata bool
	// RestoreMeta takes out of the event what IncludeMeta of a Decoder has added: see
	// Reader.Restored.
	RestoreMeta Restore
}

// Restore says where RestoreMeta looks.
type Restore int

const (
	// RestoreNothing leaves every event as it is.
	RestoreNothing Restore = iota
	// RestoreMetadata looks in the event's metadata, where a record cannot put anything.
	RestoreMetadata
	// RestoreRecord also looks in the record when the metadata has nothing. Whoever makes
	// the record then says where it is from.
	RestoreRecord
)

// Content is a compiled ContentOptions. It is never written to: any number of
// Readers can share it.
type Content struct {
	logKey   []string
	filter   *keySet // nil = every pair is sent
	keepRest bool    // pairs that the filter does not name are sent

	tagKey    string
	timeKey   string
	timeField []byte // timeKey as a LogContent's field
	time      TimeFormat

	flatten   bool
	separator string
	metadata  bool
	restore   Restore
}

// maxPath is the longest path: below maxDepth, so that no filter reaches into what
// is written as tooDeep.
const maxPath = 32

// NewContent compiles o. It returns nil when o asks for nothing. The error says which
// path or key cannot be used.
func NewContent(o ContentOptions) (*Content, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Content{
		logKey: slices.Clone(o.LogKey), keepRest: len(o.IncludeKeys) == 0,
		tagKey: o.TagKey, timeKey: o.TimeKey, time: o.TimeFormat,
		flatten: o.Flatten, separator: o.Separator, metadata: o.Metadata, restore: o.RestoreMeta,
	}
	c.filter = newFilter(o.IncludeKeys, o.ExcludeKeys)
	if o.TimeKey != "" {
		c.timeField = appendStringField(nil, tagKey, o.TimeKey)
	}
	if len(c.logKey) == 0 && c.filter == nil && c.tagKey == "" && c.timeKey == "" &&
		!c.flatten && !c.metadata && c.restore == RestoreNothing {
		return nil, nil //nolint:nilnil // no Content is what a Reader takes for nothing to choose
	}
	return c, nil
}

func (o *ContentOptions) check() error {
	paths := slices.Concat(o.IncludeKeys, o.ExcludeKeys)
	if len(o.LogKey) > 0 {
		paths = append(paths, o.LogKey)
	}
	for _, p := range paths {
		if len(p) == 0 || len(p) > maxPath {
			return fmt.Errorf("path %q: %d keys, 1 to %d allowed", p, len(p), maxPath)
		}
	}
	switch {
	case o.TagKey != "" && o.TagKey == o.TimeKey:
		return fmt.Errorf("tag and time have the same key %q", o.TagKey)
	case !utf8.ValidString(o.TagKey + "\n" + o.TimeKey + "\n" + o.Separator):
		return errors.New("key or separator is not valid UTF-8")
	case o.Flatten && o.Separator == "":
		return errors.New("no separator between the keys of flattened maps")
	}
	return nil
}

// prepare reads what must be known of the event at r.head before its Log begins: which
// pairs are taken out of it, and where the log key's value is.
func (r *Reader) prepare(c *Content) {
	r.forget()
	if c.restore != RestoreNothing {
		r.restore(c.restore)
	}
	if len(c.logKey) > 0 {
		if r.only = r.findPath(c.logKey); r.only.value == 0 {
			r.withoutLogKey++
		}
	}
}

// forget drops what prepare has read.
func (r *Reader) forget() {
	r.only, r.restored = selection{}, Restored{Tags: r.restored.Tags[:0]}
	r.taken, r.takenMeta = r.taken[:0], r.takenMeta[:0]
	r.inMetadata, r.noTimeNs = false, false
}

// selection is the value of the log key; its zero value is none.
type selection struct {
	key   int // offset of its last key
	value int // offset of the value
	end   int // offset behind the record
}

// findPath follows path from the record at r.head. Like Lookup it finds nothing in a
// record that cannot be read to its end.
func (r *Reader) findPath(path []string) selection {
	var s selection
	off, n := r.head.first, r.head.pairs
	for i, name := range path {
		if i > 0 {
			t, first, err := readToken(r.chunk, s.value)
			if err != nil || t.kind != kindMap {
				return selection{}
			}
			off, n = first, int(t.n)
		}
		key, value, end := findPair(r.chunk, off, n, name)
		if value == 0 {
			return selection{}
		}
		s.key, s.value = key, value
		if i == 0 {
			s.end = end
		}
	}
	return s
}

// findPair walks n pairs from off on. It returns the offsets of the last key that equals
// name and of its value, and the offset behind all pairs. key and value are 0 when no
// pair has that key, all three when a pair cannot be read.
func findPair(b []byte, off, n int, name string) (key, value, end int) {
	for range n {
		isKey, at := matchKey(b, off, name)
		if at == 0 {
			return 0, 0, 0
		}
		next := skipShort(b, at)
		if next == 0 {
			return 0, 0, 0
		}
		if isKey {
			key, value = off, at
		}
		off = next
	}
	return key, value, off
}

// appendChosen appends the contents of the event at r.head that c chooses, and
// returns the offset behind the record.
func (r *Reader) appendChosen(dst []byte, c *Content) (_ []byte, end int, err error) {
	from := len(dst)
	top := scope{filter: c.filter, kept: c.keepRest}
	r.begin("")
	if r.only.value == 0 {
		dst, end, err = r.appendLeft(dst, r.head.first, r.head.pairs, r.taken, top)
	} else {
		end = r.only.end
		dst, err = r.appendOnly(dst, top)
	}
	if err == nil && c.metadata && r.head.meta > 0 {
		// readHead has walked the metadata: its head is there.
		t, first, _ := readToken(r.chunk, r.head.meta)
		r.begin(prefixMetadata)
		dst, _, err = r.appendLeft(dst, first, int(t.n), r.takenMeta, scope{kept: true})
	}
	if err != nil {
		return dst, end, err
	}
	dst = append(dst, r.group...)
	return r.appendAdded(dst, from, c), end, nil
}

// appendLeft appends n pairs from off on, without those in out.
func (r *Reader) appendLeft(dst []byte, off, n int, out []taken, s scope) ([]byte, int, error) {
	done := 0
	for _, t := range out {
		var err error
		if dst, off, err = r.appendPairs(dst, off, t.index-done, s); err != nil {
			return dst, off, err
		}
		off, done = t.end, t.index+1
	}
	return r.appendPairs(dst, off, n-done, s)
}

// appendOnly appends the value of the log key: the pairs of a map, or any other value as
// one pair.
func (r *Reader) appendOnly(dst []byte, top scope) ([]byte, error) {
	t, first, err := readToken(r.chunk, r.only.value)
	if err != nil {
		return dst, err
	}
	if t.kind == kindMap {
		dst, _, err = r.appendPairs(dst, first, int(t.n), top)
		return dst, err
	}
	dst, _, err = r.appendPairs(dst, r.only.key, 1, scope{kept: true})
	return dst, err
}

// appendAdded appends tag and time. The Log's contents begin at from. A key that one of
// them has is not added: SLS does not say which of two would count.
func (r *Reader) appendAdded(dst []byte, from int, c *Content) []byte {
	end := len(dst)
	if len(r.tagField) > 0 && !hasContent(dst[from:end], c.tagKey) {
		dst = append(dst, r.tagField...)
	}
	if c.timeField == nil || hasContent(dst[from:end], c.timeKey) {
		return dst
	}
	dst = append(dst, tagContents)
	at := len(dst)
	dst = append(dst, 0)
	dst = append(dst, c.timeField...)
	dst = append(dst, tagValue)
	value := len(dst)
	dst = append(dst, 0)
	dst = c.time.append(dst, uint32(r.head.sec), r.head.nsec)
	dst, _ = putLen(dst, value, 1)
	dst, _ = putLen(dst, at, 1)
	return dst
}

func appendTextContent(dst []byte, key, value string) []byte {
	dst = append(dst, tagContents)
	at := len(dst)
	dst = append(dst, 0)
	dst = appendStringField(dst, tagKey, key)
	dst = appendStringField(dst, tagValue, value)
	dst, _ = putLen(dst, at, 1)
	return dst
}

// hasContent tells whether one of contents, which the Reader wrote, has that key.
//
//	12 length { 0a length key 12 length value }
func hasContent(contents []byte, key string) bool {
	for off := 0; off < len(contents); {
		size, at := int(contents[off+1]), off+2
		if size >= 0x80 {
			n, next, _ := readVarint(contents, off+1)
			size, at = int(n), next
		}
		off = at + size
		keyLen := int(contents[at+1])
		at += 2
		if keyLen >= 0x80 {
			n, next, _ := readVarint(contents, at-1)
			keyLen, at = int(n), next
		}
		if keyLen == len(key) && string(contents[at:at+keyLen]) == key {
			return true
		}
	}
	return false
}
