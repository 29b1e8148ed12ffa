package shard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

func TestNumber(t *testing.T) {
	require.Equal(t, int64(7), number(slsfake.EncodeCursor(7)))
	require.Equal(t, int64(-1), number("b3BhcXVl"))
}

func TestBefore(t *testing.T) {
	low, high := slsfake.EncodeCursor(9), slsfake.EncodeCursor(10)
	require.True(t, before(low, high))
	require.False(t, before(high, low))
	require.False(t, before(low, low))
	require.True(t, before("b3BhcXVl", low), "they differ, and that is all that is known")
	require.False(t, before("b3BhcXVl", "b3BhcXVl"))
}
