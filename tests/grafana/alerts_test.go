package grafana

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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

// promtool finds Prometheus's own tool on the PATH, or where make setup brings it.
func promtool() (string, error) {
	if bin, err := exec.LookPath("promtool"); err == nil {
		return bin, nil
	}
	bin, err := filepath.Abs("../../build/tools/prometheus/usr/bin/promtool")
	if err != nil {
		return "", err
	}
	return exec.LookPath(bin)
}

func TestAlertsFireWhenTheyShould(t *testing.T) {
	bin, err := promtool()
	if err != nil {
		fmt.Println("report: the alert rules were not tried: no promtool on the PATH or from make setup")
		return
	}
	cmd := exec.CommandContext(t.Context(), bin, "test", "rules", "alerts_test.yaml", "alerts_often_test.yaml")
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestEachAlertIsTried(t *testing.T) {
	groups, errs := rulefmt.ParseFile(folder+"alerts.yaml", false)
	require.Empty(t, errs)
	page, err := os.ReadFile(folder + "alerts_test.yaml")
	require.NoError(t, err)
	_, tests, _ := strings.Cut(string(page), "\ntests:\n")
	of := map[string]string{}
	for _, test := range strings.Split(tests, "\n  - name: ")[1:] {
		name, body, _ := strings.Cut(test, "\n")
		of[name] = body
	}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			for _, one := range []string{"fires", "gap", "missed scrape", "restart", "old process found"} {
				require.Contains(t, of[r.Alert], `="`+one+`"`, "alerts_test.yaml does not try %s with: %s", r.Alert, one)
			}
		}
	}
}
