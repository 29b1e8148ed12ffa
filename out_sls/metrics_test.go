package main

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/producer"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/tests/metrics"
)

// declared is what an instance publishes.
func declared(t *testing.T) *metric.Set {
	t.Helper()
	p, err := producer.New(producer.Config{}, nil, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return p.Metrics()
}

func TestReadmeHasEveryMetric(t *testing.T) {
	metrics.Documented(t, "README.md", declared(t))
}

func TestDashboardAndAlertsNameDeclaredMetrics(t *testing.T) {
	metrics.Named(t, "../conf/grafana", "fluentbit_output_sls_", declared(t))
}
