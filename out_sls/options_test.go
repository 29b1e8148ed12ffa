package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/declared"
)

func TestReadmeOptionTable(t *testing.T) {
	var c config
	declared.Options(t, "README.md", option.Output, c.options(), hints())
}

func TestOptionsThatAreGoneRefuseToStart(t *testing.T) {
	require.EqualError(t, option.Gone(option.Map{"time_ns": "off", "log_interval": "1s"}, gone()),
		"option log_interval: is no option any more; the same error is logged once in 30 s; "+
			"option time_ns: is no option any more; the nanoseconds of a log's time are always sent")
}
