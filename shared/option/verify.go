package option

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Verify returns the mistakes in a list of declarations, for the test each
// plugin has of its own options. An empty result means that Parse cannot fail
// on defaults, that the engine hands every option through, and that the table
// is whole. For hints see verifyNames.
func Verify(opts []Option, dir Direction, hints ...Hint) []string {
	v := verifier{names: map[string]bool{}, dsts: map[any]string{}}
	for i := range opts {
		v.o = &opts[i]
		v.name(dir)
		v.dst()
		v.limits()
		v.defaults()
		v.example()
		v.help()
	}
	v.verifyNames(opts, dir, hints)
	return v.found
}

type verifier struct {
	o     *Option
	names map[string]bool
	dsts  map[any]string // Dst -> name of the option that has it
	found []string
}

func (v *verifier) report(format string, args ...any) {
	v.found = append(v.found, fmt.Sprintf("option %q: ", v.o.Name)+fmt.Sprintf(format, args...))
}

func (v *verifier) name(dir Direction) {
	name := v.o.Name
	if ok, _ := regexp.MatchString(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`, name); !ok {
		v.report("the name is not snake_case")
	}
	if Reserved(dir, name) {
		v.report("the engine reserves the name")
	}
	if v.names[strings.ToLower(name)] {
		v.report("the name is declared twice")
	}
	v.names[strings.ToLower(name)] = true
}

func (v *verifier) dst() {
	if kindOf(v.o.Dst) == kindUnknown {
		v.report("Dst is a nil pointer or of unknown type %T", v.o.Dst)
		return
	}
	if other, taken := v.dsts[v.o.Dst]; taken {
		v.report("Dst is also that of %q", other)
	}
	v.dsts[v.o.Dst] = v.o.Name
}

func (v *verifier) limits() {
	o := v.o
	k := kindOf(o.Dst)
	numeric := k == kindInt || k == kindDuration || k == kindSize
	text := k == kindString || k == kindList
	switch {
	case k == kindUnknown:
		return
	case !numeric && (o.Min != "" || o.Max != ""):
		v.report("a %s has no Min and Max", k)
	case numeric:
		v.bounds()
	}
	if len(o.Enum) > 0 && !text {
		v.report("a %s has no Enum", k)
	}
	seen := map[string]bool{}
	for _, e := range o.Enum {
		if e == "" || e != strings.TrimSpace(e) || k == kindList && strings.Contains(e, ",") {
			v.report("Enum value %q cannot be typed", e)
		}
		if seen[strings.ToLower(e)] {
			v.report("Enum value %q is listed twice", e)
		}
		seen[strings.ToLower(e)] = true
	}
	if o.Secret && (numeric || k == kindBool || len(o.Enum) > 0) {
		v.report("only free text can be secret")
	}
	if o.Check != nil && o.Allowed == "" {
		v.report("Check without Allowed: say what it accepts")
	}
}

// bounds parses Min and Max as unbounded options of the same type.
func (v *verifier) bounds() {
	free := Option{Dst: v.o.Dst}
	for _, bound := range []string{v.o.Min, v.o.Max} {
		if _, err := free.value(bound); err != nil {
			v.report("bound %q: %v", bound, err)
			return
		}
	}
	if v.o.Min == "" || v.o.Max == "" {
		return
	}
	upTo := Option{Dst: v.o.Dst, Max: v.o.Max}
	if _, err := upTo.value(v.o.Min); err != nil {
		v.report("Min %q is above Max %q", v.o.Min, v.o.Max)
	}
}

func (v *verifier) defaults() {
	o := v.o
	if o.Default == "" || kindOf(o.Dst) == kindUnknown {
		return
	}
	if o.Required {
		v.report("required, yet has a default")
	}
	if o.Secret {
		v.report("a secret has no default")
	}
	if o.Default != strings.TrimSpace(o.Default) {
		v.report("white space around the default")
	}
	if _, err := o.value(o.Default); err != nil {
		v.report("default %s: %v", o.shown(o.Default), err)
	}
}

func (v *verifier) example() {
	if v.o.Example == "" || kindOf(v.o.Dst) == kindUnknown {
		return
	}
	if _, err := v.o.value(v.o.Example); err != nil {
		v.report("example %q: %v", v.o.Example, err)
	}
}

func (v *verifier) help() {
	help := v.o.Help
	if strings.TrimSpace(help) == "" {
		v.report("no Help")
	}
	if strings.ContainsAny(help+v.o.Allowed, "\r\n|") {
		v.report("Help or Allowed holds a line break or a pipe")
	}
}

// newLike returns a pointer to a zero value of the type dst points to.
func newLike(dst any) any {
	switch dst.(type) {
	case *string:
		return new(string)
	case *bool:
		return new(bool)
	case *int:
		return new(int)
	case *time.Duration:
		return new(time.Duration)
	case *Size:
		return new(Size)
	case *[]string:
		return new([]string)
	default:
		return new([]Pair)
	}
}

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
