package flb

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGarbageIsAQuarter(t *testing.T) {
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	LimitMemory()
	require.Equal(t, 25, debug.SetGCPercent(100))
	LimitMemory() // once for all sections
	require.Equal(t, 100, debug.SetGCPercent(100))
}
