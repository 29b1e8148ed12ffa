package consumer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTracker(t *testing.T) {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
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

	tr.advance(at(2999))
	require.Equal(t, "c3", tr.safe)
	tr.advance(at(3000))
	require.Equal(t, "c5", tr.safe)
	require.True(t, tr.settled())
}

func TestUnpaused(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	var u unpaused
	require.Zero(t, u.at(at(10)), "it stands still at first")
	u.run(true, at(10))
	require.Equal(t, 5*time.Second, u.at(at(15)))
	u.run(true, at(15)) // again is no other
	u.run(false, at(20))
	u.run(false, at(25))
	require.Equal(t, 10*time.Second, u.at(at(100)))
	u.run(true, at(100))
	require.Equal(t, 11*time.Second, u.at(at(101)))
}
