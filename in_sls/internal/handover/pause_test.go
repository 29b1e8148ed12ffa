package handover

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A pause takes the time it lasts from what was handed over, and nothing else.
func TestPauseDelaysByItsOwnLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		b.add(t, q, "c1", 0, 1)
		b.take(t)
		advance(time.Second)
		b.add(t, q, "c2", 0, 2)
		b.take(t)
		advance(time.Second)
		b.Pause() // c1 has just become safe, c2 is half way
		b.Pause() // again is no other pause
		advance(time.Hour)
		cursor, _ := q.Safe()
		require.Equal(t, "c1", cursor)
		b.Resume()
		advance(time.Second - 1)
		b.Resume() // again is no other resume
		cursor, _ = q.Safe()
		require.Equal(t, "c1", cursor)
		advance(1)
		cursor, complete := q.Safe()
		require.Equal(t, "c2", cursor)
		require.True(t, complete)
	})
}

// An engine at its mem_buf_limit: it resumes every two seconds, asks a second later, as
// its timer begins anew, and pauses a tenth of a second after that. Of 1.1 s that
// count in each round, what is handed over in one is safe 0.8 s after the second
// resume after it.
func TestPausesEveryTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		b.Pause()
		safe := func() string {
			cursor, _ := q.Safe()
			return cursor
		}
		want := []string{"start", "start", "start"} // safe in this round, the next and the one after
		for i := range 30 {
			b.Resume()
			advance(800*time.Millisecond - 1)
			require.Equal(t, want[i], safe(), "round %d", i)
			advance(1)
			require.Equal(t, want[i+1], safe(), "round %d", i)
			advance(200 * time.Millisecond)
			cursor := "c" + strconv.Itoa(i)
			b.add(t, q, cursor, 0, i)
			got, _ := b.take(t)
			require.Equal(t, []int{i}, got)
			want = append(want, cursor)
			advance(100 * time.Millisecond)
			b.Pause()
			advance(900 * time.Millisecond)
			require.Equal(t, want[i+1], safe(), "round %d", i)
		}
		require.Equal(t, "c27", safe())
	})
}

// While the engine copies what it was given, it does not have it yet, and a pause does not
// reach us. A processor of the input can take longer than handoff_delay.
func TestCopyingDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		b.add(t, q, "c1", 0, 1)
		b.take(t)
		advance(time.Second)
		b.add(t, q, "c2", 0, 2)
		require.NotEmpty(t, b.Collect(nil))
		advance(time.Minute)
		_, quiet := b.quietSince()
		require.False(t, quiet)
		cursor, _ := q.Safe()
		require.Equal(t, "start", cursor)
		b.Copied()
		since, quiet := b.quietSince()
		require.True(t, quiet)
		require.Equal(t, time.Now(), since)
		advance(time.Second - 1)
		cursor, _ = q.Safe()
		require.Equal(t, "start", cursor)
		advance(1)
		cursor, _ = q.Safe()
		require.Equal(t, "c1", cursor)
		advance(time.Second)
		cursor, _ = q.Safe()
		require.Equal(t, "c2", cursor)
		require.Empty(t, b.Collect(nil))
		since, quiet = b.quietSince()
		require.True(t, quiet, "there is nothing to copy")
		require.Equal(t, time.Now().Add(-2*time.Second), since)
	})
}

// An engine that calls again has copied what it had.
func TestNextCollectEndsTheCopying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		b.add(t, q, "c1", 0, 1)
		require.NotEmpty(t, b.Collect(nil))
		advance(time.Minute)
		require.Empty(t, b.Collect(nil))
		advance(2*time.Second - 1)
		cursor, _ := q.Safe()
		require.Equal(t, "start", cursor)
		advance(1)
		cursor, _ = q.Safe()
		require.Equal(t, "c1", cursor)
	})
}

func TestClosedQueuesMakeNothingSafe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		b.add(t, q, "c1", 0, 1)
		b.take(t)
		advance(2 * time.Second)
		b.add(t, q, "c2", 0, 2)
		b.take(t)
		b.add(t, q, "c3", 0, 3)
		b.Close()
		b.Resume()
		advance(time.Hour)
		cursor, _ := q.Safe()
		require.Equal(t, "c1", cursor)
		got, _ := b.take(t)
		require.Empty(t, got)
	})
}

func TestEmptyPullsMoveTheCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(1000)
		q := b.open(0)
		require.True(t, q.push(batch{cursor: "c1"}, Answer{}))
		cursor, _ := q.Safe()
		require.Equal(t, "c1", cursor)
		b.add(t, q, "c2", 0, 1)
		require.True(t, q.push(batch{cursor: "c3"}, Answer{}))
		cursor, complete := q.Safe()
		require.Equal(t, "c1", cursor)
		require.False(t, complete)
		b.take(t)
		require.True(t, q.push(batch{cursor: "c4"}, Answer{}))
		advance(2 * time.Second)
		cursor, _ = q.Safe()
		require.Equal(t, "c4", cursor)
	})
}
