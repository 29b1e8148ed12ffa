package schedule

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPackSequencesAreBounded(t *testing.T) {
	var p packs
	for i := range 2 * maxSequences {
		p.next(p.sequence(fmt.Sprint(i)))
	}
	require.LessOrEqual(t, len(p.numbers), maxSequences)
}
