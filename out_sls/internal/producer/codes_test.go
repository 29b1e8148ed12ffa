package producer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/sls"
	"fluent-bit-sls/tests/slsfake"
)

// action is what the producer does about a class of errors, and tells the engine.
type action struct {
	again   bool // by the producer itself
	result  Result
	dropped uint64 // of one record
}

var actions = map[sls.Class]action{
	sls.ClassRetry:         {again: true, result: Retry},
	sls.ClassThrottle:      {again: true, result: Retry},
	sls.ClassClock:         {again: true, result: Retry},
	sls.ClassSplit:         {result: Error, dropped: 1},
	sls.ClassCredentials:   {result: Retry},
	sls.ClassConfiguration: {result: Retry},
	sls.ClassPermanent:     {result: Retry},
	sls.ClassLeaseLost:     {result: Retry},
	sls.ClassCursor:        {result: Retry},
	sls.ClassConflict:      {result: Retry},
}

// Every code of SLS -> class -> action -> answer to the engine: nothing is
// acknowledged, and nothing but what SLS refuses for its content is dropped.
func TestActionForEveryCode(t *testing.T) {
	for _, code := range sls.Codes() {
		if code.HTTP < 100 {
			continue // the SDK's own, which no server sends
		}
		t.Run(code.Code, func(t *testing.T) {
			want, known := actions[code.Class]
			require.True(t, known, "class %s has no action", code.Class)
			run(t, "flush_timeout=1s old_log_time=drop", func(t *testing.T, b *bench) {
				b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(code.HTTP, code.Code, "made up") })
				got := b.flush(chunk(0, 1, 10))
				stats := b.Stats()
				require.Equal(t, want, action{again: stats.Retries > 0, result: got, dropped: stats.Dropped})
				require.Empty(t, b.stored())
				require.Contains(t, b.log.String(), code.Code)
			})
		})
	}
}
