package producer

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// However often it happens: one line an interval about the same error, with the
// number of times that were not logged since the last one.
func TestSameErrorIsLoggedOnceAnInterval(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		code := "Unauthorized"
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(401, code, "") })
		for i := range 75 { // a second apart
			require.Equal(t, Retry, b.flush(chunk(i, i+1, 10)))
			wait(t, time.Second)
		}
		lines := strings.Split(strings.TrimSpace(b.log.String()), "\n")
		require.Len(t, lines, 3, "at 0, 30 and 60 s")
		require.NotContains(t, lines[0], "times_before")
		require.Contains(t, lines[1], "times_before=29")
		require.Contains(t, lines[2], "times_before=29")
		code = "SignatureNotMatch"
		require.Equal(t, Retry, b.flush(chunk(0, 1, 10)))
		require.Regexp(t, "SignatureNotMatch.*\n$", b.log.String(), "another error has a line of its own")
	})
}
