package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/conf"
)

// Every [INPUT] section of ours in conf/ has only options that exist, with values that
// would start.
func TestConfigurationsOfTheProject(t *testing.T) {
	sections, err := conf.Walk("../conf")
	require.NoError(t, err)
	files := map[string]bool{}
	for _, s := range sections {
		if s.Kind != conf.Input || s.Name != "sls" {
			continue
		}
		files[s.File] = true
		var c config
		c.read.DefaultConsumer = "host-1-sls.0"
		opts := c.options()
		require.Empty(t, s.Unknown(option.Input, opts))
		require.NoError(t, errors.Join(option.Parse(s.Map(), opts), c.conn.Validate(), c.read.ChooseHandover(true), c.read.Validate()), s.File)
	}
	require.Subset(t, files, map[string]bool{"consume-to-file.yaml": true, "consume-to-file.conf": true})
}
