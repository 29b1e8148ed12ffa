package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// linked is a module that the plugins or a program of a release contain.
type linked struct {
	Path, Version, Dir string
	licence            string // of SPDX
	texts              []string
}

// licences tell one of SPDX by words of its text. They are those that ask for no more than
// their notice: no other is let in.
var licences = []struct{ id, words string }{
	{"Apache-2.0", "apache license version 2.0"},
	{"BSD-3-Clause", "neither the name of"},
	{"BSD-2-Clause", "redistributions of source code must retain the above copyright notice"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
}

// forbidden are words of licences that ask for more, in whatever file they are.
var forbidden = []string{"gnu general public", "gnu lesser", "gnu affero", "mozilla public license", "eclipse public license", "server side public"}

// licenceOf is the licence of a text, an error for one that is not let in.
func licenceOf(text string) (string, error) {
	plain := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, words := range forbidden {
		if strings.Contains(plain, words) {
			return "", fmt.Errorf("it speaks of the %s", words)
		}
	}
	for _, l := range licences {
		if strings.Contains(plain, l.words) {
			return l.id, nil
		}
	}
	return "", errors.New("it is none that is known")
}

// readLinked lists what is linked into a release, in order of its paths, Go itself first.
func readLinked(ctx context.Context) ([]linked, error) {
	// A module that another takes the place of is that other one: go.mod replaces one.
	const form = "{{with .Module}}{{if not .Main}}{{with .Replace}}{{.Path}} {{.Version}} {{.Dir}}{{else}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}{{end}}"
	out, err := exec.CommandContext(ctx, "go", "list", "-deps", "-tags", "netgo,osusergo", "-f", form, "./out_sls", "./in_sls", "./install", "./tests/slsfake/cmd/slsfake").Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	all := []linked{{Path: "std", Dir: strings.TrimSpace(string(goroot))}}
	lines := strings.Split(string(out), "\n")
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		if f := strings.Fields(line); len(f) == 3 {
			all = append(all, linked{Path: f[0], Version: f[1], Dir: f[2]})
		}
	}
	for i := range all {
		if err := all[i].readLicence(); err != nil {
			return nil, fmt.Errorf("licence of %s: %w", all[i].Path, err)
		}
	}
	return all, nil
}

func (m *linked) readLicence() error {
	for _, pattern := range []string{"LICEN[CS]E*", "COPYING*", "NOTICE*", "PATENTS*"} {
		files, err := filepath.Glob(filepath.Join(m.Dir, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			m.texts = append(m.texts, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
			if m.licence == "" {
				if m.licence, err = licenceOf(string(text)); err != nil {
					return fmt.Errorf("%s: %w", filepath.Base(file), err)
				}
			}
		}
	}
	if m.licence == "" {
		return errors.New("there is no file")
	}
	return nil
}

// name is the module as notices and the list of parts call it.
func (m *linked) name() string {
	if m.Version == "" {
		return "Go, its runtime and standard library"
	}
	return m.Path + " " + m.Version
}

// writeNotices writes what the licences of the parts ask to be told.
func writeNotices(w io.Writer, all []linked) {
	fmt.Fprintln(w, "The plugins and programs contain these works of others, under the licences that follow.") //nolint:errcheck // of a buffer
	for _, m := range all {
		fmt.Fprintf(w, "\n%s\n%s (%s)\n\n%s\n", strings.Repeat("=", 80), m.name(), m.licence, strings.Join(m.texts, "\n\n")) //nolint:errcheck // of a buffer
	}
}

// bill is a list of parts by CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json).
type bill struct {
	Format     string   `json:"bomFormat"`
	Spec       string   `json:"specVersion"`
	Version    int      `json:"version"`
	Metadata   metadata `json:"metadata"`
	Components []part   `json:"components"`
}

type metadata struct {
	Component part `json:"component"`
}

type part struct {
	Type     string        `json:"type"`
	Ref      string        `json:"bom-ref"`
	Name     string        `json:"name"`
	Version  string        `json:"version,omitempty"`
	Scope    string        `json:"scope,omitempty"`
	Licences []licenceItem `json:"licenses"`
	Purl     string        `json:"purl,omitempty"`
}

type licenceItem struct {
	Licence struct {
		ID string `json:"id"`
	} `json:"license"`
}

func newPart(kind, name, version, licence string) part {
	p := part{Type: kind, Ref: name, Name: name, Version: version, Licences: make([]licenceItem, 1)}
	p.Licences[0].Licence.ID = licence
	if version != "" && kind == "library" {
		p.Purl = "pkg:golang/" + name + "@" + version
		p.Ref, p.Scope = p.Purl, "required"
	}
	return p
}

// writeBill writes the list of parts, the same bytes for the same parts.
func writeBill(w io.Writer, all []linked) error {
	b := bill{Format: "CycloneDX", Spec: "1.5", Version: 1}
	b.Metadata.Component = newPart("application", "fluent-bit-sls", "", "Apache-2.0")
	for _, m := range all {
		b.Components = append(b.Components, newPart("library", m.Path, m.Version, m.licence))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(b)
}

// noticeFiles are the files of the module that come from what is linked, by their names.
func noticeFiles(ctx context.Context) (map[string][]byte, error) {
	all, err := readLinked(ctx)
	if err != nil {
		return nil, err
	}
	var notices, parts bytes.Buffer
	writeNotices(&notices, all)
	if err := writeBill(&parts, all); err != nil {
		return nil, err
	}
	return map[string][]byte{"THIRD_PARTY_NOTICES": notices.Bytes(), "sbom.cdx.json": parts.Bytes()}, nil
}
