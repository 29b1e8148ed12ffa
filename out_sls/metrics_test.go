package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/producer"
	"fluent-bit-sls/shared/metric"
	"fluent-bit-sls/tests/declared"
)

// published is what an instance publishes.
func published(t *testing.T) *metric.Set {
	t.Helper()
	p, err := producer.New(producer.Config{StatePath: t.TempDir(), ExactlyOnce: true}, nil, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { p.Stop(context.Background()) })
	return p.Metrics()
}

func TestReadmeHasEveryMetric(t *testing.T) {
	declared.Metrics(t, "README.md", published(t))
}

func TestDashboardAndAlertsNameDeclaredMetrics(t *testing.T) {
	declared.Named(t, "../conf/grafana", "fluentbit_output_sls_", published(t))
}

func TestMainReadmeKnowsTheMetrics(t *testing.T) {
	declared.Counted(t, "../docs/comparison.md", "for the output", published(t))
	declared.Named(t, "../docs", "fluentbit_output_sls_", published(t))
}
