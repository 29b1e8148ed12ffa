package producer

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zeebo/xxh3"

	"fluent-bit-sls/out_sls/internal/route"
	"fluent-bit-sls/out_sls/internal/segment"
	"fluent-bit-sls/shared/option"
	"fluent-bit-sls/tests/slsfake"
)

// onDisk is a chunk as the engine hands it over with filesystem storage: within the
// mapping of its file.
func onDisk(t *testing.T, chunk []byte) []byte {
	t.Helper()
	const head = 100 // what the engine has before the content
	name := filepath.Join(t.TempDir(), fmt.Sprintf("1-%d.%4d.flb", time.Now().Add(-time.Hour).Unix(), rand.IntN(1e9)))
	require.NoError(t, os.WriteFile(name, append(make([]byte, head), chunk...), 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close()
	b, err := syscall.Mmap(int(f.Fd()), 0, head+len(chunk), syscall.PROT_READ, syscall.MAP_SHARED)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Munmap(b) })
	return b[head:]
}

// kill ends the instance as far as its state is concerned, and starts the next one.
func (b *bench) kill() {
	b.t.Helper()
	require.NoError(b.t, b.journal.Close())
	b.Stop(b.t.Context())
	p, err := New(b.cfg, b.router, b.client, slog.New(slog.NewTextHandler(b.log, nil)))
	require.NoError(b.t, err)
	b.Producer = p
}

// runState is run with a state_path.
func runState(t *testing.T, set string, fn func(t *testing.T, b *bench)) {
	run(t, "state_path="+t.TempDir()+" "+set, fn)
}

// What is delivered of a chunk is not delivered again after a kill, and a second kill
// finds it again.
func TestStateOutlivesKills(t *testing.T) {
	runState(t, "batch_count=10", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) {
			if c.N%2 == 0 {
				c.Fail(401, "Unauthorized", "")
			}
		})
		c := onDisk(t, chunk(0, 200, 10))
		for range 3 {
			require.Equal(t, Retry, b.flush(c))
			b.kill()
		}
		before := len(b.stored())
		require.Greater(t, before, 100)
		require.Less(t, before, 200)
		remove()
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 200)
		require.EqualValues(t, before, b.Stats().Remembered)

		b.kill() // the answer did not come through, or another output has the chunk still
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 200)
	})
}

// An answer that comes after the flush gave up is on disk as well.
func TestStateHasLateAnswers(t *testing.T) {
	runState(t, "flush_timeout=5s", func(t *testing.T, b *bench) {
		remove := b.sls.Hook(slsfake.OpPutLogs, func(c *slsfake.Call) { c.DelayAfter(8 * time.Second) })
		c := onDisk(t, chunk(0, 10, 10))
		require.Equal(t, Retry, b.flush(c))
		remove()
		wait(t, 4*time.Second)
		b.kill()
		require.Equal(t, OK, b.flush(c))
		b.requireOnce(0, 10)
	})
}

// Halves of a request that SLS refuses are remembered by themselves. What it refuses for
// good is tried again by the next instance: the letter may not be written yet.
func TestStateNamesAcceptedLogsOnly(t *testing.T) {
	runState(t, "", func(t *testing.T, b *bench) {
		c := onDisk(t, append(append(chunk(0, 7, 10), event(7, 1<<20+1)...), chunk(8, 20, 10)...))
		require.Equal(t, Error, b.flush(c))
		require.Greater(t, b.Stats().Requests, uint64(5))
		b.kill()
		require.Equal(t, Error, b.flush(c))
		require.EqualValues(t, 1, b.Stats().Requests, "the refused one alone")
		require.EqualValues(t, 19, b.Stats().Remembered)
		require.Len(t, b.sls.Logs("pro", "logs"), 19)
	})
}

// Records that are there twice arrive twice, whatever is killed in between.
func TestStateOfEqualChunks(t *testing.T) {
	runState(t, "", func(t *testing.T, b *bench) {
		first, second := onDisk(t, chunk(0, 10, 10)), onDisk(t, chunk(0, 10, 10))
		require.Equal(t, OK, b.flush(first))
		require.Equal(t, OK, b.flush(second))
		for n, times := range b.stored() {
			require.Equal(t, 2, times, n)
		}
	})
}

// A disk that is full costs the memory, not the delivery.
func TestStateThatCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	run(t, "state_path="+file, func(t *testing.T, b *bench) {
		require.Equal(t, OK, b.flush(onDisk(t, chunk(0, 10, 10))))
		b.requireOnce(0, 10)
		require.Equal(t, 1, strings.Count(b.log.String(), "nothing is remembered"))
	})
}

// What decides about cutting and encoding is in the fingerprint, and nothing else.
func TestFingerprint(t *testing.T) {
	of := func(set string) uint64 {
		given := option.Map{"project": "pro", "logstore": "logs"}
		for pair := range strings.FieldsSeq(set) {
			k, v, _ := strings.Cut(pair, "=")
			given[k] = v
		}
		var cfg Config
		var to route.Config
		require.NoError(t, option.Parse(given, cfg.Options()))
		require.NoError(t, option.Parse(given, to.Options()))
		router, err := route.New(to)
		require.NoError(t, err)
		return cfg.fingerprint(router)
	}
	base := of("")
	for _, set := range []string{"", "concurrency=3", "compress=zstd", "flush_timeout=5s", "memory_limit=9M", "ordered=on", "linger=1s", "old_log_time=drop"} {
		require.Equal(t, base, of(set), set)
	}
	seen := map[uint64]string{base: ""}
	for _, set := range []string{
		"project=other", "logstore=other", "topic=a", "topic=$a|b", "source=a", "tags=a=b", "hash_key=$a", "hash_key=$a hash_buckets=8",
		"max_destinations=20", "max_log_groups=3", "batch_bytes=1M", "batch_count=3", "pack_id=on", "log_key=a", "include_keys=a",
		"exclude_keys=a", "tag_key=a", "time_key=a", "nested=flatten", "metadata=on", "restore_meta=record", "reserved_fields=keep",
	} {
		mark := of(set)
		require.NotContains(t, seen, mark, "%s and %s", set, seen[mark])
		seen[mark] = set
	}
}

// A chunk is cut as it was by the release before: what is remembered goes by numbers of
// segments and logs. If this fails, raise segment.CuttingVersion with the new values.
func TestCuttingVersion(t *testing.T) {
	require.Equal(t, 1, segment.CuttingVersion)
	for set, want := range map[string]string{
		"batch_count=7 logstore=$n|none allow_destinations=*": "7fdc4214fef01715",
		"batch_bytes=16k":                             "a6f2659f5c888da1",
		"nested=flatten tag_key=tag time_key=time":    "ac90b3a026d080e3",
		"hash_key=$n hash_buckets=8 batch_count=1000": "b3aa748d14b90e4b",
	} {
		run(t, set, func(t *testing.T, b *bench) {
			var c []byte
			for i := range 300 {
				c = append(c, eventNamed(time.Unix(1_700_000_000, int64(i)), fmt.Sprint("n", i%13), i)...)
			}
			hash := xxh3.New()
			_, err := b.cutter.Cut("kube.app", c, func(s *segment.Segment) error {
				_, _ = fmt.Fprintf(hash, "%s %s %s %d\n", s.To.Logstore, s.To.Topic, s.To.HashKey, s.Count)
				_, _ = hash.Write(s.Logs)
				b.budget.Discard(s)
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, want, fmt.Sprintf("%x", hash.Sum64()), set)
		})
	}
}
