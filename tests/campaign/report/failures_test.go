package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFailuresAreBounded(t *testing.T) {
	var out bytes.Buffer
	f := Failures{Out: &out}
	for n := range 100 * MaxPrinted {
		f.Addf("number %d", n)
	}
	require.Equal(t, 100*MaxPrinted, f.Count())
	require.Len(t, f.Texts(), MaxPrinted)
	require.Equal(t, MaxPrinted, strings.Count(out.String(), "FAILURE: "))
}
