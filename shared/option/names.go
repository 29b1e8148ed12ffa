package option

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Alias is a name under which another plugin has the same option: typed here it
// works.
type Alias struct {
	Name string
	Of   string // the other plugin
	// Convert turns a value as the other plugin reads it into one for this option;
	// nil = both read it alike.
	Convert func(value string) (string, error)
	Note    string // what a user should know of the conversion; may be empty
}

// Hint says what was meant by names that are no options: usual misspellings, and
// what other plugins call a thing that is not quite the same here.
type Hint struct {
	Names []string // in any case, as the engine compares them
	Meant string   // the option to use instead; "" = there is none
	Note  string   // what there is to know besides; required without Meant
}

// typed is what the user typed for an option.
type typed struct {
	alias   string // the name it was typed by; "" = the option's own
	raw     string // as the option itself would have it
	problem string // why it cannot be told; "" = none
}

func (o *Option) typed(get Getter) typed {
	var t typed
	t.raw, t.problem = o.asked(get, o.Name)
	for _, alias := range o.Aliases {
		value, problem := o.as(alias.Name).asked(get, alias.Name)
		if problem != "" {
			t.problem = problem
		}
		if value == "" || t.problem != "" {
			continue
		}
		if t.raw != "" {
			t.problem = fmt.Sprintf("option %s: set, and %s too, which is another name of it; keep one of them", o.Name, alias.Name)
			return t
		}
		t.alias, t.raw = alias.Name, value
		if alias.Convert == nil {
			continue
		}
		converted, err := alias.Convert(value)
		if err != nil {
			t.problem = o.as(alias.Name).problem(value, err)
			return t
		}
		t.raw = converted
	}
	return t
}

// asked is what the user typed under a name of the option, or why there is no telling.
func (o *Option) asked(get Getter, name string) (raw, problem string) {
	lister, ok := get.(Lister)
	if !ok {
		return strings.TrimSpace(get.Property(name)), ""
	}
	values, ok := lister.Values(name)
	switch {
	case !ok || len(values) < 2:
		return strings.TrimSpace(get.Property(name)), ""
	case o.isList():
		return strings.TrimSpace(strings.Join(values, ",")), ""
	}
	return "", fmt.Sprintf("option %s: has %d values, as it is typed more than once or a list; it takes one", o.Name, len(values))
}

func (o *Option) isList() bool {
	k := kindOf(o.Dst)
	return k == kindList || k == kindPairs
}

// Cut returns one sentence if a list was typed of which get cannot tell whether it has
// more than one item: the engine hands a plugin the first of a YAML list and no other.
func Cut(get Getter, opts []Option) string {
	var names []string
	for i := range opts {
		o := &opts[i]
		if !o.isList() || strings.TrimSpace(get.Property(o.Name)) == "" {
			continue
		}
		if lister, ok := get.(Lister); ok {
			if _, ok := lister.Values(o.Name); ok {
				continue
			}
		}
		names = append(names, code(o.Name))
	}
	if names == nil {
		return ""
	}
	return "this Fluent Bit does not show more than the first item of a YAML list: separate those of " + strings.Join(names, ", ") + " by commas"
}

// as is the option under the name of an alias, for error texts.
func (o *Option) as(alias string) *Option {
	if alias == "" {
		return o
	}
	named := *o
	named.Name = alias + " (another name of " + o.Name + ")"
	return &named
}

// Taken returns one sentence for each alias that was typed: what it is taken as.
func Taken(get Getter, opts []Option) []string {
	var notes []string
	for i := range opts {
		if t := opts[i].typed(get); t.alias != "" && t.problem == "" {
			notes = append(notes, fmt.Sprintf("`%s` is taken as `%s` = %s", t.alias, opts[i].Name, opts[i].shown(t.raw)))
		}
	}
	return notes
}

// Unknown returns one sentence for each name that was typed and is no option: the
// engine keeps such a property and says nothing. It has no list of what was typed,
// so this asks for every name of hints and for the likely slips of the pen in the
// options' own names, a few thousand in all: a millisecond or two, at start only.
func Unknown(get Getter, dir Direction, opts []Option, hints []Hint) []string {
	asked := map[string]bool{}
	var notes []string
	ask := func(name, meant, note string) {
		name = strings.ToLower(name)
		if asked[name] || Reserved(dir, name) {
			return
		}
		asked[name] = true
		if strings.TrimSpace(get.Property(name)) != "" {
			notes = append(notes, unknown(name, meant, note))
		}
	}
	for i := range opts {
		asked[opts[i].Name] = true
		for _, alias := range opts[i].Aliases {
			asked[alias.Name] = true
		}
	}
	for _, h := range hints {
		for _, name := range h.Names {
			for _, spelt := range separated(name) {
				ask(spelt, h.Meant, h.Note)
			}
		}
	}
	for i := range opts {
		for _, slip := range slips(opts[i].Name) {
			ask(slip, opts[i].Name, "")
		}
	}
	return notes
}

func unknown(name, meant, note string) string {
	switch {
	case meant == "":
		return fmt.Sprintf("`%s` is not an option: %s", name, note)
	case note == "":
		return fmt.Sprintf("`%s` is not an option: did you mean `%s`?", name, meant)
	default:
		return fmt.Sprintf("`%s` is not an option: did you mean `%s`? %s", name, meant, note)
	}
}

// separated is the name with other or no separators: camelCase is the latter, as case
// does not count.
func separated(name string) []string {
	list := []string{name}
	for _, separator := range []string{"", "-", "."} {
		list = append(list, strings.ReplaceAll(name, "_", separator))
	}
	return list
}

// slips are the ways in which a name is usually mistyped: other separators, a letter
// left out or doubled, two letters swapped, an s too many.
func slips(name string) []string {
	list := append(separated(name), name+"s")
	for i := range len(name) {
		list = append(list, name[:i]+name[i+1:], name[:i+1]+name[i:])
		if i > 0 {
			list = append(list, name[:i-1]+name[i:i+1]+name[i-1:i]+name[i+1:])
		}
	}
	return list
}

// DecimalSize is an Alias's Convert for a size of Fluent Bit's own plugins: a
// number, with or without a fraction, and k, m or g for powers of 1000
// (flb_utils_size_to_bytes in Fluent Bit v5.1.1). The result is in bytes.
func DecimalSize(value string) (string, error) {
	digits := strings.TrimRight(value, "kKmMgGbB")
	n, err := strconv.ParseFloat(digits, 64)
	unit := 1.0
	switch strings.ToLower(value[len(digits):]) {
	case "":
	case "k", "kb":
		unit = 1e3
	case "m", "mb":
		unit = 1e6
	case "g", "gb":
		unit = 1e9
	default:
		err = errors.New("unknown unit")
	}
	if err != nil || !(n >= 0 && n*unit < 1<<53) {
		return "", errors.New("not a size such as 65536, 512k or 3M")
	}
	return strconv.FormatInt(int64(n*unit), 10), nil
}

// NamesTable returns aliases and hints as a markdown table that ends with a
// newline; those of aliases come first.
func NamesTable(opts []Option, hints []Hint) string {
	var b strings.Builder
	b.WriteString("| Typed | Here |\n|---|---|\n")
	for i := range opts {
		for _, alias := range opts[i].Aliases {
			here := fmt.Sprintf("works as %s (%s)", code(opts[i].Name), alias.Of)
			if alias.Note != "" {
				here += ": " + alias.Note
			}
			fmt.Fprintf(&b, "| %s | %s |\n", code(alias.Name), cell(here))
		}
	}
	for _, h := range hints {
		names := slices.Clone(h.Names)
		for i := range names {
			names[i] = code(names[i])
		}
		here := h.Note
		if h.Meant != "" {
			if here = code(h.Meant); h.Note != "" {
				here += ". " + h.Note
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(names, ", "), cell(here))
	}
	return b.String()
}
