package producer

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/slsfake"
)

// A record that is refused is isolated under the numbers of one key, one after the other.
func TestOnceIsolatesARecord(t *testing.T) {
	runOnce(t, "", func(t *testing.T, b *bench, sent *sentWrites) {
		c := onDisk(t, append(append(chunk(0, 7, 10), event(7, 1<<20+1)...), chunk(8, 20, 10)...))
		require.Equal(t, Error, b.flush(c))
		require.Len(t, b.stored(), 19)
		for i, s := range sent.list() {
			require.Equal(t, keyOf(sent.list()[0]), keyOf(s))
			require.Equal(t, fmt.Sprint(i+1), numberOf(s))
		}
		b.kill()
		require.Equal(t, Error, b.flush(c))
		require.EqualValues(t, 1, b.Stats().Requests, "the refused one alone")
		for n, times := range b.stored() {
			require.Equal(t, 1, times, n)
		}
	})
}

// A part without a clear answer leaves the rest unsent, and comes back under its number.
func TestOncePartWithoutAnAnswerEndsTheIsolation(t *testing.T) {
	for name, lost := range map[string]func(*slsfake.Call){"stored": lostAnswer, "not stored": neverThere} {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, sent *sentWrites) {
				c := onDisk(t, append(chunk(0, 7, 10), event(7, 1<<20+1)...))
				many := make([]func(*slsfake.Call), 100)
				for i := 1; i < len(many); i++ {
					many[i] = lost
				}
				b.script(many...)
				require.Equal(t, Retry, b.flush(c))
				synctest.Wait()
				writes := sent.list()
				for _, s := range writes[1:] {
					require.Equal(t, writes[1], s, "the first half, and nothing after it")
				}
				b.kill()
				require.Equal(t, Error, b.flushUntil(c, Error))
				require.Contains(t, sent.list()[len(writes):], writes[1])
				require.Len(t, b.stored(), 7)
				for n, times := range b.stored() {
					require.Equal(t, 1, times, n)
				}
			})
		})
	}
}

// flushUntil flushes a chunk until the answer is that.
func (b *bench) flushUntil(c []byte, want Result) (r Result) {
	for range 300 {
		if r = b.flush(c); r == want {
			return r
		}
		wait(b.t, time.Second)
	}
	return r
}

// A record that SLS never takes cannot keep its segment from arriving because the answer
// to the first try was lost.
func TestOnceTakesApartWhatIsRefusedAgainAndAgain(t *testing.T) {
	runOnce(t, "", func(t *testing.T, b *bench, sent *sentWrites) {
		b.script(neverThere)
		c := onDisk(t, append(chunk(0, 7, 10), event(7, 1<<20+1)...))
		require.Equal(t, Error, b.flushUntil(c, Error))
		require.Len(t, b.stored(), 7)
		require.EqualValues(t, 1, b.Stats().Forgotten)
		require.NotEqual(t, keyOf(sent.list()[0]), keyOf(sent.list()[len(sent.list())-1]), "no higher number under its key")
	})
}

// Times that SLS does not take are rewritten once: what goes out again has the same ones.
func TestOnceRewritesTimesOnce(t *testing.T) {
	for name, kill := range map[string]bool{"one process": false, "killed": true} {
		t.Run(name, func(t *testing.T) {
			runWith(t, slsfake.Config{MaxLogSize: 1 << 20, CheckLogTime: true}, "exactly_once=on flush_timeout=1s state_path="+t.TempDir(), func(t *testing.T, b *bench) {
				now := time.Now()
				var raw []byte
				for i := range 10 {
					at := now
					if i%3 == 0 {
						at = now.Add(-30 * 24 * time.Hour)
					}
					raw = append(raw, eventAt(at, i, 10)...)
				}
				c := onDisk(t, raw)
				lost := make([]func(*slsfake.Call), 20)
				for i := 1; i < len(lost); i++ {
					lost[i] = lostAnswer
				}
				b.script(lost...)
				require.Equal(t, Retry, b.flush(c))
				if kill {
					b.kill()
				}
				wait(t, time.Minute)
				require.Equal(t, OK, b.flushUntil(c, OK))
				b.requireOnce(0, 10)
				refused := b.sls.RefusedSequences("pro", "logs")
				require.NotEmpty(t, refused)
				stored := b.sls.Logs("pro", "logs")
				for _, r := range refused {
					i := 0
					for l := range r.EachLog {
						require.Equal(t, stored[i].Time, l.Time)
						require.Equal(t, stored[i].Contents, l.Contents)
						i++
					}
					require.Equal(t, 10, i)
				}
			})
		})
	}
}

// A log that becomes too old while the answer to its first try is lost goes out under the
// same number: whichever try is accepted, it is stored once.
func TestOnceMendsTimesOfAnAmbiguousNumber(t *testing.T) {
	for name, lost := range map[string]func(*slsfake.Call){"stored": lostAnswer, "not stored": neverThere} {
		t.Run(name, func(t *testing.T) {
			runWith(t, slsfake.Config{CheckLogTime: true}, "exactly_once=on flush_timeout=1s state_path="+t.TempDir(), func(t *testing.T, b *bench) {
				remove := b.sls.Hook(slsfake.OpPutLogs, lost)
				at := time.Now().Add(-7*24*time.Hour + 2*time.Minute)
				c := onDisk(t, append(eventAt(at, 0, 10), eventAt(time.Now(), 1, 10)...))
				require.Equal(t, Retry, b.flush(c))
				wait(t, 5*time.Minute)
				remove()
				require.Equal(t, OK, b.flushUntil(c, OK))
				b.requireOnce(0, 2)
			})
		})
	}
}
