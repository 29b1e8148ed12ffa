package panicking

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlaceOfThePanic(t *testing.T) {
	_, err := Build(t.Context(), t.TempDir(), t.TempDir(), "out_sls")
	require.ErrorContains(t, err, "where is the panic to go?")
	changed, ok := insert("a\nresp, err := c.transport.RoundTrip(r)\nb\n\tdefer resp.Body.Close() // c\nd\n")
	require.True(t, ok)
	require.Equal(t, "a\nresp, err := c.transport.RoundTrip(r)\nb\n\tdefer resp.Body.Close() // c"+line+"d\n", changed)
}
