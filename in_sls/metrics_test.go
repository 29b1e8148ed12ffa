package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/consumer"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/declared"
)

// published is what an instance publishes.
func published(t *testing.T) *metric.Set {
	t.Helper()
	var cfg consumer.Config
	require.NoError(t, option.Parse(option.Map{"project": "p", "logstore": "l", "consumer": "c"}, cfg.Options()))
	c, err := consumer.New(cfg, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return c.Metrics()
}

func TestReadmeHasEveryMetric(t *testing.T) {
	declared.Metrics(t, "README.md", published(t))
}

func TestDashboardAndAlertsNameDeclaredMetrics(t *testing.T) {
	declared.Named(t, "../conf/grafana", "fluentbit_input_sls_", published(t))
}

func TestMainReadmeKnowsTheMetrics(t *testing.T) {
	declared.Counted(t, "../docs/comparison.md", "for the input", published(t))
	declared.Named(t, "../docs", "fluentbit_input_sls_", published(t))
}
