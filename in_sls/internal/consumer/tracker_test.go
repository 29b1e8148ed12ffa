package consumer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTracker(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }
	tr := tracker{delay: 2 * time.Second}
	tr.advance(at(0))
	require.Empty(t, tr.safe, "nothing is known before begin")

	tr.begin("c0")
	require.Equal(t, "c0", tr.safe)
	tr.moved("c1")
	require.Equal(t, "c1", tr.safe, "an empty pull with nothing before it is safe at once")

	tr.handed("c2", at(0))
	tr.handed("c3", at(0))
	require.Len(t, tr.marks, 1, "one mark for one hand-over")
	tr.handed("c4", at(1000))
	tr.moved("c5")
	tr.advance(at(1999))
	require.Equal(t, "c1", tr.safe)
	tr.advance(at(2000))
	require.Equal(t, "c3", tr.safe)
	require.False(t, tr.settled())

	tr.handed("c6", at(2500))
	tr.restart(at(10_000)) // a resume
	tr.advance(at(11_999))
	require.Equal(t, "c3", tr.safe, "a pause starts the delay of everything again")
	tr.advance(at(12_000))
	require.Equal(t, "c6", tr.safe)
	require.True(t, tr.settled())
}
