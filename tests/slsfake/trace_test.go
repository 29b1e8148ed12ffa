package slsfake

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Every request is shown once, with how long it took from its headers to the
// end of its answer.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan Done, 10)
		s, c := newServer(t, Config{Trace: func(d Done) { done <- d }})
		defer s.Hook(OpPutLogs, func(c *Call) { c.Delay(time.Second); c.DelayAfter(time.Second) })()
		begin := time.Now()
		c.put("a", "b")
		d := <-done
		require.Positive(t, d.WireIn)
		require.Positive(t, d.Raw)
		d.WireIn, d.Raw = 0, 0
		require.Equal(t, Done{Op: OpPutLogs, RequestID: "000000000000000000000001", Status: 200, Begin: begin, Took: 2 * time.Second, Logs: 2}, d)

		res := c.pull(0, c.cursor(0, "begin"), "&count=9", "lz4")
		require.Equal(t, OpGetCursor, (<-done).Op)
		d = <-done
		require.Equal(t, OpPullLogs, d.Op)
		require.Equal(t, len(res.body), d.WireOut)
		require.Positive(t, d.Raw)

		defer s.Hook(OpPutLogs, func(c *Call) { c.CloseAfter() })()
		_, err := c.try(putReq("/logstores/store", logGroup("c"), ""))
		require.Error(t, err)
		d = <-done
		require.Equal(t, 1, d.Logs, "stored")
		require.Zero(t, d.Status, "not answered")
		s.Close()
		require.Empty(t, done)
	})
}
