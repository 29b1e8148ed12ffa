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
