package conf

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Read reads one file.
func Read(file string) ([]Section, error) { return readFile(file, filepath.Base(file)) }

// readFile reads a file that its sections call name.
func readFile(file, name string) ([]Section, error) {
	ext := filepath.Ext(name)
	if ext != ".conf" && ext != ".yaml" && ext != ".yml" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if ext == ".conf" {
		return parseClassic(name, string(text))
	}
	return parseDocuments(name, text)
}

// parseDocuments reads a file of YAML documents. Each is a configuration, or may hold some
// as texts.
func parseDocuments(name string, text []byte) ([]Section, error) {
	var all []Section
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		if err := d.Decode(&doc); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found, err := parseDocument(name, doc.Content[0])
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
}

func parseDocument(name string, n *yaml.Node) ([]Section, error) {
	if n.Kind != yaml.MappingNode || !hasKey(n, "pipeline") {
		return embedded(name, "", n)
	}
	return parseYAML(name, n)
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}

var (
	classicHeader = regexp.MustCompile(`(?mi)^\s*\[(service|input|filter|output|parser|plugins)\]\s*$`)
	yamlHeader    = regexp.MustCompile(`(?m)^pipeline:\s*$`)
)

// embedded looks for configurations in the texts of n; at is the way to n.
func embedded(name, at string, n *yaml.Node) ([]Section, error) {
	where := strings.TrimSpace(name + " " + strings.TrimPrefix(at, "."))
	switch {
	case n.Kind == yaml.ScalarNode && classicHeader.MatchString(n.Value):
		return parseClassic(where, n.Value)
	case n.Kind == yaml.ScalarNode && yamlHeader.MatchString(n.Value):
		return parseDocuments(where, []byte(n.Value))
	}
	var all []Section
	for i, child := range n.Content {
		step := strconv.Itoa(i)
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			step = n.Content[i-1].Value
		}
		found, err := embedded(name, at+"."+step, child)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// lists are the parts of a YAML configuration that are lists of sections.
var lists = map[string]string{
	"pipeline.inputs": Input, "pipeline.filters": Filter, "pipeline.outputs": Output, "parsers": Parser,
}

func parseYAML(name string, root *yaml.Node) ([]Section, error) {
	var all []Section
	err := eachPair(name, root, func(key string, value *yaml.Node) error {
		switch key {
		case "pipeline":
			return eachPair(name, value, func(part string, items *yaml.Node) error {
				return appendList(&all, name, "pipeline."+part, items)
			})
		case "parsers":
			return appendList(&all, name, key, value)
		case "service":
			s := Section{File: name, Kind: Service}
			err := s.addAll(value)
			all = append(all, s)
			return err
		case "plugins":
			s := Section{File: name, Kind: Plugins}
			err := s.add("path", value)
			all = append(all, s)
			return err
		default:
			return fmt.Errorf("%s:%d: %s is not understood", name, value.Line, key)
		}
	})
	return all, err
}

func appendList(all *[]Section, name, part string, items *yaml.Node) error {
	kind := lists[part]
	if kind == "" || items.Kind != yaml.SequenceNode {
		return fmt.Errorf("%s:%d: %s is not understood", name, items.Line, part)
	}
	for _, item := range items.Content {
		s := Section{File: name, Kind: kind}
		if err := s.addAll(item); err != nil {
			return err
		}
		if err := s.takeName(); err != nil {
			return err
		}
		*all = append(*all, s)
	}
	return nil
}

// takeName moves the name out of the properties.
func (s *Section) takeName() error {
	for i, p := range s.Properties {
		if p.Key == "name" && p.Value != "" {
			s.Name = strings.ToLower(p.Value)
			s.Properties = append(s.Properties[:i:i], s.Properties[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("%s: an %s without a name", s.File, s.Kind)
}

func (s *Section) addAll(n *yaml.Node) error { return eachPair(s.File, n, s.add) }

// add appends a scalar, or each of a list of them.
func (s *Section) add(key string, value *yaml.Node) error {
	values := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		values = value.Content
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			return fmt.Errorf("%s:%d: the value of %s is not understood", s.File, v.Line, key)
		}
		s.Properties = append(s.Properties, Property{strings.ToLower(key), v.Value})
	}
	return nil
}

func eachPair(name string, n *yaml.Node, do func(key string, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: keys and values expected", name, n.Line)
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if seen[strings.ToLower(key)] {
			return fmt.Errorf("%s:%d: %s twice", name, n.Content[i].Line, key)
		}
		seen[strings.ToLower(key)] = true
		if err := do(key, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// parseClassic reads lines of "[SECTION]", "key value" and "# comment".
func parseClassic(name, text string) ([]Section, error) {
	var all []Section
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		bad := func() error { return fmt.Errorf("%s:%d: %q is not understood", name, i+1, line) }
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			kind := strings.ToLower(line[1 : len(line)-1])
			switch kind {
			case Service, Input, Filter, Output, Parser, Plugins:
				all = append(all, Section{File: name, Kind: kind})
			default:
				return nil, bad()
			}
		case line[0] == '@' || len(all) == 0:
			return nil, bad()
		default:
			key, value, found := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			if !found {
				return nil, bad()
			}
			s := &all[len(all)-1]
			s.Properties = append(s.Properties, Property{strings.ToLower(key), strings.TrimSpace(value)})
		}
	}
	for i := range all {
		if s := &all[i]; s.Kind != Service && s.Kind != Plugins {
			if err := s.takeName(); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
