package flbhost

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrapper(t *testing.T) {
	t.Parallel()
	h, logs := start(t, Options{Wrapper: []string{"sh", "-c", `echo "wrapped by $0"; exec "$@"`, "this test"}})
	ins := initialize(t, h, load(t, h, "out"), nil)
	require.Equal(t, OK, flush(t, ins, "echo", "x"))
	exit(t, h)
	require.Contains(t, logs.text(), "wrapped by this test")
}

func TestBuildWith(t *testing.T) {
	t.Parallel()
	_, err := BuildWith(t.Context(), "no-such-compiler", t.TempDir())
	require.ErrorContains(t, err, "build flbhost: no-such-compiler: ")
}
