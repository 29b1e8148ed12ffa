package slsfake

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(b)
}

// flat is code without indentation: a snippet stands further left than its source.
func flat(code string) string {
	lines := strings.Split(code, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

// constants are the string constants of a type in a file: name -> value.
func constants(t *testing.T, file, typeName string) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	require.NoError(t, err)
	found := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typeName {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			found[spec.Names[0].Name] = value
		}
		return true
	})
	require.NotEmpty(t, found)
	return found
}

// The README's Go code is code that is compiled and run.
func TestReadmeSnippets(t *testing.T) {
	source := flat(readFile(t, "example_test.go") + readFile(t, "synctest_test.go"))
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(readFile(t, "README.md"), -1)
	require.Len(t, snippets, 3)
	for _, snippet := range snippets {
		require.Contains(t, source, flat(snippet[1]))
	}
}

// The README's table names every operation, by the paths that lead to it, and no code
// that is not the emulator's, with its status.
func TestReadmeOperations(t *testing.T) {
	ops, codes := constants(t, "hooks.go", "Op"), slices.Collect(maps.Values(constants(t, "errors.go", "errorCode")))
	delete(ops, "OpUnknown")
	paths := regexp.MustCompile("`([A-Z]+) (/[^`]*)`")
	code := regexp.MustCompile("([0-9]{3} )?`([A-Z][A-Za-z]+)`")
	for line := range strings.Lines(readFile(t, "README.md")) {
		cells := strings.Split(line, "|")
		if !strings.HasPrefix(line, "| `Op") {
			continue
		}
		name := strings.Trim(cells[1], " `")
		require.Contains(t, ops, name)
		found := paths.FindAllStringSubmatch(cells[2], -1)
		require.NotEmpty(t, found, name)
		for _, p := range found {
			u, err := url.Parse(strings.NewReplacer("[", "", "]", "", "?&", "?", "shards/S", "shards/0").Replace(p[2]))
			require.NoError(t, err)
			project := "proj"
			if strings.Contains(cells[2], p[0]+" on a host that names no project") {
				project = ""
			}
			rt, ok := parseRoute(p[1], project, u.Path, u.Query())
			require.True(t, ok, p[0])
			require.Equal(t, Op(ops[name]), rt.op, p[0])
			if project != "" {
				require.ElementsMatch(t, rt.params, slices.Collect(maps.Keys(u.Query())), "parameters of %s", p[0])
			}
		}
		for _, c := range code.FindAllStringSubmatch(cells[4], -1) {
			require.Contains(t, codes, c[2], name)
			status := 400
			if c[1] != "" {
				status, _ = strconv.Atoi(strings.TrimSpace(c[1]))
			}
			if c[2] != "ShardNotExist" { // 404 for checkpoints only
				require.Equal(t, statusOf(errorCode(c[2])), status, "%s: %s", name, c[2])
			}
		}
		delete(ops, name)
	}
	require.Empty(t, ops, "operations the README leaves out")
}

// The README names every action of a hook with its parameters, and every method of
// Server.
func TestReadmeMethods(t *testing.T) {
	page := readFile(t, "README.md")
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || !fn.Name.IsExported() || strings.HasSuffix(name, "_test.go") {
				continue
			}
			star, ok := fn.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			switch star.X.(*ast.Ident).Name {
			case "Call":
				found++
				action := fn.Name.Name + "(" + strings.Join(parameters(fn), ", ") + ")"
				require.True(t, strings.Contains(page, "\n| `"+action+"`"), "actions of a hook: %s", action)
			case "Server":
				found++
				method := regexp.MustCompile("[`. ]" + fn.Name.Name + "[`(]")
				require.True(t, method.MatchString(page), "Server.%s", fn.Name.Name)
			}
		}
	}
	require.Greater(t, found, 30)
}

// The README names every field of a fault and of a log in JSON.
func TestReadmeJSON(t *testing.T) {
	page := readFile(t, "README.md")
	for _, v := range []any{Fault{}, logJSON{}, SetFault{}} {
		of := reflect.TypeOf(v)
		for i := range of.NumField() {
			name, rest, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			events := name == "project" || name == "logstore" // of logs, in the events only
			require.True(t, name == "" || events || strings.Contains(page, "`"+name+"`"), "%T.%s %s", v, name, rest)
		}
	}
}

func parameters(fn *ast.FuncDecl) []string {
	var names []string
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}
