package option

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Hint says what was meant by names that are no options.
type Hint struct {
	Names []string // in any case, as the engine compares them
	Meant string   // the option to use instead; "" = there is none
	Note  string   // what there is to know besides; required without Meant
}

// Cut returns one sentence if a list was typed and get cannot tell whether it has more
// than one item. The engine hands a plugin only the first item of a YAML list.
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

// Gone returns an error for the typed names that are no longer options. names has a
// sentence for each.
func Gone(get Getter, names map[string]string) error {
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if strings.TrimSpace(get.Property(name)) != "" {
			problems = append(problems, fmt.Sprintf("option %s: is no option any more; %s", name, names[name]))
		}
	}
	if problems == nil {
		return nil
	}
	return &InvalidError{problems: problems}
}

// Unknown returns one sentence for each name that was typed and is no option: the engine
// keeps such a property and says nothing. The engine has no list of what was typed. So
// Unknown asks for every name of hints and for the likely slips of the pen in the names of
// the options and of the engine's own: without `worker` one flush at a time goes out, without
// `retry_limits` a chunk is lost. These are a few thousand, which take a millisecond or two at
// the start.
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
	for _, name := range reservedNames(dir) {
		if strings.HasSuffix(name, "*") || strings.HasPrefix(name, "tls") {
			continue // of the engine's connections, which the plugins do not use
		}
		for _, slip := range slips(name) {
			ask(slip, name, "")
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

// separated returns the name with other separators or none. camelCase is the latter, as
// case does not count.
func separated(name string) []string {
	list := []string{name, strings.ReplaceAll(name, ".", "_")} // dots are of the engine's names
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

// NamesTable returns hints as a markdown table that ends with a newline.
func NamesTable(hints []Hint) string {
	var b strings.Builder
	b.WriteString("| Typed | Here |\n|---|---|\n")
	for _, h := range hints {
		names := slices.Clone(h.Names)
		for i := range names {
			names[i] = code(names[i])
		}
		here := h.Note
		if h.Meant != "" {
			here = strings.TrimSuffix(code(h.Meant)+". "+h.Note, ". ")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(names, ", "), cell(here))
	}
	return b.String()
}
