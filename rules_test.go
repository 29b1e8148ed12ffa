// Package rules_test holds what is true of the whole tree: who may import what.
package rules_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// imports maps each Go file of the project to its imports.
func imports(t *testing.T) map[string][]string {
	files := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (name == "build" || name == ".git") {
			if d.IsDir() && err == nil {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files[name] = nil
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			files[name] = append(files[name], p)
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

func TestOnlyTheEdgeKnowsC(t *testing.T) {
	edge := map[string]bool{"out_sls": true, "in_sls": true, "shared/flb": true}
	for file, paths := range imports(t) {
		for _, p := range paths {
			if p == "C" || strings.HasPrefix(p, "github.com/fluent/fluent-bit-go") {
				require.True(t, edge[path.Dir(file)] || strings.HasPrefix(file, "tests/bench/"),
					"%s imports %q: only the plugin mains and shared/flb may", file, p)
			}
		}
	}
}

func TestDataFlowsOneWay(t *testing.T) {
	// A package may import those of its own layer's list only.
	allowed := map[string][]string{
		"shared/":                   {"shared/"},
		"out_sls/internal/route":    {"shared/option", "shared/loggroup"},
		"out_sls/internal/producer": {"out_sls/internal/route", "shared/"},
		"in_sls/internal/consumer":  {"shared/"},
		"tests/slsfake":             {"tests/slsfake"},
		"tests/flbhost":             {"tests/flbhost"},
	}
	for file, paths := range imports(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for layer, may := range allowed {
			if !strings.HasPrefix(file, layer) {
				continue
			}
			for _, p := range paths {
				p, ours := strings.CutPrefix(p, "fluent-bit-sls/")
				require.True(t, !ours || hasPrefix(p, may), "%s must not import %s", file, p)
			}
		}
		if strings.Contains(file, "internal/") {
			require.NotContains(t, paths, "fluent-bit-sls/shared/flb", "%s: engines know nothing of the C side", file)
		}
	}
}

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	documented := map[string]bool{}
	for file := range imports(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		require.NoError(t, err)
		documented[path.Dir(file)] = documented[path.Dir(file)] || f.Doc != nil
	}
	for dir, ok := range documented {
		require.True(t, ok, "package %s has no package comment", dir)
	}
}

func hasPrefix(p string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return false
}
