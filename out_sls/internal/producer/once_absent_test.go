package producer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// What was sent to the default destination without a clear answer goes there again, and not
// to the logstore that has come into being since: the records would be in both.
func TestOnceSettlesAtTheDefaultWhatWasSentThere(t *testing.T) {
	for name, killed := range map[string]bool{"in one life": false, "across a kill": true} {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "logstore=later-$x|none default_logstore=logs allow_destinations=* flush_timeout=1s", func(t *testing.T, b *bench, _ *sentWrites) {
				var c []byte
				for i := range 10 {
					c = append(c, event(i, 10)...)
				}
				c = onDisk(t, c)
				remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
					if c.Logstore == "logs" {
						c.CloseAfter()
					}
				})
				require.Equal(t, Retry, b.flush(c))
				require.Len(t, b.sls.Logs("pro", "logs"), 10)
				remove()
				if killed {
					b.kill()
				}
				b.sls.CreateLogstore("pro", "later-none", 1)
				require.Equal(t, OK, b.flush(c))
				require.Len(t, b.sls.Logs("pro", "logs"), 10)
				require.Empty(t, b.sls.Logs("pro", "later-none"))
				require.Zero(t, b.numbers.Stats().Parked)
				require.Zero(t, b.numbers.Stats().Forgotten)
			})
		})
	}
}
