// Package conf reads the Fluent Bit configurations of this project, for the tests that
// check them: YAML, the classic form, and either of them as a text inside other YAML, as
// ConfigMaps and Helm values have it. It reads less than the engine does: what it does not
// understand is an error.
package conf

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"fluent-bit-sls/shared/option"
)

// The kinds of sections.
const (
	Service = "service"
	Input   = "input"
	Filter  = "filter"
	Output  = "output"
	Parser  = "parser"
	Plugins = "plugins" // one property per path, with the key "path"
)

// Section is one section of a configuration.
type Section struct {
	File       string // below the folder given, and where inside: "a.yaml" or "b.yaml data.fluent-bit.conf"
	Kind       string
	Name       string // of the plugin or parser, in lower case; "" where the kind has none
	Properties []Property
}

// Property is one line of a section. A YAML list is as many properties of one key.
type Property struct {
	Key   string // in lower case, as the engine does not care
	Value string
}

// Walk reads every .yaml, .yml and .conf file below dir that is a configuration or holds
// some, in lexical order.
func Walk(dir string) ([]Section, error) {
	var all []Section
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		found, err := readFile(file, filepath.ToSlash(name))
		all = append(all, found...)
		return err
	})
	return all, err
}

// Map returns the properties with environment variables replaced by Sample. Of a key that
// is there several times the engine shows a plugin the first.
func (s *Section) Map() option.Map {
	m := option.Map{}
	for _, p := range s.Properties {
		if _, there := m[p.Key]; !there {
			m[p.Key] = variable.ReplaceAllStringFunc(p.Value, func(v string) string { return Sample(v[2 : len(v)-1]) })
		}
	}
	return m
}

// Unknown returns the keys of a section of ours that are neither options nor kept by the
// engine for itself, and those that are there twice.
func (s *Section) Unknown(dir option.Direction, opts []option.Option) []string {
	declared := map[string]bool{}
	for _, o := range opts {
		declared[o.Name] = true
	}
	var unknown []string
	seen := map[string]bool{}
	for _, p := range s.Properties {
		switch {
		case seen[p.Key]:
			unknown = append(unknown, fmt.Sprintf("%s: %s twice", s.File, p.Key))
		case !declared[p.Key] && !option.Reserved(dir, p.Key):
			unknown = append(unknown, fmt.Sprintf("%s: no option %s", s.File, p.Key))
		}
		seen[p.Key] = true
	}
	return unknown
}

var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// Variables returns the names of the environment variables in text.
func Variables(text string) []string {
	var names []string
	for _, v := range variable.FindAllString(text, -1) {
		names = append(names, v[2:len(v)-1])
	}
	return names
}

// Sample is what an environment variable of a configuration could be.
func Sample(name string) string {
	switch {
	case strings.HasSuffix(name, "ENDPOINT"):
		return "cn-hangzhou.log.aliyuncs.com"
	case strings.HasSuffix(name, "_FROM"):
		return "1763690000"
	case strings.HasSuffix(name, "_TO"):
		return "1763700000"
	default:
		return "sample-1"
	}
}
