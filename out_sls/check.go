package main

import (
	"log/slog"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/shared/startup"
)

// newCheck is the startup_check of one section: of the destination that is known
// without a record.
func (c *config) newCheck(client *sls.Client, log *slog.Logger) *startup.Check {
	check := &startup.Check{Mode: c.check.Mode, Conn: &c.conn, Client: client, Verb: "written to", Log: log}
	project, logstore := c.route.Static()
	if project.Name != "" && logstore.Name != "" {
		check.Targets = []startup.Target{{
			Project: project.Name, ProjectOption: project.Option,
			Logstore: logstore.Name, LogstoreOption: logstore.Option,
			Action: "log:PostLogStoreLogs",
			Call:   client.Logstore(project.Name, logstore.Name).CheckWrite,
		}}
	}
	return check
}
