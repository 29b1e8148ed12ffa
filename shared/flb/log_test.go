package flb

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecoverLogsThePanic(t *testing.T) {
	export := func(log *slog.Logger) (ret int) {
		defer Recover(log, "FLBPluginExit", &ret, Error)
		panic("boom")
	}
	var own, fallback bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&fallback, nil)))

	require.Equal(t, Error, export(slog.New(slog.NewTextHandler(&own, nil))))
	require.Contains(t, own.String(), "panic in FLBPluginExit")
	require.Contains(t, own.String(), "panic=boom")
	require.Empty(t, fallback.String())
	require.Equal(t, Error, export(nil), "an export without an instance")
	require.Contains(t, fallback.String(), "panic=boom")
}
