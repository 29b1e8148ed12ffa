package producer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"fluent-bit-sls/shared/loggroup"
	"fluent-bit-sls/shared/option"
)

// ContentConfig is what the user sets about the contents of a log. The rules are
// those of package loggroup.
type ContentConfig struct {
	LogKey      string
	IncludeKeys []string
	ExcludeKeys []string
	TagKey      string
	TimeKey     string
	TimeFormat  string
	Nested      string
	Separator   string
	Metadata    bool
	RestoreMeta string
	Reserved    string
}

// How time_key writes the time.
const (
	timeRFC3339 = "rfc3339"
	timeEpoch   = "epoch"
	timeEpochMS = "epoch_ms"
)

// What becomes of maps within a record.
const (
	nestedJSON    = "json"
	nestedFlatten = "flatten"
)

// Where restore_meta looks: of any event in its metadata, of others in the record.
const (
	restoreOff      = "off"
	restoreMetadata = "metadata"
	restoreRecord   = "record"
)

// What becomes of a record's keys that are reserved.
const (
	reservedRename = "rename"
	reservedKeep   = "keep"
)

// Options declares the options that fill c.
func (c *ContentConfig) Options() []option.Option {
	const keys = "keys and paths such as `$kubernetes['labels']`, comma-separated"
	return option.Grouped("Record", []option.Option{
		{Name: "log_key", Dst: &c.LogKey, Check: checkKey, Allowed: "a key or a path such as `$kubernetes['labels']`", Help: "send only the value of this key: a map's pairs become the log's contents, anything else is one content of that key; a record without it is sent whole"},
		{Name: "include_keys", Dst: &c.IncludeKeys, Check: checkKeys, Allowed: keys, Help: "send only these keys of a record, in the record's order"},
		{Name: "exclude_keys", Dst: &c.ExcludeKeys, Example: "password,token", Check: checkKeys, Allowed: keys, Help: "do not send these keys of a record, even if `include_keys` has them"},
		{Name: "tag_key", Dst: &c.TagKey, Check: checkUTF8, Allowed: "a key", Help: "add a content of this key with the tag; a record that has the key keeps its own"},
		{Name: "time_key", Dst: &c.TimeKey, Example: "event_time", Check: checkUTF8, Allowed: "a key", Help: "add a content of this key with the log's time, in UTC; a record that has the key keeps its own"},
		{Name: "time_format", Dst: &c.TimeFormat, Default: timeRFC3339, Enum: []string{timeRFC3339, timeEpoch, timeEpochMS}, Help: "how `time_key` writes the time: as in `2023-11-14T22:13:20.123Z`, in seconds, or in milliseconds since 1970"},
		{Name: "nested", Dst: &c.Nested, Example: "flatten", Default: nestedJSON, Enum: []string{nestedJSON, nestedFlatten}, Help: "send a map within a record as one content of JSON, or each of its pairs as a content of its own, their keys joined by `flatten_separator`; arrays are JSON in any case"},
		{Name: "flatten_separator", Dst: &c.Separator, Default: ".", Check: checkUTF8, Allowed: "any text", Help: "what joins the keys with `nested flatten`"},
		{Name: "metadata", Dst: &c.Metadata, Default: "off", Help: "add the event's metadata as contents `__metadata__.KEY`, and the attributes of its group (OpenTelemetry's resource and scope) as `__group__.KEY`"},
		{Name: "restore_meta", Dst: &c.RestoreMeta, Default: restoreOff, Enum: []string{restoreOff, restoreMetadata, restoreRecord}, Help: "make what in_sls adds with `include_meta` the log group's again: from the metadata of an event (`meta_in metadata` there), or else also from the record: `__topic__`, `__source__`, `__tag__:KEY` and `__time__`, for records whose makers may say where they are from"},
		{Name: "reserved_fields", Dst: &c.Reserved, Default: reservedRename, Enum: []string{reservedRename, reservedKeep}, Help: "put `__record__.` before the keys of a record that SLS, in_sls or out_sls give a meaning (`__topic__`, `__tag__:KEY`, `__time__`, ...), or send them as they are"},
	})
}

// EncodeOptions compiles c, which Options have filled, once for all chunks: each
// needs its Tag besides. The error names the options that do not go together.
func (c *ContentConfig) EncodeOptions() (loggroup.EncodeOptions, error) {
	if c.TagKey != "" && c.TagKey == c.TimeKey {
		return loggroup.EncodeOptions{}, fmt.Errorf("options tag_key and time_key = %q: both add a content of that key", c.TagKey)
	}
	o := loggroup.ContentOptions{
		TagKey: c.TagKey, TimeKey: c.TimeKey,
		Flatten: c.Nested == nestedFlatten, Separator: c.Separator,
		Metadata: c.Metadata,
	}
	switch c.RestoreMeta {
	case restoreMetadata:
		o.RestoreMeta = loggroup.RestoreMetadata
	case restoreRecord:
		o.RestoreMeta = loggroup.RestoreRecord
	}
	switch c.TimeFormat {
	case timeEpoch:
		o.TimeFormat = loggroup.TimeEpoch
	case timeEpochMS:
		o.TimeFormat = loggroup.TimeEpochMS
	}
	var errs [3]error
	o.IncludeKeys, errs[0] = parseKeys("include_keys", c.IncludeKeys)
	o.ExcludeKeys, errs[1] = parseKeys("exclude_keys", c.ExcludeKeys)
	if c.LogKey != "" {
		var only [][]string
		if only, errs[2] = parseKeys("log_key", []string{c.LogKey}); errs[2] == nil {
			o.LogKey = only[0]
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		return loggroup.EncodeOptions{}, err
	}
	content, err := loggroup.NewContent(o)
	return loggroup.EncodeOptions{
		GroupAttributes: c.Metadata, RenameReserved: c.Reserved != reservedKeep, Content: content,
	}, err
}

func parseKeys(name string, items []string) ([][]string, error) {
	var paths [][]string
	for _, item := range items {
		path, err := parseKey(item)
		if err != nil {
			return nil, fmt.Errorf("option %s: %q: %w", name, item, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func checkKey(value string) error {
	_, err := parseKey(value)
	return err
}

// checkKeys is called with a value that option has split already.
func checkKeys(value string) error {
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if _, err := parseKey(item); err != nil {
			return fmt.Errorf("%q: %w", item, err)
		}
	}
	return nil
}

func checkUTF8(value string) error {
	if !utf8.ValidString(value) {
		return errors.New("not valid UTF-8")
	}
	return nil
}

// maxKeys is the longest path: deeper than any record that means something.
const maxKeys = 16

// parseKey reads a key, or a path in the form of Fluent Bit's record accessor.
//
//	key  = any text that begins with no "$"
//	path = "$" ( name | subkey ) { subkey }
//	name = letters, digits, "_", "-", "/"
//	subkey = "['" any text, with two quotes for one "']"
func parseKey(text string) ([]string, error) {
	rest, isPath := strings.CutPrefix(text, "$")
	if !isPath {
		if strings.Contains(text, "['") {
			return nil, errors.New("a path begins with $")
		}
		return []string{text}, checkUTF8(text)
	}
	var path []string
	if n := nameSize(rest); n > 0 {
		path, rest = append(path, rest[:n]), rest[n:]
	}
	for rest != "" {
		key, behind, err := parseSubkey(rest)
		if err != nil {
			return nil, err
		}
		path, rest = append(path, key), behind
	}
	switch {
	case len(path) == 0:
		return nil, errors.New("no key behind $")
	case len(path) > maxKeys:
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	return path, checkUTF8(text)
}

func nameSize(s string) int {
	return len(s) - len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/"))
}

// parseSubkey reads a key in brackets and returns what is behind it.
func parseSubkey(s string) (key, rest string, err error) {
	rest, ok := strings.CutPrefix(s, "['")
	if !ok {
		return "", "", errors.New("['key'] expected: a path is of keys of maps only, and a key with other characters than letters, digits, _, - and / is put as $['key']")
	}
	for {
		part, behind, found := strings.Cut(rest, "'")
		if !found {
			return "", "", errors.New("the quote is not closed; a key in a path holds no comma")
		}
		key += part
		if rest, ok = strings.CutPrefix(behind, "'"); !ok {
			break
		}
		key += "'"
	}
	if rest, ok = strings.CutPrefix(rest, "]"); !ok {
		return "", "", errors.New("] expected")
	}
	return key, rest, nil
}
