package flbhost

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOutputKeepsTheEnd(t *testing.T) {
	t.Parallel()
	var got []string
	o := &output{onLog: func(line string) { got = append(got, line) }}
	for i := range 20000 {
		_, err := fmt.Fprintf(o, "line %05d\n", i)
		require.NoError(t, err)
	}
	require.Len(t, got, 20000)
	require.Len(t, o.tail(), keepOutput)
	require.True(t, strings.HasSuffix(o.tail(), "line 19998\nline 19999\n"))
	e := &ExitError{Stderr: o.tail()}
	require.Less(t, len(e.Error()), errorTail+100)
	require.True(t, strings.HasSuffix(e.Error(), "line 19999"))
}

func TestOutputLines(t *testing.T) {
	t.Parallel()
	var got []string
	o := &output{onLog: func(line string) { got = append(got, line) }}
	for _, part := range []string{"a", "b\nc\n\nd", "\n", strings.Repeat("x", maxLine), "y\n", "last"} {
		_, err := o.Write([]byte(part))
		require.NoError(t, err)
	}
	o.flush()
	o.flush()
	require.Equal(t, []string{"ab", "c", "", "d", strings.Repeat("x", maxLine), "y", "last"}, got)
}
