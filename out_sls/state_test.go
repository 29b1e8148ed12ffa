package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTwoSectionsOfOneNameHaveNoCommonState(t *testing.T) {
	table := fileTable{files: map[string]bool{}}
	require.NoError(t, table.take("/state/sls.0.state", "sls.0"))
	require.NoError(t, table.take("/state/sls.1.state", "sls.1"))
	require.EqualError(t, table.take("/state/sls.0.state", "sls.0"),
		`option state_path: another section of the name "sls.0" has the file /state/sls.0.state: give each section an alias of its own`)
	table.give("/state/sls.0.state")
	require.NoError(t, table.take("/state/sls.0.state", "sls.0"))
	for range 2 {
		require.NoError(t, table.take("", "sls.0"), "no state_path")
	}
}
