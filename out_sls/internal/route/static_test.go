package route

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStaticDestination(t *testing.T) {
	for _, tc := range []struct {
		cfg               Config
		project, logstore Named
	}{
		{Config{Project: "p-1", Logstore: "app"}, Named{"p-1", "project"}, Named{"app", "logstore"}},
		{Config{Project: "p-1", Logstore: "app-$$", DefaultLogstore: "unused"}, Named{"p-1", "project"}, Named{"app-$", "logstore"}},
		{
			Config{Project: "logs-$TAG[1]", DefaultProject: "shared", Logstore: "k8s-$ns", DefaultLogstore: "misc"},
			Named{"shared", "default_project"},
			Named{"misc", "default_logstore"},
		},
		{Config{Project: "p-1", Logstore: "app-$level|info"}, Named{"p-1", "project"}, Named{Name: "app-info"}},
		{Config{Project: "$team", Logstore: "$["}, Named{}, Named{}},
	} {
		project, logstore := tc.cfg.Static()
		require.Equal(t, tc.project, project, "%+v", tc.cfg)
		require.Equal(t, tc.logstore, logstore, "%+v", tc.cfg)
	}
}
