package grafana

import (
	"os"
	"regexp"
	"testing"

	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/stretchr/testify/require"
)

func TestAlertRules(t *testing.T) {
	// The checks of `promtool check rules`: form, expressions, templates.
	groups, errs := rulefmt.ParseFile(folder+"alerts.yaml", false)
	require.Empty(t, errs)

	q := &queries{t, exposed(t)}
	label := regexp.MustCompile(`\$labels\.(\w+)`)
	severities := map[string]string{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			of := q.parse(r.Alert, r.Expr)
			require.NotContains(t, severities, r.Alert, "two alerts of one name")
			severities[r.Alert] = r.Labels["severity"]
			require.Contains(t, []string{"warning", "critical"}, r.Labels["severity"], r.Alert)
			for _, part := range []string{"summary", "description", "action"} {
				require.NotEmpty(t, r.Annotations[part], "%s has no %s", r.Alert, part)
				for _, l := range label.FindAllStringSubmatch(r.Annotations[part], -1) {
					require.True(t, of[l[1]], "%s: the %s has $labels.%s, the result only %v", r.Alert, part, l[1], of)
				}
			}
		}
	}

	page, err := os.ReadFile(folder + "README.md")
	require.NoError(t, err)
	listed := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(SLS\\w+)` \\| (\\w+) \\| .+ \\|$").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = m[2]
	}
	require.Equal(t, severities, listed, "the table of alerts in README.md")
}
