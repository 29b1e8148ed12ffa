package flb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A host that does not export the engine's function, as this test, has no way to append.
// That of one that does is tried by the built plugin.
func TestNoAppender(t *testing.T) {
	require.Nil(t, (&Instance{dir: Input}).Appender())
}
