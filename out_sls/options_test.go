package main

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
)

var update = flag.Bool("update", false, "write the option table into README.md")

func TestReadmeOptionTable(t *testing.T) {
	var c config
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	want, err := option.ReplaceTable(readme, option.OptionsMarker, option.Table(c.options()))
	require.NoError(t, err)
	want, err = option.ReplaceTable(want, option.NamesMarker, option.NamesTable(c.options(), hints()))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.WriteFile("README.md", want, 0o600))
		return
	}
	require.Equal(t, string(want), string(readme), "run `make docs`")
}

func TestOptionDeclarations(t *testing.T) {
	var c config
	require.Empty(t, option.Verify(c.options(), option.Output, hints()...))
}
