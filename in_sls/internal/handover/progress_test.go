package handover

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/in_sls/internal/metrics"
)

// What is known of a shard, answer by answer.
func TestProgress(t *testing.T) {
	q := &Queue{progress: unknownProgress()}
	now := time.Now()
	require.Equal(t, metrics.View{At: now, Groups: -1}, q.viewLocked(now), "nothing is known yet")
	caughtUp := Answer{Asked: now, CaughtUp: true, UpToDate: now.Add(3 * time.Second), From: 10, Next: 20}
	q.progress.answered(caughtUp)
	at := func(seconds int) metrics.View { return q.viewLocked(now.Add(time.Duration(seconds) * time.Second)) }
	require.Zero(t, at(2).Lag)
	require.Equal(t, 3*time.Second, at(3).Lag, "the next answer is late")
	q.progress.answered(Answer{Asked: now.Add(time.Second), UpToDate: now.Add(9 * time.Second), From: 20, Next: 30})
	require.Equal(t, 2*time.Second, at(2).Lag, "behind, and last not behind two seconds ago")
	q.progress.end = 35
	require.Equal(t, int64(5), at(2).Groups)
	q.progress.ended = true
	require.Zero(t, at(99).Lag)

	// By the service's word cursors are opaque. Where they are no numbers there is no lag
	// in log groups, but everything else.
	q.progress = unknownProgress()
	caughtUp.From, caughtUp.Next = -1, -1
	q.progress.answered(caughtUp)
	require.Equal(t, metrics.View{At: now, LagKnown: true, Groups: -1}, q.viewLocked(now))
}
