package consumer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPauseRestartsTheDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.queue(0)
		b.add(t, q, "c1", 0, 1)
		b.take(t)
		advance(time.Second)
		b.add(t, q, "c2", 0, 2)
		b.take(t)
		advance(time.Second)
		b.pause() // c1 has just become safe, c2 has not
		advance(time.Hour)
		cursor, _ := b.safe(q)
		require.Equal(t, "c1", cursor)
		b.resume()
		b.resume() // again is no other resume
		advance(2*time.Second - 1)
		cursor, _ = b.safe(q)
		require.Equal(t, "c1", cursor)
		b.resume()
		advance(1)
		cursor, _ = b.safe(q)
		require.Equal(t, "c2", cursor)
	})
}

func TestClosedHandoffMakesNothingSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.queue(0)
		b.add(t, q, "c1", 0, 1)
		b.take(t)
		advance(2 * time.Second)
		b.add(t, q, "c2", 0, 2)
		b.take(t)
		b.add(t, q, "c3", 0, 3)
		b.close()
		b.resume()
		advance(time.Hour)
		cursor, _ := b.safe(q)
		require.Equal(t, "c1", cursor)
		got, _ := b.take(t)
		require.Empty(t, got)
	})
}

func TestEmptyPullsMoveTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.queue(0)
		require.True(t, b.push(q, batch{cursor: "c1"}))
		cursor, _ := b.safe(q)
		require.Equal(t, "c1", cursor)
		b.add(t, q, "c2", 0, 1)
		require.True(t, b.push(q, batch{cursor: "c3"}))
		cursor, settled := b.safe(q)
		require.Equal(t, "c1", cursor)
		require.False(t, settled)
		b.take(t)
		require.True(t, b.push(q, batch{cursor: "c4"}))
		advance(2 * time.Second)
		cursor, _ = b.safe(q)
		require.Equal(t, "c4", cursor)
	})
}
