package producer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/slsfake"
)

// sentWrites are the key and number of each write, in order.
type sentWrites struct {
	mu  sync.Mutex // guards all
	all []string
}

func (s *sentWrites) note(c *slsfake.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, c.HashKey+" "+c.SequenceID)
}

func (s *sentWrites) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.all...)
}

// runOnce is run with exactly_once.
func runOnce(t *testing.T, set string, fn func(t *testing.T, b *bench, sent *sentWrites)) {
	t.Helper()
	runState(t, "exactly_once=on "+set, func(t *testing.T, b *bench) {
		sent := &sentWrites{}
		b.sls.Hook(slsfake.OpPutLogs, sent.note)
		fn(t, b, sent)
	})
}

// script hooks the n-th write, from 1; the others are carried out.
func (b *bench) script(steps ...func(*slsfake.Call)) {
	var mu sync.Mutex
	n := 0
	b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
		mu.Lock()
		n++
		at := n
		mu.Unlock()
		if at <= len(steps) && steps[at-1] != nil {
			steps[at-1](c)
		}
	})
}

func lostAnswer(c *slsfake.Call) { c.CloseAfter() }
func neverThere(c *slsfake.Call) { c.CloseBefore() }
func throttled(c *slsfake.Call)  { c.Fail(403, "WriteQuotaExceed", "") }

func keyOf(sent string) string    { return strings.Fields(sent)[0] }
func numberOf(sent string) string { return strings.Fields(sent)[1] }

func TestOnceNumbersEachWrite(t *testing.T) {
	runOnce(t, "batch_count=10", func(t *testing.T, b *bench, sent *sentWrites) {
		require.Equal(t, OK, b.flush(onDisk(t, chunk(0, 1000, 10))))
		b.requireOnce(0, 1000)
		require.Len(t, sent.list(), 100)
		last := map[string]int{}
		for _, s := range sent.list() {
			require.Len(t, keyOf(s), 32)
			last[keyOf(s)]++
			require.Equal(t, fmt.Sprint(last[keyOf(s)]), numberOf(s))
		}
		require.LessOrEqual(t, len(last), 16)
		shares := map[byte]bool{}
		for key := range last {
			shares[key[0]] = true
		}
		require.Len(t, shares, len(last), "each slot has a share of the hash space")
		require.Zero(t, b.numbers.Stats().Parked)
	})
}

// One request carries one segment, and one key has one request in flight.
func TestOnceGathersNothing(t *testing.T) {
	runOnce(t, "concurrency=256", func(t *testing.T, b *bench, sent *sentWrites) {
		var mu sync.Mutex
		flying, most := map[string]int{}, 0
		b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			key := c.HashKey
			mu.Lock()
			flying[key]++
			require.Equal(t, 1, flying[key])
			most = max(most, len(flying))
			mu.Unlock()
			wait(t, 20*time.Millisecond)
			mu.Lock()
			delete(flying, key)
			mu.Unlock()
		})
		var wg sync.WaitGroup
		for i := range 100 {
			c := onDisk(t, chunk(i*10, i*10+10, 10))
			wg.Go(func() { require.Equal(t, OK, b.flush(c)) })
		}
		wg.Wait()
		b.requireOnce(0, 1000)
		require.Len(t, sent.list(), 100)
		require.Equal(t, 16, most)
	})
}

// What ends without a clear answer goes out again under its number, and a refusal of that
// is the acceptance.
func TestOnceAfterALostAnswer(t *testing.T) {
	for name, lost := range map[string]func(*slsfake.Call){
		"reset":           lostAnswer,
		"500 with a code": func(c *slsfake.Call) { c.FailAfter(500, "InternalServerError", "") },
		"503 with a code": func(c *slsfake.Call) { c.FailAfter(503, "ServerBusy", "") },
		"gateway":         func(c *slsfake.Call) { c.AnswerAfter(502, nil, []byte("bad gateway")) },
		"gateway's 4xx":   func(c *slsfake.Call) { c.AnswerAfter(429, nil, []byte("slow down")) },
		"408":             func(c *slsfake.Call) { c.FailAfter(408, "RequestTimeout", "") },
		"redirect":        func(c *slsfake.Call) { c.AnswerAfter(302, nil, nil) },
		"cut short":       func(c *slsfake.Call) { c.FailAfter(500, "InternalServerError", ""); c.Truncate(3) },
	} {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "", func(t *testing.T, b *bench, sent *sentWrites) {
				b.script(lost)
				c := onDisk(t, chunk(0, 10, 10))
				for b.flush(c) != OK { // what only a configuration can mend is handed back
					wait(t, time.Second)
				}
				b.requireOnce(0, 10)
				require.Equal(t, sent.list()[0], sent.list()[1])
				require.Len(t, b.sls.RefusedSequences("pro", "logs"), 1)
				require.EqualValues(t, 10, b.Stats().Refused)
				require.EqualValues(t, 10, b.Stats().Records)
				require.Zero(t, b.numbers.Stats().Parked)
			})
		})
	}
}

// A refusal says nothing of an earlier try that has no clear answer.
func TestOnceKeepsAnAmbiguousNumberThroughRefusals(t *testing.T) {
	refusals := map[string]func(*slsfake.Call){
		"throttled":    throttled,
		"unauthorized": func(c *slsfake.Call) { c.Fail(401, "Unauthorized", "") },
		"invalid":      func(c *slsfake.Call) { c.Fail(400, "PostBodyInvalid", "") },
		"unknown":      func(c *slsfake.Call) { c.Fail(400, "SomethingNew", "") },
		"no logstore":  func(c *slsfake.Call) { c.Fail(404, "LogStoreNotExist", "") },
		"too old":      func(c *slsfake.Call) { c.Fail(499, "PostBodyInvalid", "post data time is out of range") },
	}
	for name, refused := range refusals {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "", func(t *testing.T, b *bench, sent *sentWrites) {
				b.script(lostAnswer, refused)
				c := onDisk(t, chunk(0, 10, 10))
				for b.flush(c) != OK {
					wait(t, time.Second)
				}
				b.requireOnce(0, 10)
				require.Len(t, sent.list(), 3)
				require.Equal(t, sent.list()[0], sent.list()[1])
				require.Equal(t, sent.list()[0], sent.list()[2])
			})
		})
	}
}

// SLS may record the number of a write that it refuses. A repeat of the number would be
// refused as well, although nothing was stored.
func TestOnceBurnsTheNumberOfAClearRefusal(t *testing.T) {
	runOnce(t, "", func(t *testing.T, b *bench, sent *sentWrites) {
		b.script(func(c *slsfake.Call) { throttled(c); c.RecordSequence() }, lostAnswer)
		require.Equal(t, OK, b.flush(onDisk(t, chunk(0, 10, 10))))
		b.requireOnce(0, 10)
		require.Len(t, sent.list(), 3)
		require.Equal(t, keyOf(sent.list()[0]), keyOf(sent.list()[1]))
		require.Equal(t, []string{"1", "2", "2"}, []string{numberOf(sent.list()[0]), numberOf(sent.list()[1]), numberOf(sent.list()[2])})
	})
}

// The refusal is on file before anything else happens: the next instance would take the
// number for one whose answer was lost.
func TestOnceHasRefusalsOnFile(t *testing.T) {
	runOnce(t, "", func(t *testing.T, b *bench, sent *sentWrites) {
		b.script(func(c *slsfake.Call) { c.Fail(401, "Unauthorized", ""); c.RecordSequence() })
		c := onDisk(t, chunk(0, 10, 10))
		require.Equal(t, Retry, b.flush(c))
		b.kill()
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 10)
		require.NotEqual(t, keyOf(sent.list()[0]), keyOf(sent.list()[1]), "fresh keys at each start")
	})
}

// A number that was never sent proves nothing when it is refused.
func TestOnceTakesAnotherKeyWhenAFirstTryIsRefused(t *testing.T) {
	runOnce(t, "", func(t *testing.T, b *bench, sent *sentWrites) {
		b.script(func(c *slsfake.Call) { c.Fail(400, "InvalidSequenceId", "") })
		require.Equal(t, OK, b.flush(onDisk(t, chunk(0, 10, 10))))
		b.requireOnce(0, 10)
		require.NotEqual(t, keyOf(sent.list()[0]), keyOf(sent.list()[1]))
		require.Equal(t, "1", numberOf(sent.list()[1]))
		require.Contains(t, b.log.String(), "InvalidSequenceId")
		require.Zero(t, b.Stats().Refused)
	})
}

// What was open when the process was killed goes out under its number, whether it was
// stored or not.
func TestOnceAcrossKills(t *testing.T) {
	for name, lost := range map[string]func(*slsfake.Call){"stored": lostAnswer, "not stored": neverThere} {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "flush_timeout=1s batch_count=5", func(t *testing.T, b *bench, sent *sentWrites) {
				remove := b.sls.Hook(slsfake.OpPutLogs, lost)
				c := onDisk(t, chunk(0, 10, 10))
				numbers := map[string]bool{}
				for range 3 { // the settling try itself is ambiguous
					require.Equal(t, Retry, b.flush(c))
					for _, s := range sent.list() {
						numbers[s] = true
					}
					require.Len(t, numbers, 2)
					b.kill()
					require.Zero(t, b.Stats().Forgotten)
					require.Equal(t, 2, b.numbers.Stats().Parked)
				}
				remove()
				require.Equal(t, OK, b.flush(c))
				b.requireOnce(0, 10)
				require.Zero(t, b.numbers.Stats().Parked)
				b.kill() // FLB_OK did not come through
				require.Zero(t, b.numbers.Stats().Parked)
				require.Equal(t, OK, b.flush(c))
				b.requireOnce(0, 10)
			})
		})
	}
}

// It is not on file that a number was refused, and a higher one of its key was accepted. Sent
// under its old number its segment would be refused as one that SLS has had, and be lost. As
// the frame may have been the end of any number before it, what was open then goes out under
// a new one, too: if it was stored, it is there twice.
func TestOnceAfterATornRefusal(t *testing.T) {
	for name, open := range map[string]func(*slsfake.Call){"nothing open": nil, "one open": lostAnswer} {
		t.Run(name, func(t *testing.T) {
			runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, sent *sentWrites) {
				var chunks [][]byte
				if open != nil {
					remove := b.sls.Hook(slsfake.OpPutLogs, open)
					chunks = append(chunks, onDisk(t, chunk(0, 10, 10)))
					require.Equal(t, Retry, b.flush(chunks[0]))
					synctest.Wait()
					remove()
				}
				remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.Fail(401, "Unauthorized", "") })
				refused := onDisk(t, chunk(100, 110, 10))
				require.Equal(t, Retry, b.flush(refused))
				remove()
				writes := sent.list()
				of := keyOf(writes[len(writes)-1])
				b.tearRefusal()
				for i := range 16 { // slots take turns
					chunks = append(chunks, onDisk(t, chunk(110+10*i, 120+10*i, 10)))
					require.Equal(t, OK, b.flush(chunks[len(chunks)-1]))
				}
				writes = sent.list()
				require.Equal(t, of+" 2", writes[len(writes)-1])
				b.kill()
				had := len(b.sls.RefusedSequences("pro", "logs")) // tries whose answers were lost
				for _, c := range append(chunks, refused) {
					require.Equal(t, OK, b.flush(c))
				}
				require.Len(t, b.sls.RefusedSequences("pro", "logs"), had)
				want := map[string]int{}
				for n := 100; n < 270; n++ {
					want[fmt.Sprint(n)] = 1
				}
				forgotten := uint64(1)
				if open != nil {
					for n := range 10 {
						want[fmt.Sprint(n)] = 2
					}
					forgotten++
				}
				require.Equal(t, want, b.stored())
				require.Equal(t, forgotten, b.numbers.Stats().Forgotten)
			})
		})
	}
}

// tearRefusal damages the last frame on file, which says that a number is over.
func (b *bench) tearRefusal() {
	b.t.Helper()
	const frame, kindAt, refused = 64, 4, 5
	file, err := os.OpenFile(b.cfg.StateFile(), os.O_RDWR, 0)
	require.NoError(b.t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(b.t, err)
	var kind [1]byte
	at := info.Size() - frame + kindAt
	_, err = file.ReadAt(kind[:], at)
	require.NoError(b.t, err)
	require.EqualValues(b.t, refused, kind[0])
	_, err = file.WriteAt([]byte{0xff}, at+16)
	require.NoError(b.t, err)
}

// If a higher number of the key were accepted, the repeat of an open one would be refused
// although it never arrived.
func TestOnceSendsNothingAboveAnOpenNumber(t *testing.T) {
	runOnce(t, "flush_timeout=1s concurrency=1", func(t *testing.T, b *bench, sent *sentWrites) {
		remove := b.sls.Hook(slsfake.OpPutLogs, neverThere)
		first := onDisk(t, chunk(0, 10, 10))
		require.Equal(t, Retry, b.flush(first))
		synctest.Wait()
		open := sent.list()[0]
		remove()
		for i := range 40 {
			require.Equal(t, OK, b.flush(onDisk(t, chunk(10+i*10, 20+i*10, 10))))
		}
		for _, s := range sent.list() {
			require.True(t, s == open || keyOf(s) != keyOf(open), s)
		}
		require.Equal(t, OK, b.flush(first))
		b.requireOnce(0, 410)
	})
}

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

// Within the process a chunk in memory has its numbers, too.
func TestOnceOfChunksInMemory(t *testing.T) {
	runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, _ *sentWrites) {
		remove := b.sls.Hook(slsfake.OpPutLogs, lostAnswer)
		require.Equal(t, Retry, b.flush(chunk(0, 10, 10)))
		wait(t, 3*time.Hour) // memory has forgotten it, the number has no age
		remove()
		require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
		b.requireOnce(0, 10)

		b.sls.Hook(slsfake.OpPutLogs, slsfake.First(1, lostAnswer))
		b.kill()
		require.Equal(t, OK, b.flush(chunk(0, 10, 10)))
		require.Equal(t, 2, b.stored()["0"], "it is another chunk")
	})
}

// Records that are there twice arrive twice, also when their numbers are open.
func TestOnceOfEqualChunks(t *testing.T) {
	for _, heap := range []bool{false, true} {
		runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, _ *sentWrites) {
			first, second := chunk(0, 10, 10), chunk(0, 10, 10)
			if !heap {
				first, second = onDisk(t, first), onDisk(t, second)
			}
			remove := b.sls.Hook(slsfake.OpPutLogs, lostAnswer)
			require.Equal(t, Retry, b.flush(first))
			require.Equal(t, Retry, b.flush(second))
			remove()
			require.Equal(t, OK, b.flushUntil(second, OK))
			require.Equal(t, OK, b.flushUntil(first, OK))
			for n, times := range b.stored() {
				require.GreaterOrEqual(t, times, 2, n)
			}
		})
	}
}

// An equal chunk does not take the number that the other has open on file: after a kill the
// refusal of that number would pass for the acceptance of both.
func TestOnceOfEqualChunksAcrossAKill(t *testing.T) {
	runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, _ *sentWrites) {
		first, second := onDisk(t, chunk(0, 10, 10)), onDisk(t, chunk(0, 10, 10))
		remove := b.sls.Hook(slsfake.OpPutLogs, lostAnswer)
		require.Equal(t, Retry, b.flush(first))
		remove()
		require.Equal(t, OK, b.flush(second))
		b.kill()
		require.Equal(t, OK, b.flush(first))
		for n, times := range b.stored() {
			require.Equal(t, 2, times, n)
		}
		require.Len(t, b.stored(), 10)
		require.Zero(t, b.numbers.Stats())
	})
}

// With a hash key the key of a slot is in the shard of its bucket.
func TestOnceKeepsTheBucket(t *testing.T) {
	runOnce(t, "hash_key=$n hash_buckets=4", func(t *testing.T, b *bench, sent *sentWrites) {
		require.Equal(t, OK, b.flush(onDisk(t, chunk(0, 100, 10))))
		b.requireOnce(0, 100)
		heads := map[string]bool{}
		for _, s := range sent.list() {
			heads[keyOf(s)[:8]] = true
		}
		require.Equal(t, map[string]bool{"00000000": true, "40000000": true, "80000000": true, "c0000000": true}, heads)
	})
}

// The server may forget a key: that costs a duplicate.
func TestOnceWhenTheServerForgets(t *testing.T) {
	runWith(t, slsfake.Config{MaxSequences: 1}, "exactly_once=on flush_timeout=1s state_path="+t.TempDir(), func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, lostAnswer)
		first := onDisk(t, chunk(0, 10, 10))
		require.Equal(t, Retry, b.flush(first))
		remove()
		for i := range 40 {
			require.Equal(t, OK, b.flush(onDisk(t, chunk(10+10*i, 20+10*i, 10))))
		}
		require.Equal(t, OK, b.flush(first))
		require.Equal(t, 2, b.stored()["0"])
		require.Len(t, b.stored(), 410)
	})
}

// After a split, the state of the keys followed or not, nothing is lost.
func TestOnceAcrossASplit(t *testing.T) {
	for _, follows := range []bool{true, false} {
		runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, _ *sentWrites) {
			b.sls.SetSequencesFollow(follows)
			remove := b.sls.Hook(slsfake.OpPutLogs, lostAnswer)
			c := onDisk(t, chunk(0, 10, 10))
			require.Equal(t, Retry, b.flush(c))
			remove()
			for shard := range 2 {
				err := b.sls.SplitShard("pro", "logs", shard, []string{"40000000000000000000000000000000", "c0000000000000000000000000000000"}[shard])
				require.NoError(t, err)
			}
			wait(t, 3*time.Second) // by then the logstore does not count as down
			require.Equal(t, OK, b.flush(c))
			if follows {
				b.requireOnce(0, 10)
			} else {
				require.Equal(t, 2, b.stored()["0"])
			}
		})
	}
}

// A request that panics has no clear answer.
func TestOnceAfterAPanic(t *testing.T) {
	runOnce(t, "", func(t *testing.T, b *bench, _ *sentWrites) {
		b.panicAt[1] = true
		c := onDisk(t, chunk(0, 10, 10))
		require.Equal(t, Retry, b.flush(c))
		require.Equal(t, 1, b.numbers.Stats().Parked)
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 10)
	})
}

// Without a file nothing goes out.
func TestOnceNeedsItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	run(t, "exactly_once=on state_path="+file, func(t *testing.T, b *bench) {
		c := onDisk(t, chunk(0, 10, 10))
		require.Equal(t, Retry, b.flush(c))
		require.Zero(t, b.Stats().Requests)
		require.Contains(t, b.log.String(), "sequence numbers cannot be put on file")
		require.NoError(t, os.Remove(file))
		wait(t, 2*time.Second)
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 10)
	})
}

// A flush that comes as soon as the one before has left finds the numbers of that.
func TestOnceFlushThatFollowsAtOnce(t *testing.T) {
	runOnce(t, "flush_timeout=1s", func(t *testing.T, b *bench, sent *sentWrites) {
		remove := b.sls.Hook(slsfake.OpPutLogs, lostAnswer)
		c := onDisk(t, chunk(0, 10, 10))
		for range 20 {
			require.Equal(t, Retry, b.flush(c))
		}
		remove()
		require.Equal(t, OK, b.flushUntil(c, OK))
		b.requireOnce(0, 10)
		for _, s := range sent.list() {
			require.Equal(t, sent.list()[0], s)
		}
	})
}

func TestOnceOptions(t *testing.T) {
	of := func(given option.Map) error {
		var cfg Config
		return errors.Join(option.Parse(given, cfg.Options()), cfg.Validate())
	}
	require.ErrorContains(t, of(option.Map{"exactly_once": "on"}), `option exactly_once = "on": needs state_path`)
	require.NoError(t, of(option.Map{"exactly_once": "on", "state_path": "/state"}))
}
