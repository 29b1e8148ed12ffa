package main

import (
	"testing"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/declared"
)

func TestReadmeOptionTable(t *testing.T) {
	var c config
	declared.Options(t, "README.md", option.Input, c.options(), hints())
}

func TestOptionsOfTheOutputAreKnown(t *testing.T) {
	var c config
	declared.Foreign(t, "../out_sls/README.md", c.options(), hints())
}
