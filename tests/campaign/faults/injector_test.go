package faults

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/panicking"
	"fluent-bit-sls/tests/slsfake"
)

// Any other panic is a failure, of these plugins, too.
func TestOtherPanicsAreAlarming(t *testing.T) {
	f := NewInjector(nil, nil, nil)
	require.True(t, f.Expected("panic in a request, which fails, please report it error="+panicking.Text))
	require.True(t, f.Expected("metrics panics_total=3"))
	require.False(t, f.Expected("panic in a request, which fails, please report it error=index out of range"))
	require.Equal(t, map[string]int{"panic logged": 1}, f.counts)
}

// Only the calls of plugins that can panic meet the fault.
func TestPanicIsForThosePluginsOnly(t *testing.T) {
	call := func(version string) *slsfake.Call {
		return &slsfake.Call{Header: map[string][]string{"User-Agent": {"fluent-bit-sls-out/" + version}}}
	}
	require.True(t, (&Fault{name: panicking.Fault}).meets(call(panicking.Version)))
	require.False(t, (&Fault{name: panicking.Fault}).meets(call("v1.0.0")))
	require.True(t, (&Fault{name: "500"}).meets(call("v1.0.0")))
	require.False(t, (*Fault)(nil).meets(call(panicking.Version)))
}
