// Package declared holds a plugin's pages against what it declares: that its README has
// the tables of its options and metrics, and that dashboard, alert rules and the main
// README name no metric that is not there. What a plugin declares is the truth; nothing
// is listed here.
package declared

import (
	"flag"
	"os"
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
	want, err = option.ReplaceTable(want, option.NamesMarker, option.NamesTable(hints))
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
