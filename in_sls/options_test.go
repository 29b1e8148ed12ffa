package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/declared"
)

func TestReadmeOptionTable(t *testing.T) {
	var c config
	declared.Options(t, "README.md", option.Input, c.options(), hints())
}

// raw_key: the field would have another name than whoever typed it expects.
func TestOptionsThatAreGoneRefuseToStart(t *testing.T) {
	require.EqualError(t, option.Gone(option.Map{"Raw_Key": "line"}, gone()),
		"option raw_key: is no option any more; the field of format raw is log, which Fluent Bit's filter modify can rename: rename log NAME")
}
