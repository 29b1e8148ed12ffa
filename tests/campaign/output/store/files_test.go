package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fluent-bit-sls/tests/campaign/output/record"
	"fluent-bit-sls/tests/campaign/plan"
	"fluent-bit-sls/tests/campaign/report"
)

// A chunk lies in its file until every output has it, and comes again at each restart before.
func TestChunksInFiles(t *testing.T) {
	p := plan.Plan{Seed: 1}
	now := time.Duration(0)
	f := NewFeed(&p, 3, "a", record.NewTemplates(&p), func() time.Duration { return now }, func(*Chunk) {})
	failures := &report.Failures{Out: &bytes.Buffer{}}
	dir := t.TempDir()
	f.KeepFiles(dir, failures)
	files := func() []string {
		names, err := filepath.Glob(filepath.Join(dir, "storage-3", "*.flb"))
		require.NoError(t, err)
		return names
	}
	sent := map[*Chunk]bool{}
	for range 100 {
		c, _ := f.Take()
		require.FileExists(t, c.Path)
		file, err := os.ReadFile(c.Path)
		require.NoError(t, err)
		require.Equal(t, c.Tag+string(c.Data), string(file[24:]))
		sent[c] = true
		f.Discard(c)
		require.Zero(t, f.Pending())
	}
	held := files()
	require.Len(t, held, maxHeld)
	f.Restart()
	require.Equal(t, maxHeld, f.Pending())
	now = time.Minute
	again := 0
	for f.Pending() > 0 {
		c, _ := f.Take()
		if sent[c] {
			again++
			require.Contains(t, held, c.Path)
			require.Equal(t, 2, c.Flushes)
			f.closed = true // no new ones from now on
		}
		f.Discard(c)
	}
	require.Equal(t, maxHeld, again)
	f.Close()
	require.Empty(t, files())
	_, done := f.Take()
	require.True(t, done)
	require.Zero(t, failures.Count())
}

// With memory storage nothing is left after the acknowledgement.
func TestChunksInMemory(t *testing.T) {
	p := plan.Plan{Seed: 1}
	f := NewFeed(&p, 3, "a", record.NewTemplates(&p), func() time.Duration { return 0 }, func(*Chunk) {})
	for range 100 {
		c, _ := f.Take()
		require.Empty(t, c.Path)
		f.Discard(c)
	}
	f.Restart()
	require.Zero(t, f.Pending())
}

// A file that cannot be written is an error.
func TestChunkThatCannotBeWritten(t *testing.T) {
	p := plan.Plan{Seed: 1}
	f := NewFeed(&p, 3, "a", record.NewTemplates(&p), func() time.Duration { return 0 }, func(*Chunk) {})
	failures := &report.Failures{Out: &bytes.Buffer{}}
	f.KeepFiles(t.TempDir(), failures)
	require.NoError(t, os.RemoveAll(f.files.dir))
	f.Take()
	require.Equal(t, 1, failures.Count())
}

// An engine drops chunks that came back, and makes chunks of equal bytes.
func TestGivenUpAndEqualChunks(t *testing.T) {
	p := plan.Plan{Seed: 1}
	now := time.Duration(0)
	f := NewFeed(&p, 4, "a", record.NewTemplates(&p), func() time.Duration { now += time.Second; return now }, func(*Chunk) {})
	f.KeepFiles(t.TempDir(), &report.Failures{Out: &bytes.Buffer{}})
	f.Attacks = Attacks{Twins: true, GivesUp: true, Jumps: true}
	gone, twins := 0, 0
	for n := range 300 {
		c, _ := f.Take()
		if c.Twin != nil {
			twins++
			require.Equal(t, c.Twin.Data, c.Data)
			require.Equal(t, c.Twin.Tag, c.Tag)
			require.NotEqual(t, c.Twin.Path, c.Path)
		}
		if n%2 == 0 {
			f.Discard(c)
			continue
		}
		for _, lost := range f.GiveBack(c, true) {
			gone++
			require.NoFileExists(t, lost.Path)
			require.NotContains(t, f.waiting, lost)
		}
	}
	require.Positive(t, gone)
	require.Positive(t, twins)
	require.Equal(t, len(f.waiting), f.Pending())
}
