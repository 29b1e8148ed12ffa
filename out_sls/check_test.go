package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
)

// The destination that is known without a record is checked.
func TestWhatIsChecked(t *testing.T) {
	for _, tc := range []struct {
		props                      option.Map
		name                       string
		projectOption, storeOption string
	}{
		{option.Map{"project": "proj", "logstore": "app"}, "proj/app", "project", "logstore"},
		{option.Map{"project": "proj", "logstore": "app-$level|info", "allow_destinations": "app-*", "default_logstore": "misc"}, "proj/misc", "project", "default_logstore"},
		{option.Map{"project": "logs-$TAG[1]", "default_project": "shared", "logstore": "app-$TAG[0]|x"}, "shared/app-x", "default_project", ""},
	} {
		var c config
		tc.props["endpoint"], tc.props["access_key_id"], tc.props["access_key_secret"] = "host", "k", "s"
		require.NoError(t, option.Parse(tc.props, c.options()))
		client, err := sls.New(c.conn.ClientConfig("test", 1, nil))
		require.NoError(t, err)
		check := c.newCheck(client, slog.New(slog.DiscardHandler))
		require.Equal(t, "off", check.Mode, "SLS gets no malformed write that nobody asked for")
		require.Len(t, check.Targets, 1)
		to := check.Targets[0]
		require.Equal(t, tc.name, to.String())
		require.Equal(t, tc.projectOption, to.ProjectOption)
		require.Equal(t, tc.storeOption, to.LogstoreOption)
		require.Equal(t, "log:PostLogStoreLogs", to.Action)
		client.Close()
	}
}
