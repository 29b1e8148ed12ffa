package main

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/conf"
)

// Every [OUTPUT] section of ours in conf/ has only options that exist, with values that
// would start.
func TestConfigurationsOfTheProject(t *testing.T) {
	for _, v := range []string{"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"} {
		t.Setenv(v, "set by the cluster") // for credentials rrsa
	}
	sections, err := conf.Walk("../conf")
	require.NoError(t, err)
	files := map[string]bool{}
	for _, s := range sections {
		if s.Kind != conf.Output || s.Name != "sls" {
			continue
		}
		files[s.File] = true
		var c config
		opts := c.options()
		require.Empty(t, s.Unknown(option.Output, opts))
		require.NoError(t, errors.Join(option.Parse(s.Map(), opts), c.validate(s.Map())), s.File)
		_, err := route.New(c.route)
		require.NoError(t, err, s.File)
	}
	require.Subset(t, files, map[string]bool{"ship-files.yaml": true, "ship-files.conf": true})
}
