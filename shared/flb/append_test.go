package flb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// This test is a host that does not export the engine's function, so it cannot append.
// The tests of the built plugin have a host that does.
func TestNoAppender(t *testing.T) {
	require.Nil(t, (&Instance{dir: Input}).Appender())
}
