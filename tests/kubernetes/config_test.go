package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"
)

// fluentBit is a configuration in YAML.
type fluentBit struct {
	Plugins  []string       `json:"plugins"`
	Service  map[string]any `json:"service"`
	Pipeline struct {
		Inputs  []map[string]any `json:"inputs"`
		Filters []map[string]any `json:"filters"`
		Outputs []map[string]any `json:"outputs"`
	} `json:"pipeline"`
}

// section returns the only section of that name.
func (f fluentBit) section(t *testing.T, sections []map[string]any, name string) map[string]any {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(sections), func(s map[string]any) bool { return s["name"] != name })
	require.Len(t, found, 1, name)
	return found[0]
}

// requireOptions: every property of our sections is an option of the plugin, by
// the table in its README, or one of the engine's.
func (f fluentBit) requireOptions(t *testing.T) {
	t.Helper()
	engine := []string{"name", "alias", "match", "tag", "workers", "retry_limit", "mem_buf_limit", "storage.total_limit_size"}
	for plugin, sections := range map[string][]map[string]any{"in_sls": f.Pipeline.Inputs, "out_sls": f.Pipeline.Outputs} {
		options := append(documented(t, plugin), engine...)
		loads := slices.Contains(f.Plugins, "/opt/sls/"+plugin+".so")
		ours := slices.DeleteFunc(slices.Clone(sections), func(s map[string]any) bool { return s["name"] != "sls" })
		require.Equal(t, len(ours) > 0, loads, "%s is loaded where it is used", plugin)
		for _, section := range ours {
			for key := range section {
				require.Contains(t, options, key, plugin)
			}
		}
	}
}

// documented returns the options that a plugin's README lists.
func documented(t *testing.T, plugin string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, plugin, "README.md"))
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "<!-- options:")
	table, _, found := strings.Cut(table, "<!-- /options -->")
	require.True(t, found)
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		names = append(names, row[1])
	}
	require.Greater(t, len(names), 20)
	return names
}

// requireVariables: each ${NAME} is known, and each that is known is used.
func requireVariables(t *testing.T, text string, known map[string]bool) {
	t.Helper()
	used := map[string]bool{}
	for _, name := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(text, -1) {
		used[name[1]] = true
	}
	require.Equal(t, known, used)
}

// size reads a size of Fluent Bit's, where M is 2^20.
func size(t *testing.T, v any) int64 {
	t.Helper()
	q, err := resource.ParseQuantity(fmt.Sprint(v) + "i")
	require.NoError(t, err)
	return q.Value()
}

func seconds(t *testing.T, v any) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(strings.TrimSuffix(fmt.Sprint(v), "s") + "s")
	require.NoError(t, err)
	return d
}

func number(t *testing.T, v any) int64 {
	t.Helper()
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	require.NoError(t, err)
	return n
}
