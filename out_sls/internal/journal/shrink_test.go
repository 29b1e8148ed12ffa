package journal

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// somewhere begins a chunk that lies in a file, whichever.
func somewhere(j *Journal, id ID) *Chunk {
	c := j.Begin(id, nil, nil)
	c.from = originOf("7-1.1.flb")
	return c
}

// fill states of n chunks, numbered from first, that all of them is accepted.
func fill(t *testing.T, j *Journal, first, n, segments int) {
	for i := range n {
		id := Identify("fill", fmt.Append(nil, first+i))
		c := somewhere(j, id)
		c.Cut(segments)
		require.NoError(t, j.Accept([]Accepted{{Chunk: c, Spans: []Span{all}, Settled: true}}))
	}
}

func TestFullFileKeepsTheLatestAndWhatIsNotFinished(t *testing.T) {
	f := newFolder(t)
	f.slow = true // an empty chunk lies nowhere
	oldest, unfinished, recent := f.chunk("oldest", before()), f.chunk("unfinished", before()), f.chunk("recent", before())
	j := f.start()
	accept(t, j, begin(j, oldest), all)
	c := begin(j, unfinished)
	c.Cut(2)
	require.NoError(t, j.Accept([]Accepted{{Chunk: c, Spans: []Span{all}, Settled: true}}))
	fill(t, j, 0, j.capacity-3, 1)
	accept(t, j, begin(j, recent), all)
	require.Equal(t, j.capacity, j.Stats().Entries)
	require.Zero(t, j.Stats().EvictedYoung)

	fill(t, j, j.capacity, 1, 1)
	require.Equal(t, j.capacity/2+1+1, j.Stats().Entries, "half a file of those finished, the one that is not, and the new one")
	require.EqualValues(t, j.capacity-j.capacity/2-1, j.Stats().EvictedYoung)
	f.kill(j)

	require.LessOrEqual(t, must(os.Stat(f.file())).Size(), int64(MinSize))
	require.NoFileExists(t, f.file()+".new")
	j = f.start()
	require.Nil(t, begin(j, oldest).Accepted(0))
	require.Equal(t, []Span{all}, begin(j, unfinished).Accepted(0))
	require.Equal(t, []Span{all}, begin(j, recent).Accepted(0))
	f.kill(j)
}

// What had to go after an hour is no sign of a small file.
func TestOnlyYoungEvictionsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.slow = true
		j := f.start()
		fill(t, j, 0, j.capacity, 1)
		wait(time.Hour)
		fill(t, j, j.capacity, 1, 1)
		require.Zero(t, j.Stats().EvictedYoung)
		f.kill(j)
	})
}

// A second chunk of equal bytes is another one also after the file was replaced.
func TestSecondEqualChunkIsToldAfterTheFileWasReplaced(t *testing.T) {
	f := newFolder(t)
	f.slow = true
	first, second := f.chunk("records", before()), f.chunk("records", before())
	j := f.start()
	c := begin(j, first)
	fill(t, j, 0, j.capacity-1, 1)
	accept(t, j, c, all)
	fill(t, j, j.capacity, 1, 1)
	require.Nil(t, begin(j, second).Accepted(0))
	f.kill(j)
}

// A request can carry more segments than a small file has room for.
func TestMoreAtOnceThanThereIsRoomFor(t *testing.T) {
	f := newFolder(t)
	f.slow = true
	j := f.start()
	var list []Accepted
	for i := range j.capacity + 10 {
		list = append(list, Accepted{Chunk: somewhere(j, Identify("", fmt.Append(nil, i))), Spans: []Span{all}, Settled: true})
	}
	require.NoError(t, j.Accept(list))
	require.Equal(t, j.capacity, j.Stats().Entries)
	require.EqualValues(t, 10, j.Stats().EvictedYoung)
	f.kill(j)
}

func TestFileShrinksWithStateSize(t *testing.T) {
	f := newFolder(t)
	f.slow, f.size = true, 4*MinSize
	j := f.start()
	fill(t, j, 0, 3*MinSize/frameSize, 1)
	f.kill(j)
	f.size = MinSize
	j = f.start()
	fill(t, j, 1<<20, 1, 1)
	require.Equal(t, j.capacity/2+1, j.Stats().Entries)
	f.kill(j)
	require.LessOrEqual(t, must(os.Stat(f.file())).Size(), int64(MinSize))
}

// failing makes writes fail while on.
func failing(j *Journal, on *bool) {
	write := j.store.writeAt
	j.store.writeAt = func(f *os.File, b []byte, at int64) (int, error) {
		if !*on {
			return write(f, b, at)
		}
		n, _ := write(f, b[:len(b)/2], at) // as much as there is room for
		return n, syscall.ENOSPC
	}
}

// A full disk costs the memory of what could not be written, and nothing else.
func TestFullDiskCostsTheMemoryOnly(t *testing.T) {
	both(t, func(t *testing.T, f *folder) {
		kept, forgotten := f.chunk("kept", before()), f.chunk("forgotten", before())
		j := f.start()
		full := false
		failing(j, &full)
		accept(t, j, begin(j, kept), all)
		full = true
		c := begin(j, forgotten)
		require.ErrorIs(t, j.Accept([]Accepted{{Chunk: c, Spans: []Span{all}}}), syscall.ENOSPC)
		require.Equal(t, Stats{Held: true, Entries: 1, Errors: 1}, j.Stats())
		full = false
		j = f.restart(j)
		require.Equal(t, []Span{all}, begin(j, kept).Accepted(0))
		require.Nil(t, begin(j, forgotten).Accepted(0))
		f.kill(j)
	})
}

// A full file on a full disk cannot be replaced, which takes time to find out.
func TestFullFileOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		f.slow = true
		j := f.start()
		fill(t, j, 0, j.capacity, 1)
		full := true
		failing(j, &full)
		c := somewhere(j, Identify("", nil))
		require.ErrorIs(t, j.Accept([]Accepted{{Chunk: c, Spans: []Span{all}}}), syscall.ENOSPC)
		require.ErrorContains(t, j.Accept([]Accepted{{Chunk: c, Spans: []Span{all}}}), "could not be replaced just now")
		require.NoFileExists(t, f.file()+".new")
		require.Equal(t, j.capacity, j.Stats().Entries)
		full = false
		wait(time.Second)
		require.NoError(t, j.Accept([]Accepted{{Chunk: c, Spans: []Span{all}}}))
		f.kill(j)
	})
}

// A folder that nothing can be written to is told of, and tried again.
func TestFolderThatCannotBeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		require.NoError(t, os.WriteFile(f.path+"/file", nil, 0o600))
		f.path += "/file"
		j := f.start()
		chunk := f.chunk("records", before())
		require.NoError(t, j.Accept([]Accepted{{Chunk: begin(j, chunk), Spans: []Span{all}}}))
		require.False(t, j.Stats().Held)
		for range 3 {
			wait(time.Second)
			begin(j, f.chunk("other", before()))
		}
		require.Equal(t, 1, strings.Count(f.lines.String(), "the file cannot be used"))
		require.NoError(t, os.Remove(f.path))
		wait(time.Second)
		begin(j, f.chunk("another", before()))
		require.True(t, j.Stats().Held)
		f.kill(j)
	})
}
