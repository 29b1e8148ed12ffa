package main

import (
	"testing"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/declared"
)

func TestReadmeOptionTable(t *testing.T) {
	var c config
	declared.Options(t, "README.md", option.Output, c.options(), hints())
}

func TestOptionsOfTheInputAreKnown(t *testing.T) {
	var c config
	declared.Foreign(t, "../in_sls/README.md", c.options(), hints())
}
