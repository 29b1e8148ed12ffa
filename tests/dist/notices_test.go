package main

import (
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/e2e"
)

var update = flag.Bool("update", false, "write THIRD_PARTY_NOTICES and sbom.cdx.json")

// Everything that is linked into the plugins asks for its notice and no more, and has it.
// For a new dependency: go test ./tests/dist -run TestNotices -args -update.
func TestNotices(t *testing.T) {
	t.Chdir("../..")
	files, err := noticeFiles(t.Context())
	require.NoError(t, err)
	for name, want := range files {
		if *update {
			require.NoError(t, os.WriteFile(name, want, 0o644))
		}
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is not what is linked: see this test", name)
	}
}

// The list of parts has every module that the built plugins say they contain.
func TestBillIsOfThePlugins(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("sbom.cdx.json")
	require.NoError(t, err)
	var b bill
	require.NoError(t, json.Unmarshal(text, &b))
	listed := map[string]bool{}
	for _, p := range b.Components {
		require.NotEmpty(t, p.Licences[0].Licence.ID, p.Name)
		require.False(t, listed[p.Ref], "twice: %s", p.Ref)
		listed[p.Ref] = true
	}
	plugins, err := e2e.FindPlugins("build")
	require.NoError(t, err)
	for _, so := range []string{plugins.Out, plugins.In} {
		info, err := buildinfo.ReadFile(so)
		require.NoError(t, err)
		require.NotEmpty(t, info.Deps)
		for _, dep := range info.Deps {
			if dep.Replace != nil {
				dep = dep.Replace
			}
			require.True(t, listed["pkg:golang/"+dep.Path+"@"+dep.Version], "%s lacks %s %s", so, dep.Path, dep.Version)
		}
	}
}

func TestLicencesThatAreLetIn(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n  Version 2.0, January 2004":                                                            "Apache-2.0",
		"Redistributions of source code must retain the above\ncopyright notice":                                 "BSD-2-Clause",
		"Redistributions of source code must retain the above copyright notice. Neither the name of Google Inc.": "BSD-3-Clause",
		"Permission is hereby granted, free of charge, to any person obtaining a copy of this software":          "MIT",
	} {
		got, err := licenceOf(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for text, problem := range map[string]string{
		"GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007":                 "it speaks of the gnu general public",
		"Mozilla Public License, version 2.0":                                  "it speaks of the mozilla public license",
		"Apache License Version 2.0, or the GNU Lesser General Public License": "it speaks of the gnu lesser",
		"All rights reserved.":                                                 "it is none that is known",
	} {
		_, err := licenceOf(text)
		require.EqualError(t, err, problem, text)
	}
	m := linked{Dir: t.TempDir()}
	require.EqualError(t, m.readLicence(), "there is no file")
}
