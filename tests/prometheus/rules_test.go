package prometheus

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const folder = "../../conf/grafana/"

// scale is how much faster than in production everything goes here: Prometheus scrapes and
// evaluates once a second instead of twice a minute.
const scale = 30

type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert string `yaml:"alert"`
	Expr  string `yaml:"expr"`
	For   string `yaml:"for,omitempty"`
}

var (
	durations = regexp.MustCompile(`\b(\d+)([mh])\b`)
	seconds   = regexp.MustCompile(`(fluentbit_uptime < |lag_seconds\[\w+\]\)\) > |4 \* )(\d+)`)
)

// faster divides the durations of an expression, and what is compared with seconds.
func faster(expr string) string {
	expr = durations.ReplaceAllStringFunc(expr, func(d string) string {
		n, _ := strconv.Atoi(d[:len(d)-1]) // of digits alone
		if d[len(d)-1] == 'h' {
			n *= 60
		}
		return fmt.Sprint(n*60/scale, "s")
	})
	return seconds.ReplaceAllStringFunc(expr, func(found string) string {
		m := seconds.FindStringSubmatch(found)
		n, _ := strconv.Atoi(m[2])
		return m[1] + strconv.Itoa(n/scale)
	})
}

func TestFaster(t *testing.T) {
	require.Equal(t, "increase((a or 0 * b)[20s:2s]) > 0 or a > 0 and on (instance) fluentbit_uptime < 20",
		faster("increase((a or 0 * b)[10m:1m]) > 0 or a > 0 and on (instance) fluentbit_uptime < 600"))
	require.Equal(t, "max(last_over_time(fluentbit_input_sls_lag_seconds[10s])) > 20 and rate(a[120s]) > 0.1",
		faster("max(last_over_time(fluentbit_input_sls_lag_seconds[5m])) > 600 and rate(a[1h]) > 0.1"))
	require.Equal(t, "predict_linear(capacity[60s], 4 * 120) < 0", faster("predict_linear(capacity[30m], 4 * 3600) < 0"))
}

// fastRules are the rules of alerts.yaml, sped up.
func fastRules(t *testing.T) (file ruleFile, alerts []string) {
	t.Helper()
	text, err := os.ReadFile(folder + "alerts.yaml")
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &file))
	for _, g := range file.Groups {
		for i := range g.Rules {
			r := &g.Rules[i]
			r.Expr, r.For = faster(r.Expr), faster(r.For)
			alerts = append(alerts, r.Alert)
		}
	}
	require.NotEmpty(t, alerts)
	return file, alerts
}
