package report

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A server that makes up codes can make up any number of them.
func TestWhatWasLoggedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLog(slog.New(slog.DiscardHandler))
		for i := range 10 * maxKinds {
			l.Error(fmt.Sprint(i), "made up")
			require.LessOrEqual(t, len(l.seen), maxKinds)
		}
	})
}
