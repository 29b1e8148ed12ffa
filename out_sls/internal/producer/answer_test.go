package producer

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/report"
	"fluent-bit-sls/tests/slsfake"
)

// Whoever listens is told the answer to every request, also to those that fail.
func TestAnswersAreTold(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		var told []string
		b.OnAnswer(func(project, logstore string, err error) {
			told = append(told, project+"/"+logstore+" "+report.Reason(err))
			if err == nil {
				told[len(told)-1] = project + "/" + logstore
			}
		})
		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, func(c *slsfake.Call) { c.Fail(401, "Unauthorized", "") }))
		require.Equal(t, Retry, b.flush(event(0, 1)))
		require.Equal(t, OK, b.flush(event(0, 1)))
		require.Equal(t, []string{"pro/logs Unauthorized", "pro/logs"}, told)
	})
}
