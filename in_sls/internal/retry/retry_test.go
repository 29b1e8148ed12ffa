package retry_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/retry"
)

// Each pause is between half and all of twice the one before, up to Most, and never less
// than the server asks for.
func TestBackoff(t *testing.T) {
	b := retry.Backoff{Least: time.Second, Most: 5 * time.Second}
	for range 2 {
		for _, most := range []time.Duration{1, 2, 4, 5, 5} {
			d := b.Pause(0)
			require.LessOrEqual(t, d, most*time.Second)
			require.GreaterOrEqual(t, d, most*time.Second/2)
		}
		require.Equal(t, time.Minute, b.Pause(time.Minute))
		b.Reset()
	}
}

// What fails all the time is one line a minute, with the number of those left out.
func TestFailureIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var f retry.Failure
		for range 121 {
			f.Log(t.Context(), log, slog.LevelWarn, "broken", "error", "x")
			<-time.After(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 3)
		require.Contains(t, lines[0], "level=WARN msg=broken error=x")
		require.NotContains(t, lines[0], "repeated")
		require.Contains(t, lines[1], "repeated=59")
		require.Contains(t, lines[2], "repeated=59")
	})
}
