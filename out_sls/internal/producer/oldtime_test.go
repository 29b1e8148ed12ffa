package producer

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/out_sls/internal/delivery"
	"fluent-bit-sls/tests/slsfake"
)

// aged is a chunk of n events of which every third is a month old. In a bubble
// the clock starts at 2000-01-01.
func aged(n int) []byte {
	var c []byte
	for i := range n {
		t := time.Now()
		if i%3 == 0 {
			t = t.AddDate(0, -1, 0)
		}
		c = append(c, eventAt(t, i, 10)...)
	}
	return c
}

func runAged(t *testing.T, set string, fn func(t *testing.T, b *bench)) {
	runWith(t, slsfake.Config{CheckLogTime: true}, set, fn)
}

func TestOldLogIsSentWithTheCurrentTime(t *testing.T) {
	runAged(t, "", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(aged(300)))
		b.requireOnce(0, 300)
		rewritten := 0
		for _, l := range b.sls.Logs("pro", "logs") {
			require.WithinDuration(t, time.Now(), time.Unix(int64(l.Time), 0), time.Minute)
			last := l.Contents[len(l.Contents)-1]
			if last.Key == "__orig_time__" {
				rewritten++
				require.Equal(t, time.Now().AddDate(0, -1, 0).UTC().Format(time.RFC3339Nano), last.Value)
			}
		}
		require.Equal(t, 100, rewritten)
		require.EqualValues(t, 100, b.Stats().Rewritten)
		require.LessOrEqual(t, b.Stats().Requests, uint64(2), "found by their time, not by halving")
	})
}

func TestOldLogGoesToTheDeadLetters(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	runAged(t, "old_log_time=dead_letter dead_letter_file="+file, func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(aged(30)))
		require.Len(t, b.stored(), 20)
		require.Len(t, letters(t, file), 10)
	})
}

func TestOldLogIsDropped(t *testing.T) {
	runAged(t, "old_log_time=drop", func(t *testing.T, b *bench) {
		require.Equal(t, Error, b.flush(aged(30)))
		require.Len(t, b.stored(), 20)
		require.EqualValues(t, 10, b.Stats().Dropped)
	})
}

// What is to be dropped is no dead letter, and what SLS refuses besides still is one.
func TestOldLogIsDroppedBesideADeadLetterFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dead")
	server := slsfake.Config{CheckLogTime: true, MaxLogSize: 1 << 20}
	runWith(t, server, "old_log_time=drop dead_letter_file="+file, func(t *testing.T, b *bench) {
		require.Equal(t, Error, b.flush(aged(30)), "not all of it is stored or kept")
		require.NoFileExists(t, file)
		require.EqualValues(t, 10, b.Stats().Dropped)
		require.Equal(t, Error, b.flush(append(aged(30), eventAt(time.Now(), 30, 1<<20+1)...)))
		require.Len(t, b.stored(), 20)
		require.Len(t, letters(t, file), 1)
		require.EqualValues(t, 20, b.Stats().Dropped)
		require.Contains(t, b.log.String(), "it is dropped as old_log_time says")
	})
}

func TestChunkOfOldLogsOnly(t *testing.T) {
	for _, policy := range []string{delivery.OldTimeRewrite, delivery.OldTimeDrop} {
		t.Run(policy, func(t *testing.T) {
			runAged(t, "old_log_time="+policy, func(t *testing.T, b *bench) {
				var c []byte
				for i := range 50 {
					c = append(c, eventAt(time.Unix(0, 0), i, 10)...)
				}
				if policy == delivery.OldTimeRewrite {
					require.Equal(t, OK, b.flush(c))
					b.requireOnce(0, 50)
				} else {
					require.Equal(t, Error, b.flush(c))
					require.Empty(t, b.stored())
				}
			})
		})
	}
}

// Which answers are about the time of a log: production's has status 499.
func TestWhichAnswersAreAboutTheTime(t *testing.T) {
	for _, c := range []struct {
		status        int
		code, message string
		rewritten     uint64
	}{
		{499, "PostBodyInvalid", "m", 1},
		{400, "PostBodyInvalid", "Post data time is out of range", 1},
		{400, "InvalidTimestamp", "m", 1},
		{400, "PostBodyInvalid", "m", 0},
		{400, "InvalidKey", "m", 0},
	} {
		run(t, "", func(t *testing.T, b *bench) {
			b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, func(call *slsfake.Call) { call.Fail(c.status, c.code, c.message) }))
			want := OK
			if c.rewritten == 0 {
				want = Error
			}
			require.Equal(t, want, b.flush(chunk(0, 1, 10)), c)
			require.Equal(t, c.rewritten, b.Stats().Rewritten, c)
		})
	}
}

// A log's own time is never touched unless SLS refuses it.
func TestTimeThatSLSTakesIsNotTouched(t *testing.T) {
	run(t, "", func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(aged(30)))
		require.Zero(t, b.Stats().Rewritten)
	})
}

// Even if the clocks disagree about what is old, the log that SLS means is found.
func TestOldLogByTheServersClockOnly(t *testing.T) {
	runAged(t, "", func(t *testing.T, b *bench) {
		var c []byte
		for i := range 20 {
			at := time.Now()
			if i == 7 {
				at = at.Add(-7*24*time.Hour + 3*time.Minute) // not old here
			}
			c = append(c, eventAt(at, i, 10)...)
		}
		b.sls.SetClockOffset(5 * time.Minute)
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 20)
		require.EqualValues(t, 1, b.Stats().Rewritten)
	})
}

// What is old is found by the server's clock, once it is known.
func TestOldLogByTheServersClock(t *testing.T) {
	runAged(t, "", func(t *testing.T, b *bench) {
		wait(t, 20*365*24*time.Hour) // bubbles begin in the year 2000, which no server's clock shows
		b.sls.SetClockOffset(time.Hour)
		var c []byte
		for i := range 100 {
			at := time.Now()
			switch i % 20 {
			case 0:
				at = at.Add(-7*24*time.Hour + 30*time.Minute) // old there only
			case 10:
				at = at.Add(2 * time.Hour) // SLS takes none of the future either
			}
			c = append(c, eventAt(at, i, 10)...)
		}
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 100)
		require.EqualValues(t, 10, b.Stats().Rewritten)
		require.LessOrEqual(t, b.Stats().Requests, uint64(2), "found by their time, not by halving")
	})
}

func TestRewrittenLogsThatWereNotSentComeBack(t *testing.T) {
	runAged(t, "", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N == 2 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		defer remove()
		c := aged(30)
		require.Equal(t, Retry, b.flush(c))
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 30)
	})
}
