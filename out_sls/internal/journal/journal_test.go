package journal

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var all = Span{0, 10}

// before is a time at which the chunks were made that an instance finds when it starts.
func before() time.Time { return time.Now().Add(-time.Hour) }

func TestDeliveredIsRememberedAcrossAKill(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		chunk := f.chunk("records", before())
		one := f.start()
		accept(t, one, begin(one, chunk), Span{4, 6}, Span{0, 2}, Span{2, 1})
		f.kill(one)

		for range 2 { // a claim is held in memory: the second kill finds all of it again
			j := f.start()
			c := begin(j, chunk)
			require.Equal(t, []Span{{0, 3}, {4, 6}}, c.Accepted(0))
			require.Nil(t, c.Accepted(1))
			f.kill(j)
		}
	})
}

// What a later instance adds to what it found is found together by the next.
func TestStatementsAddUpOverInstances(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		chunk := f.chunk("records", before())
		for i := range 3 {
			j := f.start()
			c := begin(j, chunk)
			for n := range i {
				require.Equal(t, []Span{all}, c.Accepted(n))
			}
			require.Nil(t, c.Accepted(i))
			require.NoError(t, j.Accept([]Accepted{{Chunk: c, Segment: i, Spans: []Span{all}}}))
			f.kill(j)
		}
	})
}

// The engine deletes a chunk after it has had the answer, and keeps one that another
// output is still to have.
func TestStatementsOutliveTheLastAnswer(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		chunk := f.chunk("records", before())
		for range 2 {
			j := f.start()
			c := begin(j, chunk)
			if c.Accepted(0) == nil {
				accept(t, j, c, all)
			}
			require.NoError(t, j.Close())
		}
		j := f.start()
		require.Equal(t, []Span{all}, begin(j, chunk).Accepted(0))
		f.kill(j)
	})
}

// Nothing is stated of what lies in memory: it dies with the process.
func TestChunkInMemoryIsNotTakenForOneOnDisk(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		onDisk := f.chunk("records", before())
		one := f.start()
		accept(t, one, begin(one, onDisk), all)
		f.kill(one)

		two := f.start()
		c := begin(two, []byte("records"))
		require.Nil(t, c.Accepted(0))
		accept(t, two, c, all)
		require.Equal(t, []Span{all}, begin(two, onDisk).Accepted(0), "its statement is still there")
		f.kill(two)
	})
}

// Of two equal chunks on disk the one that was never flushed is not taken for the other,
// at whatever time they were made.
func TestEqualChunkOfAnotherFileIsSent(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		for _, other := range [][]byte{f.chunk("records", before()), f.chunk("records", time.Now())} {
			first := f.chunk("records", before())
			one := f.start()
			accept(t, one, begin(one, first), all)
			f.kill(one)
			two := f.start()
			c := begin(two, other)
			require.Nil(t, c.Accepted(0))
			accept(t, two, c, all)
			f.kill(two)
		}
	})
}

// Before Linux 6.11 one list of the mappings tells where all chunks lie that flushes
// have. A chunk whose flush has left may be anywhere by then.
func TestOneListLocatesAllChunks(t *testing.T) {
	f := newFolder(t)
	f.slow = true
	j := f.start()
	first, second, left := f.chunk("first", before()), f.chunk("second", before()), f.chunk("left", before())
	a, b, c := begin(j, first), begin(j, second), begin(j, left)
	c.Leave()
	accept(t, j, a, all)
	require.Equal(t, j.origins.find(second), b.from)
	require.Empty(t, j.unlocated)
	accept(t, j, c, all)
	require.Equal(t, 1, j.Stats().Entries, "nothing is stated of a chunk that may lie anywhere")
	accept(t, j, b, all)
	require.Equal(t, 2, j.Stats().Entries)
	f.kill(j)
}

func wait(d time.Duration) { <-time.After(d) }

// Records that are there twice arrive twice: what is stated of one file is never taken for
// a statement about another, whichever of them are open.
func TestEqualChunksAreRememberedEach(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		first, second, third := f.chunk("records", before()), f.chunk("records", before()), f.chunk("records", before())
		j := f.start()
		a, b := begin(j, first), begin(j, second)
		require.NoError(t, j.Accept([]Accepted{{Chunk: a, Spans: []Span{{0, 5}}}}))
		require.NoError(t, j.Accept([]Accepted{{Chunk: b, Spans: []Span{{7, 2}}}}))
		require.Nil(t, begin(j, third).Accepted(0))
		accept(t, j, a, Span{5, 5})
		for range 2 {
			j = f.restart(j)
			require.Equal(t, []Span{all}, begin(j, first).Accepted(0))
			require.Equal(t, []Span{{7, 2}}, begin(j, second).Accepted(0))
			require.Nil(t, begin(j, third).Accepted(0))
		}
		f.kill(j)
	})
}

// A chunk that was handed back is known again by its file.
func TestReturnedChunkIsToldFromAnEqualOne(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		first, second := f.chunk("records", before()), f.chunk("records", before())
		id := Identify("tag", first)
		j := f.start()
		a := j.Begin(id, first, nil)
		a.Keep()
		require.Same(t, a, j.Begin(id, first, a))
		require.NotSame(t, a, j.Begin(id, second, a))
		heap := []byte("records")
		h := j.Begin(id, heap, nil)
		h.Keep()
		require.Same(t, h, j.Begin(id, heap, h))
		f.kill(j)
	})
}

// Nothing is stated of a chunk that turns out to lie in memory: another could take it.
func TestNothingIsStatedOfAChunkInMemory(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		j := f.start()
		heap := []byte("records")
		c := begin(j, heap)
		accept(t, j, c, Span{0, 5})
		require.Zero(t, j.Stats().Entries)
		c.Keep()
		accept(t, j, c, Span{5, 5})
		require.Zero(t, j.Stats().Entries)
		f.kill(j)
	})
}

func TestStatementsOfAnotherConfigurationAreLeftAlone(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		chunk := f.chunk("records", before())
		for _, marks := range []uint64{1, 2} {
			f.marks = marks
			j := f.start()
			c := begin(j, chunk)
			require.Nil(t, c.Accepted(0))
			accept(t, j, c, Span{0, int(marks)})
			f.kill(j)
		}
		for _, marks := range []uint64{1, 2} {
			f.marks = marks
			j := f.start()
			require.Equal(t, []Span{{0, int(marks)}}, begin(j, chunk).Accepted(0))
			f.kill(j)
		}
	})
}

// One process has the file. Who waits for it delivers meanwhile, and looks each second.
func TestFileIsOfOneProcess(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		synctest.Test(t, func(t *testing.T) {
			wait(time.Hour)
			chunk, other := f.chunk("records", before()), f.chunk("other", before())
			one := f.start()
			two := f.start()
			require.True(t, one.Stats().Held)
			require.False(t, two.Stats().Held)
			require.Contains(t, f.lines.String(), "another process has the file")

			c := begin(two, chunk)
			accept(t, two, c, all)
			accept(t, one, begin(one, chunk), all)
			accept(t, one, begin(one, other), all)
			f.kill(one)
			begin(two, f.chunk("third", before()))
			require.False(t, two.Stats().Held)
			wait(time.Second)
			require.Equal(t, []Span{all}, begin(two, other).Accepted(0))
			require.True(t, two.Stats().Held)
			require.Equal(t, 2, two.Stats().Entries)
			f.kill(two)
			require.Equal(t, 2, strings.Count(f.lines.String(), "what is delivered is remembered"))
		})
	})
}

func TestForeignFilesAreSetAside(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"of another program": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("something else, but long enough for a head of sixty-four bytes..."), 0o600))
		},
		"short": func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte(magic), 0o600)) },
		"of a later version": func(t *testing.T, path string) {
			b := appendHead(nil, boot{})
			b[12]++
			require.NoError(t, os.WriteFile(path, seal(b), 0o600))
		},
		"damaged": func(t *testing.T, path string) {
			b := appendHead(nil, boot{})
			b[40]++
			require.NoError(t, os.WriteFile(path, b, 0o600))
		},
		"a link": func(t *testing.T, path string) { require.NoError(t, os.Symlink("/dev/null", path)) },
		"a pipe": func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) },
		"a folder": func(t *testing.T, path string) {
			require.NoError(t, os.Mkdir(path, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t)
			make(t, f.file())
			chunk := f.chunk("records", before())
			j := f.start()
			require.True(t, j.Stats().Held)
			accept(t, j, begin(j, chunk), all)
			f.kill(j)
			require.Contains(t, f.lines.String(), "is set aside")
			require.NotEmpty(t, must(os.Lstat(f.file()+".broken")))
			j = f.start()
			require.Equal(t, []Span{all}, begin(j, chunk).Accepted(0))
			f.kill(j)
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// An empty file is one that a kill has cut short, and no reason to complain.
func TestEmptyFileIsNew(t *testing.T) {
	f := newFolder(t)
	require.NoError(t, os.WriteFile(f.file(), nil, 0o600))
	j := f.start()
	require.True(t, j.Stats().Held)
	require.NotContains(t, f.lines.String(), "set aside")
	f.kill(j)
}

func TestTornFrameCostsOnlyItself(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		var chunks [][]byte
		j := f.start()
		for _, content := range []string{"a", "b", "c"} {
			chunks = append(chunks, f.chunk(content, before()))
			accept(t, j, begin(j, chunks[len(chunks)-1]), all)
		}
		f.kill(j)
		b := must(os.ReadFile(f.file()))
		b[2*frameSize+20] ^= 1
		require.NoError(t, os.WriteFile(f.file(), append(b, 1, 2, 3), 0o600))
		j = f.start()
		require.Equal(t, []Span{all}, begin(j, chunks[0]).Accepted(0))
		require.Nil(t, begin(j, chunks[1]).Accepted(0))
		require.Equal(t, []Span{all}, begin(j, chunks[2]).Accepted(0))
		f.kill(j)
	})
}

// The file is named after the section, whatever its name.
func TestFileIsNamedAfterTheSection(t *testing.T) {
	for name, file := range map[string]string{
		"sls.0": "sls.0.state", "to/prod": "to%2fprod.state", "..": "%2e..state", "100%": "100%25.state", "a\nb": "a%ab.state",
	} {
		c := Config{Folder: "/var", Name: name}
		require.Equal(t, filepath.Join("/var", file), c.Path())
	}
}

func TestNothingIsKnownWithoutAJournal(t *testing.T) {
	var c *Chunk
	c.Cut(1)
	c.Keep()
	c.Leave()
	require.Nil(t, c.Accepted(0))
}

func TestIdentity(t *testing.T) {
	// The same in every process and version: what is on file goes by it.
	require.Equal(t, "d05e747afbb280df421f23dbdd9a011e", fmtID(Identify("kube.app", []byte("records"))))
	require.NotEqual(t, Identify("a", []byte("x")), Identify("b", []byte("x")))
	require.NotEqual(t, Identify("a", []byte("x")), Identify("a", []byte("y")))
}
