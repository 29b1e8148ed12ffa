package option

import "strings"

// verifyNames reports names of hints that the engine cannot be asked for, that are
// options, or that come twice. It also reports hints that lead nowhere.
func (v *verifier) verifyNames(opts []Option, dir Direction, hints []Hint) {
	options := map[string]bool{}
	for i := range opts {
		options[opts[i].Name] = true
	}
	for _, h := range hints {
		for _, name := range h.Names {
			v.o = &Option{Name: name}
			v.hint(dir, h, options)
		}
	}
}

func (v *verifier) hint(dir Direction, h Hint, options map[string]bool) {
	name := v.o.Name
	switch {
	case name != strings.ToLower(name) || strings.ContainsAny(name, " \t|`"):
		v.report("the hint is not typed in lower case")
	case Reserved(dir, name):
		v.report("the engine reserves the hint's name")
	case v.names[name]:
		v.report("the hint's name is declared already")
	}
	v.names[name] = true
	if h.Meant != "" && !options[h.Meant] {
		v.report("the hint means %q, which is no option", h.Meant)
	}
	if h.Meant == "" && h.Note == "" {
		v.report("the hint says nothing")
	}
}
