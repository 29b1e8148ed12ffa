package main

import (
	"context"
	"log/slog"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/shared/startup"
)

// newCheck is the startup_check of one section. For each logstore it makes the call that the
// reading begins with. For a pattern it lists the project's logstores.
func (c *config) newCheck(client *sls.Client, log *slog.Logger) *startup.Check {
	check := &startup.Check{Mode: c.check.Mode, Conn: &c.conn, Client: client, Verb: "read", Log: log}
	to := startup.Target{Project: c.read.Project, ProjectOption: "project"}
	if c.read.LogstorePattern != "" {
		to.Action = "log:ListLogStores"
		to.Call = func(ctx context.Context) error {
			_, err := client.ListLogstores(ctx, to.Project)
			return err
		}
		check.Targets = append(check.Targets, to)
	}
	for _, name := range c.read.Logstores {
		logs := client.Logstore(to.Project, name)
		to.Logstore, to.LogstoreOption = name, "logstore"
		to.Action, to.Below = "log:ListConsumerGroup", "/consumergroup/*"
		to.Call = func(ctx context.Context) error {
			_, err := logs.ListConsumerGroups(ctx)
			return err
		}
		if !c.read.Grouped() {
			to.Action, to.Below = "log:ListShards", ""
			to.Call = func(ctx context.Context) error {
				_, err := logs.ListShards(ctx)
				return err
			}
		}
		check.Targets = append(check.Targets, to)
	}
	return check
}
