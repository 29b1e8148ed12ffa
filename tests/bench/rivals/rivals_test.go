package rivals

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/bench/rig"
)

// A rival that loses records would be measured too fast.
func TestRivalReadsEveryField(t *testing.T) {
	fields := map[string]int{"access": 8, "kubernetes": 5, "short": 1}
	for _, set := range rig.Sets(t, 100_000) {
		logs := decode(set)
		require.Len(t, logs, set.Records)
		for _, log := range logs {
			require.Len(t, log.Contents, fields[set.Name])
			require.NotZero(t, log.GetTime())
		}
	}
}
