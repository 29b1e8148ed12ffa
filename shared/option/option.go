// Package option owns how the plugins are configured: one declaration per
// option, from which parsing, validation, the error texts, the start-up line
// and the README table all come.
//
// It never reads a file, the environment or the network, never logs, and knows nothing of
// what an option is used for. Rules between two options belong to the plugin that
// declares them.
//
// # Values
//
// White space around a value is dropped; a value that is then empty counts as
// not set, and the default holds.
//
//   - string: as typed.
//   - enum (a string with Option.Enum): any case, stored as spelled in Enum.
//   - bool: on, off, true, false, yes, no, in any case.
//   - int: a decimal whole number.
//   - duration: 500ms, 2s, 1h30m, 7d (units ns, us, ms, s, m, h, d); never negative.
//     A number without a unit is refused, except 0, which means the same in
//     every unit.
//   - size: bytes, or a whole number with k, M or G in any case. The units are
//     powers of 1024 however they are spelled: 1k, 1kB and 1KiB are the same.
//   - list: items separated by commas, spaces around an item dropped, no empty
//     items. With Option.Enum every item has to be one of them. An item of a
//     YAML list, or a value of a name that is typed again, is as good as one
//     behind a comma.
//   - pairs: a list of key=value with distinct keys. The first "=" separates;
//     the value may hold more of them and may be empty. There is no escape for
//     a comma.
package option

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Option declares one option of a plugin. The type of the option follows from
// Dst.
type Option struct {
	// Name as typed in the configuration, in snake_case.
	Name string
	// Dst receives the value: *string, *bool, *int, *time.Duration, *Size,
	// *[]string or *[]Pair.
	Dst any
	// Default as a user would type it; "" leaves the zero value.
	Default string
	// Min and Max are inclusive bounds of an int, duration or size as a user
	// would type them; "" is unbounded.
	Min, Max string
	// Enum lists the values a string, or each item of a list, may have.
	Enum []string
	// Check validates the trimmed value after everything else has accepted it.
	// Its error says what is wrong and does not repeat the value.
	Check func(value string) error
	// Allowed describes in a few words what Check accepts, for error texts and
	// the table. Where Min, Max or Enum say it all it stays empty.
	Allowed string
	// Required options have to be set.
	Required bool
	// Secret values appear as *** wherever this package writes them.
	Secret bool
	// Help is the meaning in one line, without a pipe character.
	Help string
	// Group is the heading in the README that the option stands under; see Grouped.
	Group string
	// Example is a value as a user would type it, for the example of the group; "" leaves
	// the option out of it.
	Example string
}

// Grouped puts opts under a heading in the README, except those that have one already.
func Grouped(heading string, opts []Option) []Option {
	for i := range opts {
		if opts[i].Group == "" {
			opts[i].Group = heading
		}
	}
	return opts
}

// Getter reads a property of a plugin instance. It returns "" for one that is
// not set.
type Getter interface {
	Property(name string) string
}

// Lister is a Getter that knows every value of a property: one for each item of a YAML
// list and for each time that the name is typed. ok is false where it cannot see whether
// there are more values than Property returns.
type Lister interface {
	Getter
	Values(name string) (values []string, ok bool)
}

// Map is a Getter over a map, with keys in any case as in Fluent Bit.
type Map map[string]string

// Property returns the value of name, whatever the case of its key.
func (m Map) Property(name string) string {
	if v, ok := m[name]; ok {
		return v
	}
	for k, v := range m {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// Parse reads every option and stores its value, or its default, in its Dst.
// The error holds all problems at once: see Problems. A Dst whose option has a
// problem keeps what it held before.
func Parse(get Getter, opts []Option) error {
	var problems []string
	for i := range opts {
		raw, problem := opts[i].typed(get)
		if problem == "" {
			problem = opts[i].parse(raw)
		}
		if problem != "" {
			problems = append(problems, problem)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &InvalidError{problems: problems}
}

// parse stores raw or the default and returns the problem with it, or "".
func (o *Option) parse(raw string) string {
	switch {
	case kindOf(o.Dst) == kindUnknown:
		return fmt.Sprintf("option %s: cannot be stored in a %T", o.Name, o.Dst)
	case raw == "" && o.Required:
		return fmt.Sprintf("option %s: not set, but required; allowed: %s", o.Name, o.allowed(plain))
	case raw == "":
		raw = o.Default
	}
	v, err := o.value(raw)
	if err != nil {
		return o.problem(raw, err)
	}
	store(o.Dst, v)
	return ""
}

// value decodes raw into the type Dst points to, or nil for the zero value,
// and applies bounds, Enum and Check.
func (o *Option) value(raw string) (any, error) {
	if raw == "" {
		return nil, nil
	}
	v, err := o.decode(raw)
	if err != nil {
		return nil, err
	}
	if o.Check == nil {
		return v, nil
	}
	if err := o.Check(raw); err != nil {
		if o.Secret && repeats(err.Error(), raw) {
			return nil, errors.New("not accepted")
		}
		return nil, err
	}
	return v, nil
}

// repeats reports whether text gives raw away, as it is or escaped as by %q.
func repeats(text, raw string) bool {
	escaped := strings.Trim(strconv.Quote(raw), `"`)
	return strings.Contains(text, raw) || strings.Contains(text, escaped)
}

func (o *Option) decode(raw string) (any, error) {
	switch kindOf(o.Dst) {
	case kindString:
		if len(o.Enum) > 0 {
			return matchEnum(o.Enum, raw)
		}
		return raw, nil
	case kindBool:
		return parseBool(raw)
	case kindInt:
		return bounded(o, raw, parseInt)
	case kindDuration:
		return bounded(o, raw, parseDuration)
	case kindSize:
		return bounded(o, raw, parseSize)
	case kindList:
		return o.decodeList(raw)
	case kindPairs:
		return parsePairs(raw)
	default:
		return nil, errors.New("unknown type")
	}
}

func (o *Option) decodeList(raw string) ([]string, error) {
	items, err := parseList(raw)
	if err != nil || len(o.Enum) == 0 {
		return items, err
	}
	for i, item := range items {
		if items[i], err = matchEnum(o.Enum, item); err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return items, nil
}

// bounded parses raw and compares it with Min and Max. Bounds that cannot be
// parsed are not enforced here: Verify reports them.
func bounded[T ~int | ~int64](o *Option, raw string, parse func(string) (T, error)) (T, error) {
	v, err := parse(raw)
	if err != nil {
		return v, err
	}
	if lowest, err := parse(o.Min); err == nil && v < lowest {
		return v, errors.New("too small")
	}
	if highest, err := parse(o.Max); err == nil && v > highest {
		return v, errors.New("too large")
	}
	return v, nil
}

// kind is the type of an option, in the words of the documentation.
type kind string

const (
	kindUnknown  kind = ""
	kindString   kind = "string"
	kindBool     kind = "bool"
	kindInt      kind = "integer"
	kindDuration kind = "duration"
	kindSize     kind = "size"
	kindList     kind = "list"
	kindPairs    kind = "key=value list"
)

// kindOf also returns kindUnknown for a nil pointer, so that no caller has to check for
// one.
func kindOf(dst any) kind {
	switch d := dst.(type) {
	case *string:
		return known(d, kindString)
	case *bool:
		return known(d, kindBool)
	case *int:
		return known(d, kindInt)
	case *time.Duration:
		return known(d, kindDuration)
	case *Size:
		return known(d, kindSize)
	case *[]string:
		return known(d, kindList)
	case *[]Pair:
		return known(d, kindPairs)
	default:
		return kindUnknown
	}
}

func known[T any](dst *T, k kind) kind {
	if dst == nil {
		return kindUnknown
	}
	return k
}

// store writes v, as decode returned it, to dst; nil stores the zero value.
func store(dst, v any) {
	switch d := dst.(type) {
	case *string:
		*d, _ = v.(string)
	case *bool:
		*d, _ = v.(bool)
	case *int:
		*d, _ = v.(int)
	case *time.Duration:
		*d, _ = v.(time.Duration)
	case *Size:
		*d, _ = v.(Size)
	case *[]string:
		*d, _ = v.([]string)
	case *[]Pair:
		*d, _ = v.([]Pair)
	}
}

// typed is what the user typed for the option, or why that cannot be known.
func (o *Option) typed(get Getter) (raw, problem string) {
	if lister, ok := get.(Lister); ok {
		values, ok := lister.Values(o.Name)
		switch {
		case !ok || len(values) < 2:
		case o.isList():
			return strings.TrimSpace(strings.Join(values, ",")), ""
		default:
			return "", fmt.Sprintf("option %s: has %d values, as it is typed more than once or a list; it takes one", o.Name, len(values))
		}
	}
	return strings.TrimSpace(get.Property(o.Name)), ""
}

func (o *Option) isList() bool {
	k := kindOf(o.Dst)
	return k == kindList || k == kindPairs
}

// problem says what is wrong with raw, naming option, value and what is
// allowed.
func (o *Option) problem(raw string, err error) string {
	return fmt.Sprintf("option %s = %s: %s; allowed: %s", o.Name, o.shown(raw), err, o.allowed(plain))
}

// shown returns raw quoted and shortened, or the mask.
func (o *Option) shown(raw string) string {
	if o.Secret {
		return mask
	}
	if runes := []rune(raw); len(runes) > maxShown {
		raw = string(runes[:maxShown]) + "..."
	}
	return strconv.Quote(raw)
}

// allowed describes the values the option accepts. code marks up each part
// that a user could type.
func (o *Option) allowed(code func(string) string) string {
	if o.Allowed != "" {
		return o.Allowed
	}
	list := ""
	k := kindOf(o.Dst)
	switch k {
	case kindString:
		if len(o.Enum) == 0 {
			return "text"
		}
	case kindBool:
		return code("on") + ", " + code("off")
	case kindPairs:
		return code("key=value") + ", comma-separated"
	case kindList:
		if len(o.Enum) == 0 {
			return "comma-separated"
		}
		list = "comma-separated: "
	default:
		return o.allowedRange(k, code)
	}
	values := make([]string, len(o.Enum))
	for i, v := range o.Enum {
		values[i] = code(v)
	}
	return list + strings.Join(values, ", ")
}

func (o *Option) allowedRange(k kind, code func(string) string) string {
	switch {
	case o.Min != "" && o.Max != "":
		return code(o.Min) + " to " + code(o.Max)
	case o.Min != "":
		return "at least " + code(o.Min)
	case o.Max != "":
		return "at most " + code(o.Max)
	case k == kindInt:
		return "any whole number"
	case k == kindDuration:
		return "a number with " + code("ms") + ", " + code("s") + ", " + code("m") + " or " + code("h")
	default:
		return "bytes, or a number with " + code("k") + ", " + code("M") + " or " + code("G")
	}
}

func plain(s string) string { return s }

// canonicalDefault returns the default in the form format gives values.
func (o *Option) canonicalDefault() string {
	v, err := o.value(o.Default)
	if err != nil {
		return o.Default
	}
	dst := newLike(o.Dst)
	store(dst, v)
	return format(dst)
}
