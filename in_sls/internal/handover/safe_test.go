package handover

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSafePoint(t *testing.T) {
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	s := safePoint{delay: 2 * time.Second}
	s.advance(at(0))
	require.Empty(t, s.cursor, "nothing is known before begin")

	s.begin("c0")
	require.Equal(t, "c0", s.cursor)
	s.skip("c1")
	require.Equal(t, "c1", s.cursor, "an empty pull with nothing before it is safe at once")

	s.handedOver("c2", at(0))
	s.handedOver("c3", at(0))
	require.Len(t, s.pending, 1, "one entry for one hand-over")
	s.handedOver("c4", at(1000))
	s.skip("c5")
	s.advance(at(1999))
	require.Equal(t, "c1", s.cursor)
	s.advance(at(2000))
	require.Equal(t, "c3", s.cursor)
	require.False(t, s.complete())

	s.advance(at(2999))
	require.Equal(t, "c3", s.cursor)
	s.advance(at(3000))
	require.Equal(t, "c5", s.cursor)
	require.True(t, s.complete())
}

func TestEmptyingClock(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1000+int64(s), 0) }
	var c emptyingClock
	require.Zero(t, c.at(at(10)), "it stands still at first")
	c.run(true, at(10))
	require.Equal(t, 5*time.Second, c.at(at(15)))
	c.run(true, at(15)) // again is no other
	c.run(false, at(20))
	c.run(false, at(25))
	require.Equal(t, 10*time.Second, c.at(at(100)))
	c.run(true, at(100))
	require.Equal(t, 11*time.Second, c.at(at(101)))
}
