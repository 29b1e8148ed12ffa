// Package rules_test holds what is true of the whole tree: who may import what, and
// that the pages speak of what there is.
package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// files lists the project's files with one of the endings.
func files(t *testing.T, endings ...string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "build" || name == ".git"):
			return fs.SkipDir
		case !d.IsDir() && slices.Contains(endings, path.Ext(name)):
			found = append(found, name)
		}
		return nil
	}))
	return found
}

// imports maps each Go file of the project to its imports.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	for _, name := range files(t, ".go") {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		imports[name] = nil
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			imports[name] = append(imports[name], p)
		}
	}
	return imports
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
		"shared/":                     {"shared/"},
		"shared/option":               nil,
		"shared/buffer":               nil,
		"shared/metric":               nil,
		"shared/panics":               nil,
		"shared/loggroup":             nil,
		"shared/template":             {"shared/loggroup"},
		"shared/flb":                  {"shared/metric", "shared/panics"},
		"shared/credentials":          {"shared/option", "shared/panics"},
		"shared/sls":                  {"shared/credentials", "shared/option"},
		"out_sls/internal/route":      {"shared/option", "shared/loggroup", "shared/template"},
		"out_sls/internal/report":     {"shared/metric", "shared/sls"},
		"out_sls/internal/journal":    nil,
		"out_sls/internal/memory":     {"out_sls/internal/journal"},
		"out_sls/internal/segment":    {"out_sls/internal/memory", "out_sls/internal/report", "out_sls/internal/route", "shared/buffer", "shared/loggroup"},
		"out_sls/internal/schedule":   {"out_sls/internal/memory", "out_sls/internal/report", "out_sls/internal/route", "out_sls/internal/segment", "shared/panics", "shared/sls"},
		"out_sls/internal/sequence":   {"out_sls/internal/journal"},
		"out_sls/internal/delivery":   {"out_sls/internal/journal", "out_sls/internal/memory", "out_sls/internal/report", "out_sls/internal/schedule", "out_sls/internal/segment", "out_sls/internal/sequence", "shared/"},
		"out_sls/internal/deadletter": {"out_sls/internal/memory", "out_sls/internal/report", "out_sls/internal/route", "out_sls/internal/segment", "shared/loggroup"},
		"out_sls/internal/producer":   {"out_sls/internal/", "shared/"},
		"in_sls/internal/retry":       {"shared/sls"},
		"in_sls/internal/metrics":     {"shared/loggroup", "shared/metric", "shared/sls"},
		"in_sls/internal/handover":    {"in_sls/internal/metrics", "in_sls/internal/retry", "shared/buffer", "shared/loggroup", "shared/metric"},
		"in_sls/internal/monitor":     {"in_sls/internal/handover"},
		"in_sls/internal/tags":        {"shared/loggroup", "shared/metric", "shared/template"},
		"in_sls/internal/shard":       {"in_sls/internal/handover", "in_sls/internal/retry", "in_sls/internal/tags", "shared/buffer", "shared/loggroup", "shared/option", "shared/panics", "shared/sls"},
		"in_sls/internal/lease":       {"in_sls/internal/handover", "in_sls/internal/metrics", "in_sls/internal/retry", "in_sls/internal/shard", "shared/panics", "shared/sls"},
		"in_sls/internal/group":       {"in_sls/internal/lease", "in_sls/internal/retry", "in_sls/internal/shard", "shared/metric", "shared/panics", "shared/sls"},
		"in_sls/internal/standalone":  {"in_sls/internal/lease", "in_sls/internal/retry", "in_sls/internal/shard", "shared/panics", "shared/sls"},
		"in_sls/internal/consumer":    {"in_sls/internal/", "shared/"},
		"tests/slsfake":               {"tests/slsfake"},
		"tests/flbhost":               {"tests/flbhost"},
	}
	for file, paths := range imports(t) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		if strings.Contains(file, "internal/") {
			require.Contains(t, allowed, path.Dir(file), "a new package says here what it may import")
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

// What is shipped is made of what is shipped: the emulator knows every key, and a
// library for tests is one more to trust.
func TestPluginsDoWithoutTests(t *testing.T) {
	for file, paths := range imports(t) {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "tests/") {
			continue
		}
		for _, p := range paths {
			require.False(t, hasPrefix(p, []string{"fluent-bit-sls/tests/", "testing", "github.com/stretchr/testify", "go.uber.org/goleak"}),
				"%s must not import %s", file, p)
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

// A panic in a goroutine that nobody recovers ends the whole agent.
func TestGoroutinesSurviveAPanic(t *testing.T) {
	started := 0
	for _, name := range files(t, ".go") {
		if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "tests/") || strings.HasPrefix(name, "shared/panics/") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			if _, raw := n.(*ast.GoStmt); raw {
				t.Errorf("%s: a go statement; start it with Go of shared/panics", fset.Position(n.Pos()))
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Go", "TryGo", "AfterFunc", "DoChan"}, sel.Sel.Name) {
				started++
				if !survives(sel, call.Args[len(call.Args)-1]) {
					t.Errorf("%s: %s starts a goroutine that a panic ends with the agent; see shared/panics", fset.Position(n.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
	require.Greater(t, started, 15, "this test finds where goroutines are started")
}

// survives reports whether a goroutine that is started by a call of a method or
// function start cannot end the agent: a guard starts it, it recovers, or it is no code of ours.
func survives(start *ast.SelectorExpr, run ast.Expr) bool {
	if calls(start.X, "panics") {
		return true
	}
	literal, ok := run.(*ast.FuncLit)
	if !ok { // context.AfterFunc with the function that ends a context
		x, ok := start.X.(*ast.Ident)
		return ok && x.Name == "context"
	}
	return calls(literal, "recover") || calls(literal, "Catch")
}

// calls reports whether a name is used in n.
func calls(n ast.Node, name string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			found = true
		}
		return !found
	})
	return found
}

func hasPrefix(p string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return false
}
