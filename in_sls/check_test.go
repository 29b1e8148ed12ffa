package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// Each logstore is checked by the first call that its reading makes.
func TestWhatIsChecked(t *testing.T) {
	for _, tc := range []struct {
		props option.Map
		names []string
		calls slsfake.Op
		needs string
	}{
		{option.Map{"logstore": "app,web"}, []string{"proj/app", "proj/web"}, slsfake.OpListConsumerGroups, "log:ListConsumerGroup"},
		{option.Map{"logstore": "app", "consumer_group": "none"}, []string{"proj/app"}, slsfake.OpListShards, "log:ListShards"},
		{option.Map{"logstore": "app", "replay": "0:MQ==:Mg=="}, []string{"proj/app"}, slsfake.OpListShards, "log:ListShards"},
		{option.Map{"logstore_pattern": "a.*"}, []string{"proj"}, slsfake.OpListLogstores, "log:ListLogStores"},
	} {
		cloud := slsfake.New(slsfake.Config{AccessKeyID: "k", AccessKeySecret: "secret"})
		for _, name := range []string{"app", "web"} {
			cloud.CreateLogstore("proj", name, 1)
		}
		var c config
		c.read.DefaultConsumer = "me"
		tc.props["endpoint"], tc.props["access_key_id"], tc.props["access_key_secret"] = "http://host", "k", "secret"
		tc.props["project"], tc.props["startup_check"] = "proj", "fail"
		require.NoError(t, option.Parse(tc.props, c.options()))
		cfg := c.conn.ClientConfig("test", 1, nil)
		cfg.Transport = cloud.Transport()
		client, err := sls.New(cfg)
		require.NoError(t, err)
		check := c.newCheck(client, slog.New(slog.DiscardHandler))
		var names []string
		for _, to := range check.Targets {
			names = append(names, to.String())
			require.Equal(t, tc.needs, to.Action)
		}
		require.Equal(t, tc.names, names)
		require.NoError(t, check.Require())
		require.Equal(t, len(tc.names), cloud.Stats().Ops[tc.calls].Requests)
		require.Equal(t, len(tc.names), cloud.Stats().Total().Requests)

		cloud.Hook("", func(call *slsfake.Call) {
			call.Fail(401, "Unauthorized", "denied by sts or ram, action: "+tc.needs+", resource: acs:log:cn:1:project/proj")
		})
		require.ErrorContains(t, check.Require(), "allow it the RAM action "+tc.needs+" on acs:log:*:*:project/proj/logstore/")
		client.Close()
		cloud.Close()
	}
}
