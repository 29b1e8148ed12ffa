// Package declared holds a plugin's pages against what it declares: that its README has
// the tables of its options and metrics, and that dashboard, alert rules and the main
// README name no metric that is not there. What a plugin declares is the truth; nothing
// is listed here.
package declared

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

var update = flag.Bool("update", false, "write the generated tables into the README")

// Options requires that opts and hints are without mistakes and that a README has the
// tables made of them. With -update, as `make docs` has it, it writes them there.
func Options(t *testing.T, readme string, dir option.Direction, opts []option.Option, hints []option.Hint) {
	t.Helper()
	require.Empty(t, option.Verify(opts, dir, hints...))
	requireGroups(t, opts)
	page, err := os.ReadFile(readme)
	require.NoError(t, err)
	want, err := option.ReplaceTable(page, option.OptionsMarker, option.Tables(opts))
	require.NoError(t, err)
	want, err = option.ReplaceTable(want, option.NamesMarker, option.NamesTable(opts, hints))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile(readme, want, 0o600))
		return
	}
	require.Equal(t, string(want), string(page), "run `make docs`")
}

// requireGroups: each option stands under a heading, and each heading has an example.
func requireGroups(t *testing.T, opts []option.Option) {
	t.Helper()
	shown := map[string]bool{}
	for i := range opts {
		o := &opts[i]
		require.NotEmpty(t, o.Group, "option %s stands under no heading: see option.Grouped", o.Name)
		shown[o.Group] = shown[o.Group] || o.Example != "" && !o.Required
	}
	for heading, ok := range shown {
		require.True(t, ok, "no option under %q has an example", heading)
	}
}

// Foreign requires that the options of the other plugin, as its README has them, are known:
// that each is one of opts, or a hint says whose it is.
func Foreign(t *testing.T, readme string, opts []option.Option, hints []option.Hint) {
	t.Helper()
	known := map[string]bool{}
	for i := range opts {
		known[opts[i].Name] = true
	}
	for _, h := range hints {
		for _, name := range h.Names {
			known[name] = true
		}
	}
	page, err := os.ReadFile(readme)
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(page), "<!-- "+string(option.OptionsMarker)+":")
	table, _, _ = strings.Cut(table, "<!-- /"+string(option.OptionsMarker)+" -->")
	rows := regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` ").FindAllStringSubmatch(table, -1)
	require.Greater(t, len(rows), 40, readme)
	for _, row := range rows {
		require.True(t, known[row[1]], "%s: %s", readme, row[1])
	}
}
